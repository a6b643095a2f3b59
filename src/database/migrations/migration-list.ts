import { BOOKMARKS } from './0001-bookmarks.js';
import { JOBS } from './0002-jobs.js';
import { SEARCH } from './0003-search.js';
import type { Migration } from './migration.js';

/** Every step of the schema, oldest first. Only appended to: what was released is never changed. */
export const MIGRATIONS: readonly Migration[] = [BOOKMARKS, JOBS, SEARCH];
