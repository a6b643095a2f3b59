import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import SqliteFile from 'better-sqlite3';
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { Clock } from '../../clock/index.js';
import type { Engine } from '../engine.js';
import type { Tables } from '../tables.js';
import { Checkpointer } from './checkpointer.js';
import { SqliteDriver } from './sqlite-driver.js';
import { Statements } from './statements.js';
import { Turn } from './turn.js';
import { WriteAheadLog } from './write-ahead-log.js';
import { WriteQueue } from './write-queue.js';

/** In DATA_DIR. */
export const SQLITE_FILE_NAME = 'plimsoll.db';

export interface SqliteOptions {
  /** Folder of the file; made when it is missing. */
  readonly folder: string;
  readonly readOnly: boolean;
  /** Page cache of each of the two connections, bytes. */
  readonly pageCacheBytes: number;
  readonly clock: Clock;
}

/** SQLite shortens the log by itself, and blocks meanwhile, at this size: 64 MiB in pages of 4 096 bytes. */
const LARGEST_LOG_PAGES = 16_384;

/**
 * Opens, or makes, the file. What was acknowledged survives a kill and a power loss: every commit is flushed before it is acknowledged.
 *
 * @throws the error of SQLite
 */
export function openSqlite({ folder, readOnly, pageCacheBytes, clock }: SqliteOptions): Engine {
  const path = join(folder, SQLITE_FILE_NAME);
  const { writer, reader } = readOnly ? openReadOnly(path) : openBoth(path, folder);
  for (const { file } of new Set([reader, writer ?? reader])) {
    file.pragma('foreign_keys = on');
    file.pragma(`cache_size = -${Math.floor(pageCacheBytes / 1024)}`);
  }
  const queue = new WriteQueue(clock);
  const durability = readOnly ? NOTHING_TO_KEEP : keepDurable(path, folder, queue, clock);
  const { committed, finish } = durability;
  const driver = new SqliteDriver({ writer, reader, queue, committed, turn: new Turn(clock), clock }, finish);
  const kysely = new Kysely<Tables>({
    dialect: {
      createDriver: () => driver,
      createAdapter: () => new SqliteAdapter(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
  return {
    dialect: 'sqlite',
    setting: 'DATA_DIR',
    kysely,
    readOnly,
    ...(readOnly && writer !== null ? { seal: () => void writer.file.pragma('query_only = on') } : {}),
    close: () => driver.destroy(),
  };
}

interface Durability {
  /** After each commit. */
  readonly committed: () => Promise<void>;
  /** Before the files close. */
  readonly finish: () => Promise<void>;
}

const NOTHING_TO_KEEP: Durability = { committed: () => Promise.resolve(), finish: () => Promise.resolve() };

function keepDurable(path: string, folder: string, queue: WriteQueue, clock: Clock): Durability {
  const log = new WriteAheadLog(`${path}-wal`, folder);
  const checkpointer = new Checkpointer(path, log, queue, clock);
  return {
    committed: () => {
      checkpointer.afterCommit();
      return log.sync();
    },
    finish: async () => {
      await checkpointer.close();
      await log.close();
    },
  };
}

interface Connections {
  readonly writer: Statements | null;
  readonly reader: Statements;
}

function openBoth(path: string, folder: string): Connections {
  mkdirSync(folder, { recursive: true });
  // No waiting inside SQLite, which would block the event loop; `SqliteSession` waits instead.
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

/** Without a file there is nothing to read: an empty database in memory stands in. */
function openReadOnly(path: string): Connections {
  if (!existsSync(path)) {
    const memory = new Statements(new SqliteFile(':memory:'));
    return { writer: memory, reader: memory };
  }
  try {
    const file = new SqliteFile(path, { readonly: true, timeout: 0 });
    file.pragma('schema_version');
    return { writer: null, reader: new Statements(file) };
  } catch (error) {
    // On a medium that cannot be written, SQLite cannot make its shared memory; nobody else can write there either.
    if (existsSync(`${path}-wal`)) throw error;
    const file = new SqliteFile(`file:${encodeURI(path)}?immutable=1`, { readonly: true });
    file.pragma('schema_version');
    return { writer: null, reader: new Statements(file) };
  }
}
