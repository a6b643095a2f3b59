import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { DATABASE, type Database } from '../../../database/index.js';
import { draftOf } from '../../repository/drafts.fixture.js';
import { startSearchRooms, type SearchRooms } from '../search.fixture.js';

describe('DatabaseIndex', () => {
  let rooms: SearchRooms;
  let database: Database;

  beforeEach(async () => {
    rooms = await startSearchRooms({ SEARCH_ENGINE: 'database' });
    database = rooms.get<Database>(DATABASE as never);
  });

  afterEach(async () => {
    await rooms.close();
    expect(rooms.clock.pendingTimers).toBe(0);
  });

  const fill = async (count: number): Promise<void> => {
    const drafts = Array.from({ length: count }, (_, n) =>
      draftOf(`p${n}`, { values: { title: `common word${n}` } }),
    );
    await rooms.rows.insert(drafts, 'keep');
  };
  const rowCount = async (table: string): Promise<number> => {
    const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(
      database.queries,
    );
    return (rows[0] as { count: number }).count;
  };

  it('follows by itself, in transactions with rests between them', async () => {
    await fill(700);
    await rooms.clock.advanceAsync(5_000, 50);
    await rooms.databaseIndex.followToEnd();

    expect(await rowCount('search_documents')).toBe(700);
    expect(rooms.databaseIndex.snapshot().position).toBe(await rooms.rows.latestSeq());
  });

  it('catches up with a few changes before it answers, and says when it is behind', async () => {
    await fill(1_500);
    const behind = await rooms.find('word1499');
    await rooms.databaseIndex.followToEnd();
    const caughtUp = await rooms.find('word1499');
    await rooms.save('one more', { values: { title: 'word1500' } });
    const fresh = await rooms.find('word1500');

    expect(behind).toMatchObject({ hits: [], meta: { approximate: true } });
    expect(caughtUp.hits).toHaveLength(1);
    expect(fresh.hits).toHaveLength(1);
    expect(fresh.meta.approximate).toBeUndefined();
  });

  it('writes the words and the position together: what a crash cuts off is done again', async () => {
    await fill(50);
    await rooms.databaseIndex.followToEnd();
    await rooms.save('later', { values: { title: 'latecomer' } });
    await sql`create trigger broken before update on state begin select raise(abort, 'disk full'); end`.execute(
      database.queries,
    );
    const failed = await rooms.databaseIndex.followToEnd().catch(() => 'failed');
    const cutOff = await rowCount('search_documents');
    await sql`drop trigger broken`.execute(database.queries);

    expect(failed).toBe('failed');
    expect(cutOff).toBe(50);
    expect((await rooms.find('latecomer')).hits).toHaveLength(1);
  });

  it('answers with what is there while the tables cannot be written', async () => {
    await fill(5);
    await rooms.databaseIndex.followToEnd();
    await rooms.save('later', { values: { title: 'common latecomer' } });
    await sql`create trigger broken before update on state begin select raise(abort, 'disk full'); end`.execute(
      database.queries,
    );

    const { hits, meta } = await rooms.find('common');

    expect(hits).toHaveLength(5);
    expect(meta.approximate).toBe(true);
    await sql`drop trigger broken`.execute(database.queries);
  });

  it('makes the tables anew when their words were made by other rules', async () => {
    await fill(20);
    await rooms.databaseIndex.followToEnd();
    const value = JSON.stringify({ version: 0, seq: await rooms.rows.latestSeq() });
    await database.queries
      .updateTable('state')
      .set({ value })
      .where('name', '=', 'search.position')
      .execute();
    await sql`update search_documents set digest = 'old'`.execute(database.queries);
    const other = await sharing(rooms);

    await other.followToEnd();

    const { rows } = await sql`select 1 from search_documents where digest = 'old'`.execute(database.queries);
    expect(rows).toEqual([]);
    expect(await rowCount('search_documents')).toBe(20);
    expect((await rooms.find('common')).meta.total).toBe(20);
  });

  it('shares the work with another process: neither writes what the other has', async () => {
    await fill(300);
    const other = await sharing(rooms);

    await Promise.all([rooms.databaseIndex.followToEnd(), other.followToEnd()]);

    const indexed = rooms.databaseIndex.snapshot().indexedDocuments + other.snapshot().indexedDocuments;
    expect(indexed).toBe(300);
    expect(await rowCount('search_documents')).toBe(300);
  });

  it('does not write again what has the same words', async () => {
    await fill(10);
    await rooms.databaseIndex.followToEnd();
    const { indexedDocuments } = rooms.databaseIndex.snapshot();
    const { bookmarks } = await rooms.rows.list({}, 'createdAt', 10);
    for (const { id } of bookmarks) {
      await rooms.rows.update(id, ({ preview }) => ({
        preview: { ...preview, candidates: [{ url: 'https://example.com/a.png', kind: 'page' }] },
      }));
    }
    await rooms.databaseIndex.followToEnd();

    expect(rooms.databaseIndex.snapshot().indexedDocuments).toBe(indexedDocuments);
    expect((await rooms.find('common', { sort: '-modifiedAt' })).hits).toHaveLength(10);
  });

  it('forgets the words of what was deleted and changed', async () => {
    await fill(4);
    await rooms.databaseIndex.followToEnd();
    const { bookmarks } = await rooms.rows.list({}, 'createdAt', 4);
    const [first, second] = bookmarks.map(({ id }) => id) as [string, string];
    await rooms.rows.remove(first);
    await rooms.rows.update(second, () => ({ values: { source: 'user', fields: { title: 'other' } } }));
    await rooms.databaseIndex.followToEnd();

    const { rows } = await sql`select 1 from search_words where search_words match 'common'`.execute(
      database.queries,
    );
    expect(rows).toHaveLength(2);
    expect(await rowCount('search_documents')).toBe(3);
  });

  it('finds what was created in a time, however many newer matches there are', async () => {
    const drafts = Array.from({ length: 6_200 }, (_, n) =>
      draftOf(`p${n}`, {
        values: { title: 'common word' },
        createdAt: Date.UTC(2024, 2, n < 5 ? 1 : n < 8 ? 10 : 20),
      }),
    );
    for (let at = 0; at < drafts.length; at += 500)
      await rooms.rows.insert(drafts.slice(at, at + 500), 'keep');
    await rooms.databaseIndex.followToEnd();

    const before = await rooms.find('common before:2024-03-10');
    const between = await rooms.find('common after:2024-03-02 before:2024-03-12');

    expect([before.meta.total, between.meta.total]).toEqual([5, 3]);
    expect([before.hits.length, between.hits.length]).toEqual([5, 3]);
    expect(before.meta.approximate).toBeUndefined();
  });

  it('ranks the newest of very many matches, and says so', async () => {
    await fill(1_300);
    await rooms.databaseIndex.followToEnd();
    const { hits, meta } = await rooms.find('common');

    expect(hits).toHaveLength(20);
    expect(meta).toMatchObject({ approximate: true });
    expect(meta.total).toBeUndefined();
  });
});

/** A second index on the same tables, as another process has it. */
async function sharing(rooms: SearchRooms): Promise<SearchRooms['databaseIndex']> {
  const { DatabaseIndex } = await import('./database-index.js');
  const inner = rooms.databaseIndex as unknown as Record<string, never>;
  return new DatabaseIndex(
    inner['settings'] as never,
    inner['clock'] as never,
    inner['database'] as never,
    inner['store'] as never,
    inner['intervals'] as never,
    inner['background'] as never,
  );
}
