import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import SqliteFile from 'better-sqlite3';
import { SettingsError } from '../../config/index.js';
import { isNotReadable } from '../database-error.js';
import { Statements } from './statements.js';

export interface Connections {
  /** `null`: nothing is written. */
  readonly writer: Statements | null;
  readonly reader: Statements;
}

/** SQLite shortens the log by itself, and blocks meanwhile, at this size: 64 MiB in pages of 4 096 bytes. */
const LARGEST_LOG_PAGES = 16_384;

/** Opens, or makes, the file. @throws the error of SQLite, also when another process holds the lock at this moment */
export function openBoth(path: string, folder: string): Connections {
  mkdirSync(folder, { recursive: true });
  // No waiting inside SQLite, which would block the event loop; `whenUnlocked` waits instead.
  const writer = new SqliteFile(path, { timeout: 0 });
  try {
    writer.pragma('journal_mode = wal');
    // `WriteAheadLog` flushes what a commit has written, beside the event loop.
    writer.pragma('synchronous = normal');
    // `Checkpointer` comes long before that; this is for when it fails.
    writer.pragma(`wal_autocheckpoint = ${LARGEST_LOG_PAGES}`);
    // Makes the log, so that it can be flushed from the first commit on.
    writer.exec('begin immediate; commit');
    return {
      writer: new Statements(writer),
      reader: new Statements(new SqliteFile(path, { readonly: true, timeout: 0 })),
    };
  } catch (error) {
    writer.close();
    throw error;
  }
}

/**
 * Opens the file without writing to it. Where there is none yet, an empty database in memory stands in: images are served
 * all the same, and lists are empty.
 *
 * @throws SettingsError when it cannot be read without writing beside it, else the error of SQLite
 */
export function openReadOnly(path: string): Connections {
  if (!existsSync(path)) {
    new Logger('Database').warn(
      'READ_ONLY is on and DATA_DIR holds no database yet: there are no bookmarks until this server is started again on one.',
    );
    const memory = new Statements(new SqliteFile(':memory:'));
    return { writer: memory, reader: memory };
  }
  const file = new SqliteFile(path, { readonly: true, timeout: 0 });
  try {
    file.pragma('schema_version');
    return { writer: null, reader: new Statements(file) };
  } catch (error) {
    file.close();
    throw isNotReadable(error) && mayRead(path) ? notWhole() : error;
  }
}

function mayRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** SQLite reads a file with a log through memory that processes share, a file beside it; it is there when a server ran here. */
const notWhole = (): SettingsError =>
  new SettingsError([
    'DATA_DIR: its database cannot be read without writing, and its folder may not be written: plimsoll.db came without its plimsoll.db-wal and plimsoll.db-shm. Copy all three, put a backup in their place, or start once without READ_ONLY.',
  ]);
