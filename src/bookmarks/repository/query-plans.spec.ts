import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CompiledQuery } from 'kysely';
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
        draftOf(`p${start + place}`, { tags: start + place < 5 ? ['popular', 'rare'] : ['popular'] }),
      );
      await store.insert(drafts, 'keep');
    }
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

  const expectDirect = (steps: readonly string[]): void => {
    expect(steps).not.toEqual([]);
    expect(costly(steps)).toEqual([]);
  };

  it('would show a scan and a sort', async () => {
    expect(costly(await plansOf(() => store.count({ dead: false })))).toEqual(['SCAN bookmarks']);
    expect(costly(await plansOf(() => store.list({ favourite: true }, 'title', 10)))).toEqual([]);
    expect(costly(await plansOf(() => store.list({ tags: ['rare'] }, 'title', 10)))).toEqual([
      'USE TEMP B-TREE FOR ORDER BY',
    ]);
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

  it.each<[string, BookmarkFilter]>([
    ['archived', { archived: true }],
    ['not archived', { archived: false }],
    ['favourite', { favourite: true }],
    ['dead', { dead: true }],
    ['a state of enrichment', { enrichment: 'failed' }],
    ['a popular tag', { tags: ['popular'] }],
    ['a popular host', { host: 'example.com' }],
    ['a time', { after: 5 }],
  ])('walk an index for a page of %s', async (_what, filter) => {
    expectDirect(await plansOf(() => store.list(filter, '-createdAt', 10)));
  });

  it.each<[string, BookmarkFilter]>([
    ['tag', { tags: ['rare'] }],
    ['tag and a popular one', { tags: ['popular', 'rare'] }],
    ['host', { host: 'example.org' }],
  ])('fetch the few of a rare %s, and sort only those', async (_what, filter) => {
    const steps = await plansOf(() => store.list(filter, 'title', 10));

    expect(costly(steps)).toEqual(['USE TEMP B-TREE FOR ORDER BY']);
    expect(steps.join()).not.toMatch(/SCAN bookmarks/);
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
