import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/clock/index.js';
import { loadSettings } from '../../src/config/index.js';
import { openDatabase, type SqlDatabase } from '../../src/database/index.js';
import { ByteAccounts, readMachineMemory } from '../../src/process-memory/index.js';
import { FakeClock } from './fake-clock.js';

export interface TestDatabase {
  readonly database: SqlDatabase;
  /** Folder of the file; a second database may be opened on it. */
  readonly dataDir: string;
  /** Closes the database and removes its folder. */
  close(): Promise<void>;
}

export interface TestDatabaseOptions {
  readonly clock?: Clock;
  /** A folder that outlives the database. */
  readonly dataDir?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A real database with the whole schema: SQLite in a folder of its own, unless the settings say otherwise. */
export async function openTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { clock = new FakeClock(), settings = {} } = options;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'plimsoll-db-')));
  const loaded = loadSettings(
    { DATA_DIR: dataDir, ...settings },
    { ...readMachineMemory(), containerLimitBytes: null },
  );
  const database = await openDatabase(loaded, clock, new ByteAccounts());
  return {
    database,
    dataDir,
    close: async () => {
      await database.onApplicationShutdown();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
