import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CompiledQuery, sql } from 'kysely';
import { FakeClock } from '../../../test/support/fake-clock.js';
import { openTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import type { Database, Queries } from '../../database/index.js';
import type { BookmarkFilter, BookmarkSort } from '../model/bookmark-store.js';
import { draftOf } from './drafts.fixture.js';
import { SqlBookmarkStore } from './sql-bookmark-store.js';

/** More than a filter may match to count as rare. */
const POPULAR = 2_100;

describe('the plans of SQLite', () => {
  let test: TestDatabase;
  let store: SqlBookmarkStore;
  let seen: CompiledQuery[] = [];

  beforeAll(async () => {
    test = await openTestDatabase();
    const { database } = test;
    const recording: Queries = database.queries.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: ({ result }) => Promise.resolve(result),
    });
    store = new SqlBookmarkStore(watched(database, recording), new FakeClock());
    for (let start = 0; start < POPULAR; start += 700) {
      const drafts = Array.from({ length: 700 }, (_, place) =>
        draftOf(`p${start + place}`, {
          tags: ['popular', ...(start + place < 5 ? ['rare'] : []), ...(place % 7 === 0 ? ['some'] : [])],
        }),
      );
      await store.insert(drafts, 'keep');
    }
    // Half is read, and five of all are something that is rare.
    await sql`update bookmarks set archived = change_seq % 2, created_at = created_at + change_seq,
      favourite = case when change_seq <= 5 then 1 else 0 end,
      dead_since = case when change_seq <= 5 then 1 end,
      enrichment_state = case when change_seq <= 5 then 'failed' else 'done' end,
      host_key = case when change_seq <= 5 then 'org.example.' else host_key end`.execute(database.queries);
  });

  afterAll(() => test.close());

  /** The store's single statements, noted down on their way. */
  function watched(database: Database, queries: Queries): Database {
    const executor = queries.getExecutor();
    const execute = executor.executeQuery.bind(executor);
    executor.executeQuery = (query, ...rest) => {
      seen.push(query);
      return execute(query, ...rest);
    };
    return new Proxy(database, {
      get: (target, name) => {
        if (name === 'queries') return queries;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /** Steps of the plan of every statement that `work` sends. */
  async function plansOf(work: () => Promise<unknown>): Promise<string[]> {
    seen = [];
    await work();
    const steps: string[] = [];
    for (const { sql, parameters } of seen) {
      const explain = CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]);
      const { rows } = await test.database.queries.executeQuery<{ detail: string }>(explain);
      steps.push(...rows.map(({ detail }) => detail));
    }
    return steps;
  }

  /** A table that is read whole, or rows that are sorted; an index that is walked until the page is full is neither. */
  const costly = (steps: readonly string[]): string[] =>
    steps.filter((step) => /^USE TEMP B-TREE FOR (?!json_group_array)|^SCAN bookmarks(?! USING)/.test(step));

  /** The keys of a few rows, and then those of the page. */
  const FETCHED = ['USE TEMP B-TREE FOR ORDER BY', 'USE TEMP B-TREE FOR ORDER BY'];

  const expectDirect = (steps: readonly string[]): void => {
    expect(steps).not.toEqual([]);
    expect(costly(steps)).toEqual([]);
  };

  it('would show a scan and a sort', async () => {
    expect(costly(await plansOf(() => store.count({ dead: false })))).toEqual(['SCAN bookmarks']);
    expect(costly(await plansOf(() => store.list({ tags: ['rare'] }, 'title', 10)))).toEqual(FETCHED);
  });

  const SORTS: readonly BookmarkSort[] = [
    'createdAt',
    '-createdAt',
    'modifiedAt',
    '-modifiedAt',
    'title',
    '-title',
  ];

  it.each(SORTS)('walk an index for each page sorted by %s', async (sort) => {
    const first = await store.list({}, sort, 10);

    const steps = await plansOf(() => store.list({}, sort, 10, first.nextCursor ?? ''));
    expectDirect(steps);
    expect(steps[0]).toMatch(/^SEARCH bookmarks USING INDEX bookmarks_\w+ \(\(\w+,\w+\)[<>]\(\?,\?\)\)$/);
  });

  const COMMON: readonly [string, BookmarkFilter][] = [
    ['archived', { archived: true }],
    ['not archived', { archived: false }],
    ['not favourite', { favourite: false }],
    ['a state of enrichment', { enrichment: 'done' }],
    ['a popular tag', { tags: ['popular'] }],
    ['a popular tag, archived', { tags: ['popular'], archived: true }],
    ['a popular host', { host: 'example.com' }],
    ['tagged', { untagged: false }],
    ['a time', { after: 5 }],
  ];

  it.each(COMMON.flatMap(([what, filter]) => SORTS.map((sort) => [what, sort, filter] as const)))(
    'walk the order for a page of %s sorted by %s',
    async (_what, sort, filter) => {
      const { nextCursor } = await store.list(filter, sort, 10);
      const order = `bookmarks_${sort.replace('-', '').replace('At', '')}`;
      // What is archived is in the order of creation, too.
      const isInOrder = sort.endsWith('createdAt')
        ? /^SEARCH bookmarks USING INDEX bookmarks_archived/
        : /^$/;

      for (const cursor of [undefined, nextCursor ?? '']) {
        const steps = await plansOf(() => store.list(filter, sort, 10, cursor));
        expectDirect(steps);
        expect(steps.filter((step) => step.includes(` ${order}`) || isInOrder.test(step))).toHaveLength(1);
      }
    },
  );

  const RARE: readonly [string, BookmarkFilter, RegExp][] = [
    ['a tag', { tags: ['rare'] }, /bookmark_tags_by_tag/],
    ['a tag and a popular one', { tags: ['popular', 'rare'] }, /bookmark_tags_by_tag/],
    ['a tag, archived', { tags: ['rare'], archived: true }, /bookmark_tags_by_tag/],
    ['a host', { host: 'example.org' }, /bookmarks_host/],
    ['favourite', { favourite: true }, /bookmarks_favourite/],
    ['favourite, not archived', { favourite: true, archived: false }, /bookmarks_favourite/],
    ['dead', { dead: true }, /bookmarks_dead/],
    ['a state of enrichment', { enrichment: 'failed' }, /bookmarks_state/],
  ];

  it.each(RARE.flatMap(([what, filter, index]) => SORTS.map((sort) => [what, sort, filter, index] as const)))(
    'fetch the few that are of %s, and sort only those by %s',
    async (_what, sort, filter, index) => {
      const { nextCursor } = await store.list(filter, sort, 1);
      // These are in the order of creation already.
      const isFollowed = sort.endsWith('createdAt') && /favourite|dead|state/.test(index.source);

      for (const cursor of [undefined, nextCursor ?? '']) {
        const steps = await plansOf(() => store.list(filter, sort, 1, cursor));
        expect(costly(steps)).toEqual(isFollowed ? [] : FETCHED);
        expect(steps.join()).toMatch(index);
        expect(steps.join()).not.toMatch(/bookmarks_(?:created|modified|title)/);
      }
    },
  );

  it.each(SORTS)(
    'walk the order by %s past all that are not on the list of a tag that some have',
    async (sort) => {
      for (const filter of [{ tags: ['some'] }, { tags: ['some', 'popular'], archived: true }]) {
        const steps = await plansOf(() => store.list(filter, sort, 10));

        expectDirect(steps);
        const order = `bookmarks_${sort.replace('-', '').replace('At', '')}`;
        expect(steps.filter((step) => step.includes(` ${order}`))).toHaveLength(1);
        expect(steps.join()).toMatch(
          /LIST SUBQUERY \d+,SEARCH bookmark_tags USING COVERING INDEX bookmark_tags_by_tag/,
        );
      }
    },
  );

  it('fetch the few of a time when they are sorted by something else, and look for none where there are none', async () => {
    const [newest] = (await store.list({}, '-createdAt', 1)).bookmarks;
    const steps = await plansOf(() => store.list({ after: (newest?.createdAt ?? 0) - 1 }, 'title', 1));
    expect(costly(steps)).toEqual(FETCHED);
    expect(steps.join()).toMatch(/bookmarks_created/);

    seen = [];
    expect((await store.list({ host: 'nowhere.example', archived: true }, 'title', 10)).bookmarks).toEqual(
      [],
    );
    expect(seen.filter((query) => query.sql.includes('json_group_array'))).toEqual([]);
  });

  it('walk an index for the feed, its position and what is due', async () => {
    expectDirect(await plansOf(() => store.changesSince(5, 10)));
    expectDirect(await plansOf(() => store.seqAt(5)));
    expectDirect(await plansOf(() => store.dueForRefresh(5, 10)));
  });

  it('walk an index for tags and for what is found by key', async () => {
    const { tags, nextCursor } = await store.tags({ limit: 1 });
    expectDirect(await plansOf(() => store.tags({ limit: 1, cursor: nextCursor ?? '' })));
    expectDirect(await plansOf(() => store.tags({ limit: 1, prefix: 'p' })));
    expectDirect(await plansOf(() => store.findMany([tags[0]?.id ?? '', 'x'])));
    expectDirect(await plansOf(() => store.findByUrl('https://example.com/p1')));
    expectDirect(await plansOf(() => store.findByExternalId('x')));
  });
});
