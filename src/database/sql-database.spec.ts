import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import SqliteFile from 'better-sqlite3';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../test/support/fake-clock.js';
import { openTestDatabase, type TestDatabase } from '../../test/support/test-database.js';
import { SystemClock } from '../clock/index.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('SqlDatabase on SQLite', () => {
  let clock: FakeClock;
  let test: TestDatabase;

  beforeEach(async () => {
    clock = new FakeClock();
    test = await openTestDatabase({ clock });
  });

  afterEach(async () => {
    await test.close();
    expect(clock.pendingTimers).toBe(0);
  });

  const put = (name: string): Promise<unknown> =>
    test.database.queries.insertInto('state').values({ name, value: '1', updated_at: 0 }).execute();
  const names = async (): Promise<string[]> =>
    (await test.database.queries.selectFrom('state').select('name').orderBy('name').execute()).map(
      ({ name }) => name,
    );

  it('hands out positions in the order of commits, and takes back those of a transaction that fails', async () => {
    const { database } = test;

    const first = await database.transaction((queries) => database.nextChangeSeq(queries, 3));
    await expect(
      database.transaction(async (queries) => {
        await database.nextChangeSeq(queries, 5);
        throw new Error('planned');
      }),
    ).rejects.toThrow('planned');
    const second = await database.transaction((queries) => database.nextChangeSeq(queries, 1));

    expect([first, second]).toEqual([1, 4]);
    expect(database.snapshot()).toMatchObject({ dialect: 'sqlite', committed: 2, rolledBack: 1, retried: 0 });
  });

  it('runs one transaction at a time while reads see what was committed before', async () => {
    let finish = (): void => undefined;
    const held = new Promise<void>((resolve) => (finish = resolve));
    const first = test.database.transaction(async (queries) => {
      await queries.insertInto('state').values({ name: 'first', value: '1', updated_at: 0 }).execute();
      await held;
    });
    const second = put('second');
    await turn();

    expect(await names()).toEqual([]);
    await test.database.ping();
    finish();
    await Promise.all([first, second]);

    expect(await names()).toEqual(['first', 'second']);
  });

  it('gives the event loop its turn within a long transaction', async () => {
    const real = await openTestDatabase({ clock: new SystemClock(), dataDir: test.dataDir });
    let turns = 0;
    let over = false;
    const count = (): void => {
      turns++;
      if (!over) setImmediate(count);
    };
    setImmediate(count);

    await real.database.transaction(async (queries) => {
      for (let number = 0; number < 3_000; number++) {
        await queries
          .insertInto('state')
          .values({ name: `n${number}`, value: 'x'.repeat(200), updated_at: 0 })
          .execute();
      }
    });
    over = true;
    await real.close();

    // 3 000 statements take 30 ms and more: without pauses the loop would turn once.
    expect(turns).toBeGreaterThan(2);
  });

  it('enforces foreign keys', async () => {
    await expect(
      test.database.queries.insertInto('bookmark_tags').values({ bookmark_id: 'x', tag_id: 'y' }).execute(),
    ).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' });
  });

  it('reads while another process writes', async () => {
    const other = new SqliteFile(join(test.dataDir, 'plimsoll.db'));
    other.exec("begin immediate; insert into state values ('x', '1', 0)");

    expect(await names()).toEqual([]);
    other.exec('commit');
    expect(await names()).toEqual(['x']);

    other.close();
  });

  it('tells a full disk, writes nothing of that transaction, and goes on when there is room', async () => {
    await put('before');
    const pages = await sql<{ page_count: number }>`pragma page_count`.execute(test.database.queries);
    // Not a pragma that reads: it goes to the connection that writes.
    await test.database.transaction((queries) =>
      sql`pragma max_page_count = ${sql.lit(Number(pages.rows[0]?.page_count) + 2)}`.execute(queries),
    );

    const full = test.database.transaction(async (queries) => {
      for (let number = 0; number < 50; number++) {
        await queries
          .insertInto('state')
          .values({ name: `n${number}`, value: 'x'.repeat(4_000), updated_at: 0 })
          .execute();
      }
    });

    await expect(full).rejects.toMatchObject({
      code: 'database-unavailable',
      message: 'The database cannot be used: the disk is full.',
    });
    expect(await names()).toEqual(['before']);
    await test.database.transaction((queries) => sql`pragma max_page_count = 100000`.execute(queries));
    await put('after');
    expect(await names()).toEqual(['after', 'before']);
  });

  it('refuses to write and still reads when the server runs read-only', async () => {
    await put('before');
    const readOnly = await openTestDatabase({ clock, dataDir: test.dataDir, settings: { READ_ONLY: 'on' } });
    const { database } = readOnly;

    await expect(database.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'read-only' });
    await expect(database.queries.deleteFrom('state').execute()).rejects.toMatchObject({ code: 'read-only' });
    expect(await database.queries.selectFrom('state').select('name').execute()).toEqual([{ name: 'before' }]);

    await readOnly.close();
  });

  it('keeps nothing that is written to the database that stands in for none', async () => {
    await test.close();
    test = await openTestDatabase({ clock, settings: { READ_ONLY: 'on' } });

    await expect(put('lost')).rejects.toMatchObject({ code: 'database-unavailable' });
    expect(await names()).toEqual([]);
  });

  it.each([
    ['is no database', (path: string) => writeFile(path, 'x'.repeat(8_192)), 'its file is damaged'],
    ['was cut', (path: string) => truncate(path, 5_000), 'its file is damaged'],
  ])('refuses to start on a file that %s', async (_what, harm, reason) => {
    const other = await openTestDatabase({ clock });
    await other.database.onApplicationShutdown();
    await harm(join(other.dataDir, 'plimsoll.db'));

    await expect(openTestDatabase({ clock, dataDir: other.dataDir })).rejects.toMatchObject({
      name: 'SettingsError',
      problems: [`DATA_DIR: the database cannot be used: ${reason}.`],
    });

    await rm(other.dataDir, { recursive: true });
  });

  it('refuses to start where no folder can be made', async () => {
    const file = join(test.dataDir, 'a-file');
    await writeFile(file, '');

    await expect(openTestDatabase({ clock, dataDir: join(file, 'below') })).rejects.toMatchObject({
      name: 'SettingsError',
      problems: ['DATA_DIR: the database cannot be used: its folder cannot be made or opened (ENOTDIR).'],
    });
  });

  it('answers that it is shutting down once it is closed', async () => {
    await test.database.onApplicationShutdown();

    await expect(put('late')).rejects.toMatchObject({ code: 'shutting-down' });
    await expect(test.database.ping()).rejects.toMatchObject({ code: 'shutting-down' });

    test = await openTestDatabase({ clock });
  });
});
