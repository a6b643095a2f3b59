import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { SystemClock } from '../../src/clock/index.js';
import type { SqlDatabase } from '../../src/database/index.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { openTestDatabase, type TestDatabase } from '../support/test-database.js';

/** As they are, but a server that does not answer is given up at once. */
class ImpatientClock extends SystemClock {
  private calls = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + 40_000 * this.calls++;
  }
}

describe('SqlDatabase on PostgreSQL', () => {
  let server: PostgresServer;
  let url: string;
  let test: TestDatabase;
  let database: SqlDatabase;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);

  afterAll(() => server.close());

  beforeEach(async () => {
    url = await server.createDatabase();
    test = await openTestDatabase({ clock: new SystemClock(), settings: { DATABASE_URL: url } });
    ({ database } = test);
  });

  afterEach(() => test.close());

  const put = (name: string, value = '1'): Promise<unknown> =>
    database.queries.insertInto('state').values({ name, value, updated_at: 0 }).execute();
  const names = async (): Promise<string[]> =>
    (await database.queries.selectFrom('state').select('name').orderBy('name').execute()).map(
      ({ name }) => name,
    );

  it('reads large numbers and counts as numbers', async () => {
    await database.queries
      .insertInto('state')
      .values({ name: 'a', value: '1', updated_at: 2 ** 53 - 1 })
      .execute();

    const row = await database.queries
      .selectFrom('state')
      .select(({ fn }) => [
        fn.max('updated_at').as('largest'),
        fn.countAll().as('count'),
        fn.sum('updated_at').as('sum'),
      ])
      .executeTakeFirst();

    expect(row).toEqual({ largest: 2 ** 53 - 1, count: 1, sum: 2 ** 53 - 1 });
  });

  it('compares text by its bytes, whatever the locale', async () => {
    for (const name of ['b', 'A', 'a', 'Z', 'ä']) await put(name);

    expect(await names()).toEqual(['A', 'Z', 'a', 'b', 'ä']);
  });

  it('runs a transaction again that met a deadlock', async () => {
    await put('a');
    await put('b');
    let arrived = 0;
    let both = (): void => undefined;
    const met = new Promise<void>((resolve) => (both = resolve));
    const append = (order: readonly string[]): Promise<void> =>
      database.transaction(async (queries) => {
        for (const name of order) {
          await queries
            .updateTable('state')
            .set({ value: sql`value || ${order[0] ?? ''}` })
            .where('name', '=', name)
            .execute();
          if (++arrived === 2) both();
          await met;
        }
      });

    await Promise.all([append(['a', 'b']), append(['b', 'a'])]);

    const rows = await database.queries.selectFrom('state').select('value').execute();
    expect(rows.map(({ value }) => [...value].sort().join(''))).toEqual(['1ab', '1ab']);
    expect(database.snapshot()).toMatchObject({
      dialect: 'postgres',
      committed: 2,
      rolledBack: 1,
      retried: 1,
    });
  });

  it('gives up on conflicts that never end', async () => {
    const conflict = database.transaction((queries) =>
      sql`do $$ begin raise exception 'planned' using errcode = '40001'; end $$`.execute(queries),
    );

    await expect(conflict).rejects.toMatchObject({
      code: 'database-unavailable',
      message: 'The database cannot be used: too many writers changed the same rows.',
    });
    expect(database.snapshot()).toMatchObject({ rolledBack: 5, retried: 4 });
  });

  it('hands out positions in the order of commits, also to another process', async () => {
    const other = await openTestDatabase({ clock: new SystemClock(), settings: { DATABASE_URL: url } });
    const taken: number[] = [];
    const take = (from: SqlDatabase): Promise<void> =>
      from.transaction(async (queries) => {
        taken.push(await from.nextChangeSeq(queries, 2));
      });

    await Promise.all(Array.from({ length: 20 }, (_, n) => take(n % 2 === 0 ? database : other.database)));

    expect(taken).toEqual(Array.from({ length: 20 }, (_, n) => 1 + 2 * n));
    await other.close();
  });

  it('tells a connection that breaks within a transaction, writes nothing of it, and goes on', async () => {
    const broken = database.transaction(async (queries) => {
      await queries.insertInto('state').values({ name: 'lost', value: '1', updated_at: 0 }).execute();
      await server.dropConnections();
      await queries.insertInto('state').values({ name: 'lost too', value: '1', updated_at: 0 }).execute();
    });

    await expect(broken).rejects.toMatchObject({ code: 'database-unavailable' });
    await put('after');
    expect(await names()).toEqual(['after']);
  });

  it('outlives a server that is away for a while', async () => {
    await put('before');
    await server.stop();
    await expect(put('lost')).rejects.toMatchObject({ code: 'database-unavailable', retryAfterSeconds: 5 });
    await expect(database.ping()).rejects.toMatchObject({ code: 'database-unavailable' });
    await server.start();

    await database.ping();
    expect(await names()).toEqual(['before']);
  });

  it('holds no more connections than the setting says, under its name', async () => {
    const small = await openTestDatabase({
      clock: new SystemClock(),
      settings: { DATABASE_URL: url, DATABASE_POOL_SIZE: '2' },
    });
    const counting = Array.from({ length: 8 }, () =>
      sql<{ count: number }>`select count(*) as count, pg_sleep(0.02) from pg_stat_activity
        where application_name = 'plimsoll' and datname = current_database()`.execute(small.database.queries),
    );

    const counts = (await Promise.all(counting)).map(({ rows }) => rows[0]?.count ?? 0);

    // One idle connection is that of the database of every test.
    expect(Math.max(...counts)).toBeLessThanOrEqual(3);
    await small.close();
  });

  it('brings the schema up to date once when several start at the same time', async () => {
    const fresh = await server.createDatabase();
    const open = (): Promise<TestDatabase> =>
      openTestDatabase({ clock: new SystemClock(), settings: { DATABASE_URL: fresh } });

    const opened = await Promise.all([open(), open(), open()]);

    for (const { database: one, close } of opened) {
      await expect(one.ping()).resolves.toBeUndefined();
      await close();
    }
  });

  it('refuses a schema that is newer', async () => {
    await sql`insert into schema_migrations values ('9999-later', 0)`.execute(database.queries);

    await expect(
      openTestDatabase({ clock: new SystemClock(), settings: { DATABASE_URL: url } }),
    ).rejects.toMatchObject({
      name: 'SettingsError',
      problems: [
        'DATABASE_URL leads to a database of a newer version (its schema has "9999-later"); start that version, or restore a backup made before it.',
      ],
    });
  });

  it('writes nothing when the server runs read-only', async () => {
    await put('before');
    const readOnly = await openTestDatabase({
      clock: new SystemClock(),
      settings: { DATABASE_URL: url, READ_ONLY: 'on' },
    });

    await expect(readOnly.database.transaction(() => Promise.resolve())).rejects.toMatchObject({
      code: 'read-only',
    });
    await expect(readOnly.database.queries.deleteFrom('state').execute()).rejects.toMatchObject({
      code: 'database-unavailable',
      message: 'The database cannot be used: the server is read-only.',
    });

    await readOnly.close();
    expect(await names()).toEqual(['before']);
  });

  it.each([
    [
      'a wrong password',
      (good: string) => good.replace('test-password', 'wrong'),
      'the server refused the login',
    ],
    [
      'a database that is not there',
      (good: string) => good.replace(/[^/]+$/, 'nowhere'),
      'the server does not have that database',
    ],
    ['a closed port', (good: string) => good.replace(/:\d+\//, ':1/'), 'the server refuses connections'],
  ])('refuses to start with %s, without telling the URL', async (_what, change, reason) => {
    const starting = openTestDatabase({
      clock: new ImpatientClock(),
      settings: { DATABASE_URL: change(url) },
    });

    await expect(starting).rejects.toMatchObject({
      name: 'SettingsError',
      problems: [`DATABASE_URL: The database cannot be used: ${reason}.`],
    });
  });
});
