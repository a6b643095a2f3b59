import { resolve } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { sql } from 'kysely';
import type { Clock } from '../clock/index.js';
import { SettingsError, type Settings } from '../config/index.js';
import { isPlimsollError } from '../errors/index.js';
import type { ByteAccounts } from '../process-memory/index.js';
import { reasonOf } from './database-error.js';
import type { Engine } from './engine.js';
import { migrate } from './migrate.js';
import { MIGRATIONS } from './migrations/migration-list.js';
import { openPostgres } from './postgres/open-postgres.js';
import { SqlDatabase } from './sql-database.js';
import { openSqlite } from './sqlite/open-sqlite.js';

/** Page cache of one SQLite connection: this share of L, at most 8 MiB (measured: more does not make a page of 100 faster). */
const PAGE_CACHE_SHARE_OF_L = 1 / 64;
const MAX_PAGE_CACHE_BYTES = 8 * 1024 ** 2;

/** PostgreSQL may come up this much later than we do, ms (chosen: a container with a small cluster needs 2 to 10 s). */
const START_WAIT_MS = 30_000;
const START_PAUSE_MS = 500;

/**
 * Opens the rows that the settings name and brings their schema up to date.
 *
 * @throws SettingsError, one sentence, when they cannot be had: the start ends
 */
export async function openDatabase(
  settings: Settings,
  clock: Clock,
  accounts: ByteAccounts,
): Promise<SqlDatabase> {
  const { DATABASE_URL: url } = settings.values;
  return keepingAlive(() =>
    url === undefined ? openOnSqlite(settings, clock, accounts) : openOnPostgres(url, settings, clock),
  );
}

/** Timers of the clock keep no process alive, and before the server listens nothing else does: a wait would end it. */
async function keepingAlive<T>(work: () => Promise<T>): Promise<T> {
  const { port1: awake } = new MessageChannel();
  awake.ref();
  try {
    return await work();
  } finally {
    awake.close();
  }
}

async function openOnSqlite(settings: Settings, clock: Clock, accounts: ByteAccounts): Promise<SqlDatabase> {
  const { DATA_DIR, READ_ONLY: readOnly } = settings.values;
  const pageCacheBytes = Math.min(MAX_PAGE_CACHE_BYTES, settings.memory.lineBytes * PAGE_CACHE_SHARE_OF_L);
  const folder = resolve(DATA_DIR);
  const engine = await openSqlite({ folder, readOnly, pageCacheBytes, clock }).catch((error: unknown) => {
    throw refusal('DATA_DIR', error);
  });
  const schemaVersion = await migrated(engine, clock);
  const account = accounts.open('database', 2 * pageCacheBytes);
  // SQLite does not say what its caches hold: they count as full.
  account.usedBytes = 2 * pageCacheBytes;
  return new SqlDatabase(engine, schemaVersion, clock, Math.random, () => account.close());
}

async function openOnPostgres(url: string, settings: Settings, clock: Clock): Promise<SqlDatabase> {
  const { DATABASE_POOL_SIZE: poolSize, READ_ONLY: readOnly } = settings.values;
  const patient = openPostgres({ url, poolSize: 1, readOnly, withoutTimeouts: true });
  await whenReachable(patient, clock);
  const schemaVersion = await migrated(patient, clock);
  await patient.close();
  return new SqlDatabase(openPostgres({ url, poolSize, readOnly }), schemaVersion, clock);
}

/** A server that is started at the same time may need a moment; what then still fails is told by the migration. */
async function whenReachable({ kysely }: Engine, clock: Clock): Promise<void> {
  const startedMs = clock.monotonicMs();
  for (;;) {
    try {
      await sql`select 1`.execute(kysely);
      return;
    } catch (error) {
      if (!isPlimsollError(error, 'database-unavailable')) return;
      if (clock.monotonicMs() - startedMs >= START_WAIT_MS) return;
    }
    await new Promise<void>((resolve) => void clock.after(START_PAUSE_MS, resolve));
  }
}

async function migrated(engine: Engine, clock: Clock): Promise<string> {
  try {
    return await migrate(engine, MIGRATIONS, clock.now());
  } catch (error) {
    await engine.close();
    throw refusal(engine.setting, error);
  }
}

/** A fault of the program stays what it is. */
function refusal(setting: Engine['setting'], error: unknown): unknown {
  if (isPlimsollError(error, 'database-unavailable'))
    return new SettingsError([`${setting}: ${error.message}`]);
  const reason = reasonOf(error) ?? folderReason(error);
  return reason === undefined
    ? error
    : new SettingsError([`${setting}: the database cannot be used: ${reason}.`]);
}

function folderReason(error: unknown): string | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall === undefined ? undefined : `its folder cannot be made or opened (${String(code)})`;
}
