export { DATABASE, type Database, type DatabaseSnapshot, type Dialect, type Queries } from './database.js';
export type {
  BookmarksTable,
  BookmarkTagsTable,
  CountersTable,
  EpochMs,
  Flag,
  JobsTable,
  JsonText,
  StateTable,
  Tables,
  TagsTable,
  TombstonesTable,
} from './tables.js';
