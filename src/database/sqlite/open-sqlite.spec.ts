import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SqliteFile from 'better-sqlite3';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../test/support/fake-clock.js';
import type { Engine } from '../engine.js';
import { openSqlite, SQLITE_FILE_NAME } from './open-sqlite.js';

const MIB = 1_048_576;

describe('openSqlite', () => {
  let folder: string;
  let lockClock: FakeClock;
  const engines: Engine[] = [];
  const others: SqliteFile.Database[] = [];

  const open = async (readOnly = false, where = folder): Promise<Engine> => {
    const clock = new FakeClock();
    const engine = await openSqlite({ folder: where, readOnly, pageCacheBytes: MIB, clock, lockClock });
    engines.push(engine);
    return engine;
  };
  /** Another process that holds the whole file, as one that recovers it does. */
  const holdFile = (): SqliteFile.Database => {
    const other = new SqliteFile(join(folder, SQLITE_FILE_NAME));
    others.push(other);
    other.exec('pragma journal_mode = delete; begin exclusive');
    return other;
  };
  const write = (engine: Engine, n: number): Promise<unknown> =>
    sql`insert into t values (${n})`.execute(engine.kysely);
  const numbers = async (engine: Engine): Promise<number[]> =>
    (await sql<{ n: number }>`select n from t order by n`.execute(engine.kysely)).rows.map(({ n }) => n);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plimsoll-open-'));
    lockClock = new FakeClock();
    const engine = await open();
    await sql`create table t (n integer)`.execute(engine.kysely);
    await write(engine, 1);
  });

  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.close();
    for (const other of others.splice(0)) other.close();
    await rm(folder, { recursive: true });
    expect(lockClock.pendingTimers).toBe(0);
  });

  it.each([
    ['to write', false],
    ['to read', true],
  ])('waits %s while another process holds the file', async (_what, readOnly) => {
    await engines.pop()?.close();
    const other = holdFile();

    const opening = open(readOnly);
    await lockClock.advanceAsync(1_000, 25);
    expect(engines).toEqual([]);
    other.exec('rollback');
    await lockClock.advanceAsync(25);

    expect(await numbers(await opening)).toEqual([1]);
  });

  it('refuses a file that another process does not let go', async () => {
    await engines.pop()?.close();
    holdFile();

    const opening = open().catch((error: unknown) => error);
    await lockClock.advanceAsync(5_000, 25);

    expect(await opening).toMatchObject({ code: 'SQLITE_BUSY' });
  });

  it('waits for the writer of another process, and says so when it does not end', async () => {
    const [engine] = engines as [Engine];
    const other = new SqliteFile(join(folder, SQLITE_FILE_NAME));
    others.push(other);
    other.exec('begin immediate');

    const soon = Promise.all([
      write(engine, 2),
      engine.kysely.transaction().execute((queries) => sql`insert into t values (3)`.execute(queries)),
    ]);
    await lockClock.advanceAsync(1_000, 25);
    expect(await numbers(engine)).toEqual([1]);
    other.exec('rollback');
    await lockClock.advanceAsync(25);
    await soon;

    other.exec('begin immediate');
    const never = write(engine, 4).catch((error: unknown) => error);
    await lockClock.advanceAsync(6_000, 25);
    expect(await never).toMatchObject({
      code: 'database-unavailable',
      message: 'The database cannot be used: another process holds its lock.',
    });
    other.exec('rollback');
    await write(engine, 5);
    expect(await numbers(engine)).toEqual([1, 2, 3, 5]);
  });

  it('leaves everything in the one file, and beside it what a reader needs where nothing may be written', async () => {
    await engines.pop()?.close();

    expect((await readdir(folder)).sort()).toEqual(
      ['', '-shm', '-wal'].map((end) => `${SQLITE_FILE_NAME}${end}`),
    );
    expect((await readFile(join(folder, `${SQLITE_FILE_NAME}-wal`))).length).toBe(0);
    const alone = join(folder, 'alone');
    await cp(join(folder, SQLITE_FILE_NAME), join(alone, SQLITE_FILE_NAME));
    expect(await numbers(await open(false, alone))).toEqual([1]);
  });

  it('changes no byte of the file and adds none beside it when it only reads', async () => {
    await engines.pop()?.close();
    const before = await readFile(join(folder, SQLITE_FILE_NAME));

    const reader = await open(true);
    expect(await numbers(reader)).toEqual([1]);
    await expect(write(reader, 2)).rejects.toMatchObject({ code: 'read-only' });
    await engines.pop()?.close();

    expect((await readFile(join(folder, SQLITE_FILE_NAME))).equals(before)).toBe(true);
    expect(await readdir(folder)).toHaveLength(3);
  });

  it('reads beside a server that writes', async () => {
    const [engine] = engines as [Engine];
    const reader = await open(true);

    await write(engine, 2);

    expect(await numbers(reader)).toEqual([1, 2]);
  });
});
