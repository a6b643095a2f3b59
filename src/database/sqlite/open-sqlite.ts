import { join } from 'node:path';
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { SystemClock, type Clock } from '../../clock/index.js';
import type { Engine } from '../engine.js';
import type { Tables } from '../tables.js';
import { Checkpointer } from './checkpointer.js';
import { whenUnlocked } from './lock-wait.js';
import { openBoth, openReadOnly } from './open-connections.js';
import { SqliteDriver } from './sqlite-driver.js';
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
  /** Of the waits for locks of other processes: their time goes by whatever a test says of ours. Real by default. */
  readonly lockClock?: Clock;
}

/**
 * Opens, or makes, the file; waits while another process starts, recovers or migrates it. What was acknowledged survives
 * a kill and a power loss: every commit is flushed before it is acknowledged.
 *
 * @throws the error of SQLite; SettingsError, see {@link openReadOnly}
 */
export async function openSqlite(options: SqliteOptions): Promise<Engine> {
  const { folder, readOnly, pageCacheBytes, clock, lockClock = new SystemClock() } = options;
  const path = join(folder, SQLITE_FILE_NAME);
  const { writer, reader } = await whenUnlocked(lockClock, () =>
    readOnly ? openReadOnly(path) : openBoth(path, folder),
  );
  for (const { file } of new Set([reader, writer ?? reader])) {
    file.pragma('foreign_keys = on');
    file.pragma(`cache_size = -${Math.floor(pageCacheBytes / 1024)}`);
  }
  const queue = new WriteQueue(clock);
  const durability = readOnly ? NOTHING_TO_KEEP : keepDurable(path, folder, queue, clock);
  const { committed, finish } = durability;
  const turn = new Turn(clock);
  const driver = new SqliteDriver({ writer, reader, queue, committed, turn, lockClock }, finish);
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
