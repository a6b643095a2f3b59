import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { FakeClock } from '../../../test/support/fake-clock.js';
import type { Database } from '../../database/index.js';
import { PlimsollError } from '../../errors/index.js';
import type { Bookmark } from '../model/bookmark.js';
import type { BookmarkEvent, BookmarkFilter, BookmarkSort } from '../model/bookmark-store.js';
import { draftOf, manyDrafts } from './drafts.fixture.js';
import { SqlBookmarkStore } from './sql-bookmark-store.js';

export interface StoreUnderTest {
  readonly database: Database;
  readonly clock: FakeClock;
  /** Empties or drops what the test wrote. */
  close(): Promise<void>;
}

/** What every engine must do alike. */
export function describeBookmarkStore(engine: string, open: () => Promise<StoreUnderTest>): void {
  describe(`SqlBookmarkStore on ${engine}`, () => {
    let test: StoreUnderTest;
    let store: SqlBookmarkStore;

    beforeEach(async () => {
      test = await open();
      store = new SqlBookmarkStore(test.database, test.clock);
    });

    afterEach(async () => {
      expect(test.clock.pendingTimers).toBe(0);
      await test.close();
    });

    const create = async (
      path: string,
      more: Parameters<typeof draftOf>[1] = {},
      host?: string,
    ): Promise<Bookmark> => {
      const [outcome] = await store.insert([draftOf(path, more, host)], 'keep');
      return (outcome as { bookmark: Bookmark }).bookmark;
    };
    const titles = (bookmarks: readonly Bookmark[]): (string | null)[] => bookmarks.map(({ title }) => title);
    const pages = async (
      filter: BookmarkFilter,
      sort: BookmarkSort,
      limit: number,
    ): Promise<Bookmark[][]> => {
      const all: Bookmark[][] = [];
      let cursor: string | undefined;
      do {
        const page = await store.list(filter, sort, limit, cursor);
        all.push([...page.bookmarks]);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      return all;
    };
    const shown = (events: readonly BookmarkEvent[]): string[] =>
      events.map((event) =>
        event.kind === 'saved' ? `saved ${event.bookmark.title ?? ''}` : `deleted ${event.id}`,
      );

    describe('insert', () => {
      it('creates what is not known and answers with it as it is read back', async () => {
        const [first] = await store.insert(
          [
            draftOf('a', {
              values: { title: 'A', description: 'About a' },
              note: 'mine',
              tags: ['News', 'Déjà vu'],
              favourite: true,
              createdAt: 5_000,
              externalId: 'karakeep:1',
            }),
          ],
          'keep',
        );

        expect(first?.outcome).toBe('created');
        expect(first?.bookmark).toMatchObject({
          url: 'https://example.com/a',
          host: 'example.com',
          title: 'A',
          description: 'About a',
          note: 'mine',
          tags: ['Déjà vu', 'News'],
          archived: false,
          favourite: true,
          fields: { title: { user: 'A' }, description: { user: 'About a' } },
          externalId: 'karakeep:1',
          createdAt: 5_000,
          modifiedAt: test.clock.now(),
          revision: 1,
          changeSeq: 1,
        });
        expect(await store.find(first?.bookmark.id ?? '')).toEqual(first?.bookmark);
        expect(await store.findByUrl('https://example.com/a')).toEqual(first?.bookmark);
        expect(await store.findByExternalId('karakeep:1')).toEqual(first?.bookmark);
      });

      it('finds what is known and changes nothing of it under the rule "keep"', async () => {
        const known = await create('a', { note: 'old' });
        const before = await store.latestSeq();

        const [again] = await store.insert([draftOf('a', { note: 'new', tags: ['x'] })], 'keep');

        expect(again).toEqual({ outcome: 'existing', bookmark: known });
        expect(await store.latestSeq()).toBe(before);
      });

      it('unites under the rule "merge": tags, the earlier time, empty fields, the note', async () => {
        const known = await create('a', { tags: ['Old'], note: 'first', createdAt: 2_000 });

        const [merged] = await store.insert(
          [
            draftOf('a', {
              source: 'import',
              values: { title: 'Other title', description: 'Filled' },
              tags: ['new', 'OLD'],
              note: 'second',
              createdAt: 1_000,
            }),
          ],
          'merge',
        );

        expect(merged?.outcome).toBe('merged');
        expect(merged?.bookmark).toMatchObject({
          id: known.id,
          title: 'Title a',
          description: 'Filled',
          tags: ['new', 'Old'],
          note: 'first\n\nsecond',
          createdAt: 1_000,
          revision: 2,
        });
        expect(await store.find(known.id)).toEqual(merged?.bookmark);
      });

      it('writes nothing when the same file is imported again', async () => {
        const drafts = [
          draftOf('a', { tags: ['x'], note: 'n', createdAt: 7 }),
          draftOf('b', { tags: ['X'] }),
        ];
        await store.insert(drafts, 'merge');
        const before = await store.latestSeq();

        const again = await store.insert(drafts, 'merge');

        expect(again.map(({ outcome }) => outcome)).toEqual(['existing', 'existing']);
        expect(await store.latestSeq()).toBe(before);
      });

      it('creates a URL once that occurs twice among the drafts', async () => {
        const outcomes = await store.insert(
          [draftOf('a', { tags: ['one'] }), draftOf('b'), draftOf('a', { tags: ['two'] })],
          'merge',
        );

        expect(outcomes.map(({ outcome }) => outcome)).toEqual(['created', 'created', 'merged']);
        expect(outcomes[0]?.bookmark).toEqual(outcomes[2]?.bookmark);
        expect(outcomes[0]?.bookmark.tags).toEqual(['one', 'two']);
        expect(await store.count({})).toBe(2);
      });

      it('gives whole layers of an export back', async () => {
        const fields = { title: { user: 'Mine', page: 'Theirs' }, author: { oembed: 'Ann' } };
        const http = { status: 200, checkedAt: 5, failingSince: null, deadSince: null };
        const enrichment = { state: 'done' as const, attempts: 0, error: null, at: 9, refreshAt: 99 };

        const bookmark = await create('a', { fields, http, enrichment });

        expect(bookmark).toMatchObject({ fields, http, enrichment, title: 'Mine' });
        expect(await store.find(bookmark.id)).toEqual(bookmark);
      });

      it('keeps an id of a source with the bookmark that has it', async () => {
        const owner = await create('a', { externalId: 'karakeep:1' });

        const other = await create('b', { externalId: 'karakeep:1' });

        expect(other.externalId).toBeNull();
        expect((await store.findByExternalId('karakeep:1'))?.id).toBe(owner.id);
      });

      it('takes chunks larger than a statement', async () => {
        const outcomes = await store.insert(manyDrafts(620), 'keep');

        expect(new Set(outcomes.map(({ bookmark }) => bookmark.id)).size).toBe(620);
        expect(outcomes.map(({ bookmark }) => bookmark.changeSeq)).toEqual(
          outcomes.map((_, place) => place + 1),
        );
        expect(await store.count({})).toBe(620);
        expect((await store.tags({ limit: 100 })).tags).toHaveLength(40);
        expect(await store.find(outcomes[619]?.bookmark.id ?? '')).toEqual(outcomes[619]?.bookmark);
      });

      it('creates a URL once when it is sent many times at the same moment', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 12 }, () => store.insert([draftOf('same'), draftOf('same too')], 'keep')),
        );

        const all = outcomes.flat();
        expect(all.filter(({ outcome }) => outcome === 'created')).toHaveLength(2);
        expect(new Set(all.map(({ bookmark }) => bookmark.id)).size).toBe(2);
        expect(await store.count({})).toBe(2);
      });

      it('writes what is alongside with it, or neither', async () => {
        const write = (fail: boolean): Promise<unknown> =>
          store.insert([draftOf(fail ? 'lost' : 'kept')], 'keep', async (queries, outcomes) => {
            await queries
              .insertInto('state')
              .values({ name: outcomes[0]?.bookmark.url ?? '', value: '1', updated_at: 0 })
              .execute();
            if (fail) throw new Error('planned');
          });

        await write(false);
        await expect(write(true)).rejects.toThrow('planned');

        expect(await test.database.queries.selectFrom('state').select('name').execute()).toEqual([
          { name: 'https://example.com/kept' },
        ]);
        expect(await store.count({})).toBe(1);
      });

      it('keeps text that engines refuse without the characters they refuse', async () => {
        const bookmark = await create('a', {
          values: { title: 'a\0b\uD800c' },
          note: '\0',
          tags: ['t\0ag', '\0'],
        });

        expect(bookmark).toMatchObject({ title: 'ab\uFFFDc', note: null, tags: ['tag'] });
        expect(await store.find(bookmark.id)).toEqual(bookmark);
      });

      it('sorts and keeps very long titles of many bytes', async () => {
        const title = '字'.repeat(1_000);
        const bookmark = await create('a', { values: { title } });

        expect((await store.list({}, 'title', 10)).bookmarks).toEqual([bookmark]);
      });
    });

    describe('find', () => {
      it('answers null for what is not there, also for ids that no engine could hold', async () => {
        expect(await store.find('nothing')).toBeNull();
        expect(await store.find('no\0thing')).toBeNull();
        expect(await store.findByUrl('https://example.com/nothing')).toBeNull();
        expect(await store.findByExternalId('karakeep:0')).toBeNull();
      });

      it('answers many in the order of the ids, without those that are not there', async () => {
        const [a, b] = [await create('a'), await create('b')];

        expect(titles(await store.findMany([b.id, 'gone', a.id]))).toEqual(['Title b', 'Title a']);
        expect(await store.findMany([])).toEqual([]);
      });
    });

    describe('update', () => {
      it('changes what the change names and counts the revision', async () => {
        const before = await create('a', { tags: ['x', 'y'] });
        test.clock.advance(1_000);

        const after = await store.update(before.id, () => ({ note: 'n', archived: true, tags: ['Y', 'z'] }));

        expect(after).toMatchObject({
          note: 'n',
          archived: true,
          tags: ['y', 'z'],
          title: 'Title a',
          revision: 2,
          changeSeq: 2,
          modifiedAt: before.modifiedAt + 1_000,
          createdAt: before.createdAt,
        });
        expect(await store.find(before.id)).toEqual(after);
      });

      it('lets the best source win and shows what lay beneath when its value is taken back', async () => {
        const { id } = await create('a', { source: 'page', values: { title: 'Page' } });

        const edited = await store.update(id, () => ({
          values: { source: 'user', fields: { title: 'Mine' } },
        }));
        const enriched = await store.update(id, () => ({
          values: { source: 'page', fields: { title: 'New page' } },
        }));
        const back = await store.update(id, () => ({ values: { source: 'user', fields: { title: null } } }));

        expect(titles([edited, enriched, back])).toEqual(['Mine', 'Mine', 'New page']);
        expect(back.fields).toEqual({ title: { page: 'New page' } });
      });

      it.each([
        ['null', () => null],
        ['an empty change', () => ({})],
        ['the same values', () => ({ note: null, archived: false, tags: ['TAG'] })],
        [
          'the same field',
          () => ({ values: { source: 'user' as const, fields: { title: 'Title a', author: null } } }),
        ],
      ])('writes nothing for %s', async (_what, change) => {
        const before = await create('a', { tags: ['tag'] });
        test.clock.advance(1_000);

        expect(await store.update(before.id, change)).toEqual(before);
        expect(await store.find(before.id)).toEqual(before);
        expect(await store.latestSeq()).toBe(before.changeSeq);
      });

      it('notes a quiet check down without a new revision or a place in the feed', async () => {
        const before = await create('a');
        const http = { status: 200, checkedAt: 5, failingSince: null, deadSince: null };

        const after = await store.update(before.id, () => ({ http, quiet: true }));

        expect(after).toEqual({ ...before, http });
        expect(await store.find(before.id)).toEqual(after);
        expect(await store.latestSeq()).toBe(before.changeSeq);
      });

      it('gives a change that calls itself quiet and is not its place in the feed', async () => {
        const before = await create('a');

        expect((await store.update(before.id, () => ({ note: 'n', quiet: true }))).revision).toBe(2);
      });

      it('refuses a revision that is not the current one', async () => {
        const { id } = await create('a');
        await store.update(id, () => ({ note: 'n' }), 1);

        await expect(store.update(id, () => ({ note: 'm' }), 1)).rejects.toMatchObject({
          code: 'revision-mismatch',
        });
        expect((await store.find(id))?.note).toBe('n');
      });

      it('refuses what is not there and what its function refuses', async () => {
        const { id } = await create('a');

        await expect(store.update('gone', () => ({}))).rejects.toMatchObject({ code: 'bookmark-not-found' });
        await expect(
          store.update(id, () => {
            throw new Error('no');
          }),
        ).rejects.toThrow('no');
      });

      it('moves to a free URL and refuses one that another bookmark has', async () => {
        const { id } = await create('a');
        await create('b');
        const to = (path: string) => () => {
          const { url, normalisedUrl } = draftOf(path, {}, 'www.other.org');
          return { url: { url, normalisedUrl, host: 'other.org' } };
        };

        const moved = await store.update(id, to('c'));

        expect(moved).toMatchObject({ url: 'https://www.other.org/c', host: 'other.org' });
        expect((await store.findByUrl('https://www.other.org/c'))?.id).toBe(id);
        expect(await store.findByUrl('https://example.com/a')).toBeNull();
        await expect(
          store.update(id, () => ({ url: { ...draftOf('b'), host: 'example.com' } })),
        ).rejects.toMatchObject({ code: 'bookmark-url-taken' });
      });

      it('loses none of many changes at the same moment', async () => {
        const { id } = await create('a');

        await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            store.update(id, ({ note }) => ({ note: `${note ?? ''}${String.fromCharCode(97 + n)}` })),
          ),
        );

        const after = await store.find(id);
        expect(after?.revision).toBe(21);
        expect([...(after?.note ?? '')].sort().join('')).toBe('abcdefghijklmnopqrst');
      });

      it('admits one of many changes that expect the same revision', async () => {
        const { id } = await create('a');

        const results = await Promise.allSettled(
          Array.from({ length: 8 }, (_, n) => store.update(id, () => ({ note: String(n) }), 1)),
        );

        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect((await store.find(id))?.revision).toBe(2);
      });
    });

    describe('applyAll', () => {
      it('applies writes in order, each seeing those before it, and refuses single ones', async () => {
        const { id } = await create('a');
        const told: number[] = [];
        store.onChange((seq) => told.push(seq));

        const outcomes = await store.applyAll([
          { kind: 'update', id, change: () => ({ note: 'one' }) },
          { kind: 'update', id, change: ({ note }) => ({ note: `${note ?? ''} two` }) },
          { kind: 'update', id: 'gone', change: () => ({ note: 'x' }) },
          { kind: 'insert', draft: draftOf('b'), rule: 'keep' },
          { kind: 'insert', draft: draftOf('a'), rule: 'keep' },
          {
            kind: 'update',
            id,
            change: () => {
              throw new PlimsollError('revision-mismatch', 'no');
            },
          },
          { kind: 'update', id, change: () => ({ url: { ...draftOf('b') } }) },
          { kind: 'update', id, change: () => null },
          { kind: 'remove', id },
          { kind: 'remove', id },
        ]);

        expect(outcomes.map(({ outcome }) => outcome)).toEqual([
          'updated',
          'updated',
          'refused',
          'created',
          'existing',
          'refused',
          'refused',
          'unchanged',
          'removed',
          'refused',
        ]);
        expect(outcomes.flatMap((entry) => (entry.outcome === 'refused' ? entry.error.code : []))).toEqual([
          'bookmark-not-found',
          'revision-mismatch',
          'bookmark-url-taken',
          'bookmark-not-found',
        ]);
        expect(outcomes[8]).toMatchObject({ bookmark: { note: 'one two', revision: 3 } });
        expect(titles((await store.list({}, 'title', 10)).bookmarks)).toEqual(['Title b']);
        expect(told).toEqual([await store.latestSeq()]);
      });

      it('writes nothing when what is alongside fails, or a function fails by fault', async () => {
        const fail = (): Promise<void> => Promise.reject(new Error('planned'));
        const fault = (): null => {
          throw new TypeError('fault');
        };

        await expect(
          store.applyAll([{ kind: 'insert', draft: draftOf('b'), rule: 'keep' }], fail),
        ).rejects.toThrow('planned');
        const { id } = await create('a');
        await expect(
          store.applyAll([
            { kind: 'insert', draft: draftOf('b'), rule: 'keep' },
            { kind: 'update', id, change: fault },
          ]),
        ).rejects.toThrow('fault');

        expect(await store.count({})).toBe(1);
      });
    });

    describe('remove', () => {
      it('leaves a tombstone, and a URL that is saved again is another bookmark', async () => {
        const first = await create('a', { tags: ['x'] });
        test.clock.advance(50);

        expect(await store.remove(first.id)).toBe(true);
        const second = await create('a');

        expect(second.id).not.toBe(first.id);
        expect(await store.find(first.id)).toBeNull();
        expect(await store.remove(first.id)).toBe(false);
        expect(await store.changesSince(first.changeSeq, 10)).toEqual([
          { kind: 'deleted', seq: 2, id: first.id, at: test.clock.now() },
          { kind: 'saved', seq: 3, bookmark: second },
        ]);
      });

      it('refuses a revision that is not the current one', async () => {
        const { id } = await create('a');

        await expect(store.remove(id, 2)).rejects.toMatchObject({ code: 'revision-mismatch' });
        expect(await store.remove(id, 1)).toBe(true);
      });

      it('removes once when it is asked many times at the same moment', async () => {
        const { id } = await create('a');

        const removed = await Promise.all(Array.from({ length: 8 }, () => store.remove(id)));

        expect(removed.filter(Boolean)).toHaveLength(1);
        expect(await store.changesSince(0, 10)).toHaveLength(1);
      });
    });

    describe('list', () => {
      it.each<[BookmarkSort, (string | null)[]]>([
        ['createdAt', ['b', 'Ö', null, 'A']],
        ['-createdAt', ['A', null, 'Ö', 'b']],
        ['modifiedAt', ['A', 'b', null, 'Ö']],
        ['-modifiedAt', ['Ö', null, 'b', 'A']],
        ['title', ['A', 'b', 'Ö', null]],
        ['-title', [null, 'Ö', 'b', 'A']],
      ])('sorts by %s, page by page', async (sort, expected) => {
        await create('1', { values: { title: 'A' }, createdAt: 400 });
        test.clock.advance(1);
        await create('2', { values: { title: 'b' }, createdAt: 100 });
        test.clock.advance(1);
        await create('3', { values: {}, createdAt: 300 });
        test.clock.advance(1);
        await create('4', { values: { title: 'Ö' }, createdAt: 200 });

        for (const limit of [1, 3, 4, 100])
          expect(titles((await pages({}, sort, limit)).flat())).toEqual(expected);
      });

      it.each<[BookmarkSort]>([['createdAt'], ['-createdAt'], ['title'], ['-title'], ['-modifiedAt']])(
        'tells ties apart when sorting by %s',
        async (sort) => {
          await store.insert(
            Array.from({ length: 25 }, (_, n) =>
              draftOf(`p${n}`, { values: { title: 'Same' }, createdAt: 7 }),
            ),
            'keep',
          );

          const all = (await pages({}, sort, 4)).flat();

          expect(new Set(all.map(({ id }) => id)).size).toBe(25);
          expect(all).toHaveLength(25);
        },
      );

      it('neither loses nor doubles a row while others are added, changed and deleted', async () => {
        await store.insert(manyDrafts(40), 'keep');
        const first = await store.list({}, '-createdAt', 15);
        const [gone, changed] = first.bookmarks;
        await store.remove(gone?.id ?? '');
        await store.update(changed?.id ?? '', () => ({ note: 'changed' }));
        await create('newest');

        const second = await store.list({}, '-createdAt', 15, first.nextCursor ?? '');
        const third = await store.list({}, '-createdAt', 15, second.nextCursor ?? '');

        const all = [...first.bookmarks, ...second.bookmarks, ...third.bookmarks].map(({ url }) => url);
        expect(all).toEqual(
          manyDrafts(40)
            .map(({ url }) => url)
            .reverse(),
        );
        expect(third.nextCursor).toBeNull();
      });

      it.each<[string, BookmarkFilter, string[]]>([
        ['nothing', {}, ['a', 'b', 'c', 'd']],
        ['a tag, whatever its case', { tags: ['NEWS'] }, ['a', 'b']],
        ['all of several tags', { tags: ['news', 'tech'] }, ['b']],
        ['a tag that is not there', { tags: ['news', 'none'] }, []],
        ['archived', { archived: true }, ['c']],
        ['not archived', { archived: false }, ['a', 'b', 'd']],
        ['favourites', { favourite: true }, ['b', 'd']],
        ['no favourites', { favourite: false }, ['a', 'c']],
        ['untagged', { untagged: true }, ['c', 'd']],
        ['tagged', { untagged: false }, ['a', 'b']],
        ['dead', { dead: true }, ['d']],
        ['alive', { dead: false }, ['a', 'b', 'c']],
        ['a domain and all below', { host: 'example.com' }, ['a', 'b']],
        ['a host', { host: 'SUB.example.com' }, ['b']],
        ['a top-level domain', { host: 'com' }, ['a', 'b', 'c']],
        ['a host that only ends alike', { host: 'le.com' }, []],
        ['enrichment', { enrichment: 'failed' }, ['d']],
        ['before', { before: 200 }, ['a']],
        ['after', { after: 200 }, ['c', 'd']],
        ['several at once', { favourite: true, archived: false, tags: ['tech'], host: 'example.com' }, ['b']],
      ])('filters by %s', async (_what, filter, expected) => {
        await create('a', { tags: ['News'], createdAt: 100, values: { title: 'a' } });
        await create(
          'b',
          { tags: ['news', 'Tech'], favourite: true, createdAt: 200, values: { title: 'b' } },
          'sub.example.com',
        );
        await create('c', { archived: true, createdAt: 300, values: { title: 'c' } }, 'notexample.com');
        await create(
          'd',
          {
            favourite: true,
            createdAt: 400,
            values: { title: 'd' },
            http: { status: 404, checkedAt: 1, failingSince: 1, deadSince: 2 },
            enrichment: { state: 'failed', attempts: 2, error: 'origin-error', at: 1, refreshAt: null },
          },
          'example.org',
        );

        expect(titles((await store.list(filter, 'createdAt', 10)).bookmarks)).toEqual(expected);
        expect(titles((await pages(filter, '-title', 1)).flat())).toEqual([...expected].reverse());
        expect(await store.count(filter)).toBe(expected.length);
      });

      it.each([
        ['no base64url', '###'],
        ['no JSON', Buffer.from('nonsense').toString('base64url')],
        ['other JSON', Buffer.from('{"a":1}').toString('base64url')],
        ['another shape', Buffer.from('["-createdAt",1]').toString('base64url')],
        ['another order', Buffer.from('["createdAt",1,"x"]').toString('base64url')],
        ['a wrong type', Buffer.from('["-createdAt","1","x"]').toString('base64url')],
        ['a NUL', Buffer.from('["-createdAt",1,"\\u0000"]').toString('base64url')],
        ['a number beyond 2^53', Buffer.from('["-createdAt",1e300,"x"]').toString('base64url')],
        ['far too long', 'a'.repeat(100_000)],
        ['empty', ''],
      ])('refuses a cursor that is %s', async (_what, cursor) => {
        await expect(store.list({}, '-createdAt', 10, cursor)).rejects.toMatchObject({
          code: 'invalid-cursor',
        });
      });
    });

    describe('the change feed', () => {
      it('shows the last state of each bookmark once, in the order of the changes', async () => {
        const [a, b, c] = [await create('a'), await create('b'), await create('c')];
        await store.update(a.id, () => ({ note: 'n' }));
        await store.remove(b.id);

        const events = await store.changesSince(0, 10);

        expect(shown(events)).toEqual(['saved Title c', 'saved Title a', `deleted ${b.id}`]);
        expect(events.map(({ seq }) => seq)).toEqual([c.changeSeq, 4, 5]);
        expect(await store.latestSeq()).toBe(5);
        expect(shown(await store.changesSince(3, 1))).toEqual(['saved Title a']);
        expect(await store.changesSince(5, 10)).toEqual([]);
      });

      it('finds the position before a time', async () => {
        const start = test.clock.now();
        await create('a');
        test.clock.advance(1_000);
        const b = await create('b');
        test.clock.advance(1_000);
        await store.remove(b.id);

        expect(await store.seqAt(start)).toBe(0);
        expect(await store.seqAt(start + 1)).toBe(2);
        expect(await store.seqAt(start + 2_000)).toBe(2);
        expect(await store.seqAt(start + 2_001)).toBe(3);
      });

      it('keeps times in the order of changes when the clock is set back', async () => {
        const now = test.clock.now();
        const a = await create('a');
        test.clock.now = () => now - 5_000;
        const b = await create('b');

        expect(b.modifiedAt).toBe(a.modifiedAt);
        expect(await store.seqAt(now)).toBe(0);
      });

      it('follows a clock again that was far ahead', async () => {
        const now = test.clock.now();
        await create('a');
        test.clock.now = () => now - 3_600_000;

        expect((await create('b')).modifiedAt).toBe(now - 3_600_000);
      });

      it('tells listeners the newest position after the commit, the faulty ones too, until they detach', async () => {
        const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
        const seen: number[] = [];
        store.onChange(() => {
          throw new Error('faulty');
        });
        const detach = store.onChange((seq) => seen.push(seq));

        const { id } = await create('a');
        await store.update(id, () => null);
        await store.insert([draftOf('b'), draftOf('c')], 'keep');
        detach();
        await store.remove(id);

        expect(seen).toEqual([1, 3]);
        expect(logged).toHaveBeenCalledTimes(3);
        logged.mockRestore();
      });

      it('forgets old tombstones', async () => {
        const start = test.clock.now();
        const [a, b] = [await create('a'), await create('b')];
        await store.remove(a.id);
        test.clock.advance(1_000);
        await store.remove(b.id);

        expect(await store.pruneTombstones(start + 1)).toBe(1);
        expect(shown(await store.changesSince(0, 10))).toEqual([`deleted ${b.id}`]);
      });
    });

    describe('refresh', () => {
      it('gives what is due, the longest overdue first', async () => {
        const due = (path: string, refreshAt: number | null): Promise<Bookmark> =>
          create(path, { enrichment: { state: 'done', attempts: 0, error: null, at: 1, refreshAt } });
        await due('later', 300);
        await due('second', 200);
        await due('first', 100);
        await due('never', null);

        expect(titles(await store.dueForRefresh(200, 10))).toEqual(['Title first', 'Title second']);
        expect(titles(await store.dueForRefresh(900, 1))).toEqual(['Title first']);
      });
    });

    describe('tags', () => {
      const tagNamed = async (
        name: string,
      ): Promise<{ id: string; name: string; count: number } | undefined> =>
        (await store.tags({ limit: 100 })).tags.find((tag) => tag.name === name);

      it('counts, in pages, by prefix', async () => {
        await create('a', { tags: ['News', 'Ünder', '50%'] });
        await create('b', { tags: ['news', 'New York', 'a_b'] });

        const first = await store.tags({ limit: 3 });
        const second = await store.tags({ limit: 3, cursor: first.nextCursor ?? '' });

        expect([...first.tags, ...second.tags].map(({ name, count }) => [name, count])).toEqual([
          ['50%', 1],
          ['a_b', 1],
          ['New York', 1],
          ['News', 2],
          ['Ünder', 1],
        ]);
        expect(second.nextCursor).toBeNull();
        expect((await store.tags({ prefix: 'NEW', limit: 10 })).tags.map(({ name }) => name)).toEqual([
          'New York',
          'News',
        ]);
        expect((await store.tags({ prefix: '%', limit: 10 })).tags).toEqual([]);
        await expect(store.tags({ limit: 1, cursor: 'x' })).rejects.toMatchObject({ code: 'invalid-cursor' });
      });

      it('forgets a tag that no bookmark has any more', async () => {
        const { id } = await create('a', { tags: ['one', 'two', 'three'] });
        await create('b', { tags: ['three'] });

        await store.update(id, () => ({ tags: ['two', 'three'] }));
        expect((await store.tags({ limit: 10 })).tags.map(({ name }) => name)).toEqual(['three', 'two']);
        await store.remove(id);
        expect((await store.tags({ limit: 10 })).tags.map(({ name }) => name)).toEqual(['three']);
      });

      it('renames on every bookmark, each of which has changed', async () => {
        const [a, b] = [await create('a', { tags: ['old'] }), await create('b', { tags: ['old', 'x'] })];
        const before = await store.latestSeq();
        const tag = await tagNamed('old');

        expect(await store.renameTag(tag?.id ?? '', 'zNew')).toEqual({ id: tag?.id, name: 'zNew', count: 2 });

        const after = await store.findMany([a.id, b.id]);
        expect(after.map(({ tags, revision }) => ({ tags, revision }))).toEqual([
          { tags: ['zNew'], revision: 2 },
          { tags: ['x', 'zNew'], revision: 2 },
        ]);
        expect(shown(await store.changesSince(before, 10)).sort()).toEqual([
          'saved Title a',
          'saved Title b',
        ]);
      });

      it('merges into the tag that has the new name', async () => {
        const [a, b] = [await create('a', { tags: ['old'] }), await create('b', { tags: ['old', 'New'] })];
        const [from, into] = [await tagNamed('old'), await tagNamed('New')];

        expect(await store.renameTag(from?.id ?? '', 'NEW')).toEqual({ id: into?.id, name: 'New', count: 2 });

        expect((await store.findMany([a.id, b.id])).map(({ tags }) => tags)).toEqual([['New'], ['New']]);
        expect(await tagNamed('old')).toBeUndefined();
      });

      it('changes the spelling alone', async () => {
        await create('a', { tags: ['news'] });
        const tag = await tagNamed('news');

        expect(await store.renameTag(tag?.id ?? '', 'News')).toMatchObject({ name: 'News', count: 1 });
        const seq = await store.latestSeq();
        await store.renameTag(tag?.id ?? '', 'News');
        expect(await store.latestSeq()).toBe(seq);
      });

      it('refuses to rename what is not there, and to nothing', async () => {
        await create('a', { tags: ['news'] });

        await expect(store.renameTag('gone', 'x')).rejects.toMatchObject({ code: 'tag-not-found' });
        await expect(store.renameTag((await tagNamed('news'))?.id ?? '', ' \0')).rejects.toMatchObject({
          code: 'invalid-body',
        });
      });

      it('renames a tag of more bookmarks than a statement touches', async () => {
        await store.insert(
          Array.from({ length: 1_100 }, (_, n) => draftOf(`p${n}`, { tags: ['all'] })),
          'keep',
        );
        const before = await store.latestSeq();

        await store.renameTag((await tagNamed('all'))?.id ?? '', 'every');

        const events = await store.changesSince(before, 2_000);
        expect(events).toHaveLength(1_100);
        expect(new Set(events.map(({ seq }) => seq)).size).toBe(1_100);
        expect(await store.count({ tags: ['every'] })).toBe(1_100);
      });

      it('takes a tag off every bookmark', async () => {
        const { id } = await create('a', { tags: ['x', 'y'] });
        const tag = await tagNamed('x');

        expect(await store.removeTag(tag?.id ?? '')).toBe(true);
        expect(await store.removeTag(tag?.id ?? '')).toBe(false);

        expect(await store.find(id)).toMatchObject({ tags: ['y'], revision: 2 });
      });
    });
  });
}
