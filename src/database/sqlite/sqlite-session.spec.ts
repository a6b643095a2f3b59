import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SqliteFile from 'better-sqlite3';
import { CompiledQuery } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../test/support/fake-clock.js';
import { databaseUnavailable } from '../database-error.js';
import { SqliteSession, type SqliteParts } from './sqlite-session.js';
import { Statements } from './statements.js';
import { Turn } from './turn.js';
import { WriteQueue } from './write-queue.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const insert = CompiledQuery.raw('insert into t values (1)');
const count = CompiledQuery.raw('select count(*) as n from t');

describe('SqliteSession', () => {
  const clock = new FakeClock();
  let folder: string;
  let parts: SqliteParts & { readonly writer: Statements };
  let flushes: { resolve: () => void; reject: (error: Error) => void }[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plimsoll-session-'));
    const writer = new Statements(new SqliteFile(join(folder, 'a.db')));
    writer.file.pragma('journal_mode = wal');
    writer.file.exec('create table t (n integer)');
    const reader = new Statements(new SqliteFile(join(folder, 'a.db'), { readonly: true }));
    flushes = [];
    const committed = (): Promise<void> =>
      new Promise((resolve, reject) => flushes.push({ resolve, reject }));
    parts = {
      writer,
      reader,
      queue: new WriteQueue(clock),
      committed,
      turn: new Turn(clock),
      lockClock: clock,
    };
  });

  afterEach(async () => {
    parts.reader.close();
    parts.writer.close();
    await rm(folder, { recursive: true });
  });

  it.each([
    ['a single write', async (session: SqliteSession) => void (await session.executeQuery(insert))],
    [
      'a transaction',
      async (session: SqliteSession) => {
        await session.begin();
        await session.executeQuery(insert);
        await session.commit();
      },
    ],
  ])('acknowledges %s only when its commit has been flushed', async (_what, write) => {
    let acknowledged = false;

    const writing = write(new SqliteSession(parts)).then(() => (acknowledged = true));
    await turn();
    expect([flushes.length, acknowledged]).toEqual([1, false]);
    flushes[0]?.resolve();
    await writing;

    expect(acknowledged).toBe(true);
  });

  it('lets the next writer begin while a commit is flushed', async () => {
    const first = new SqliteSession(parts).executeQuery(insert);
    const second = new SqliteSession(parts).executeQuery(insert);
    await turn();

    expect(flushes).toHaveLength(2);
    for (const { resolve } of flushes) resolve();
    await Promise.all([first, second]);
  });

  it('leaves the transaction of another writer alone when a flush fails', async () => {
    const [failing, other] = [new SqliteSession(parts), new SqliteSession(parts)];
    await failing.begin();
    await failing.executeQuery(insert);
    const committing = failing.commit();
    await other.begin();
    await other.executeQuery(insert);

    flushes[0]?.reject(databaseUnavailable('the disk failed'));
    await expect(committing).rejects.toMatchObject({ code: 'database-unavailable' });
    await failing.rollback();
    failing.release();

    expect(parts.writer.file.inTransaction).toBe(true);
    const finishing = other.commit();
    flushes[1]?.resolve();
    await finishing;
    expect((await new SqliteSession(parts).executeQuery(count)).rows).toEqual([{ n: 2 }]);
  });

  it('asks for no flush when it only reads', async () => {
    await new SqliteSession(parts).executeQuery(count);

    expect(flushes).toEqual([]);
  });
});
