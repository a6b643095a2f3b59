import type { Kysely } from 'kysely';
import type { Dialect } from './database.js';
import type { Tables } from './tables.js';

/** What differs between SQLite and PostgreSQL; `SqlDatabase` makes a `Database` of it. */
export interface Engine {
  readonly dialect: Dialect;
  /** Name of the setting that leads to the rows, for sentences at start. */
  readonly setting: 'DATA_DIR' | 'DATABASE_URL';
  readonly kysely: Kysely<Tables>;
  readonly readOnly: boolean;
  /** Of a read-only engine that must be given its schema first: from now on nothing is written. */
  readonly seal?: () => void;
  /** Waits for what runs, then lets go of files and connections. */
  close(): Promise<void>;
}
