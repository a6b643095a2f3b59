export { DATABASE, type Database, type DatabaseSnapshot, type Dialect, type Queries } from './database.js';
export { isUniqueViolation } from './database-error.js';
export { DatabaseModule } from './database.module.js';
export { runBackup, type CommandResult } from './run-backup.js';
export { openDatabase } from './open-database.js';
export { SqlDatabase } from './sql-database.js';
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
