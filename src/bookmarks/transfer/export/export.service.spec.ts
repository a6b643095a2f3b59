import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Parser } from 'htmlparser2';
import { parse } from 'csv-parse/sync';
import { FakeClock } from '../../../../test/support/fake-clock.js';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import type { BookmarkDraft, BookmarkStore } from '../../model/bookmark-store.js';
import { SqlBookmarkStore } from '../../repository/sql-bookmark-store.js';
import { gather } from '../readers/samples.fixture.js';
import type { ExportFormat } from '../writers/export-format.js';
import { ExportService } from './export.service.js';

const SELF = 'https://plimsoll.example/api/bookmarks/export?format=atom&tag=a';

function draft(n: number, more: Partial<BookmarkDraft> = {}): BookmarkDraft {
  const url = `https://example.org/${n}`;
  return {
    url,
    normalisedUrl: url,
    host: 'example.org',
    source: 'user',
    values: { title: `Title ${n}` },
    tags: [],
    createdAt: Date.UTC(2025, 0, 1) + n * 1_000,
    ...more,
  };
}

describe('an export', () => {
  let clock: FakeClock;
  let test: TestDatabase;
  let store: BookmarkStore;
  let exports: ExportService;

  beforeEach(async () => {
    clock = new FakeClock();
    test = await openTestDatabase({ clock });
    store = new SqlBookmarkStore(test.database, clock);
    exports = new ExportService(store, clock);
  });

  afterEach(() => test.close());

  const textOf = async (format: ExportFormat, filter = {}): Promise<string> =>
    (await gather((await exports.open(format, filter, SELF)).pieces)).join('');

  it.each<[ExportFormat, string, string]>([
    ['netscape', 'text/html; charset=utf-8', 'bookmarks-2026-01-01.html'],
    ['jsonl', 'application/x-ndjson; charset=utf-8', 'bookmarks-2026-01-01.jsonl'],
    ['csv', 'text/csv; charset=utf-8; header=present', 'bookmarks-2026-01-01.csv'],
    ['atom', 'application/atom+xml; charset=utf-8', 'bookmarks-2026-01-01.atom'],
  ])('as %s is %s, named %s', async (format, contentType, fileName) => {
    expect(await exports.open(format, {}, SELF)).toMatchObject({ contentType, fileName });
  });

  it('of nothing is a whole file all the same', async () => {
    expect(await textOf('netscape')).toMatch(
      /^<!DOCTYPE NETSCAPE-Bookmark-file-1>[\s\S]*<DL><p>\n<\/DL><p>\n$/,
    );
    expect((await textOf('jsonl')).split('\n')).toHaveLength(2);
    expect(await textOf('csv')).toBe(
      'url,title,description,note,tags,created_at,modified_at,archived,favourite,host\r\n',
    );
    expect(await textOf('atom')).toMatch(/<updated>2026-01-01T00:00:00.000Z<\/updated>\n<\/feed>\n$/);
  });

  it('brings every bookmark once, oldest first, over many pages', async () => {
    await store.insert(
      Array.from({ length: 1_234 }, (_, n) => draft(n)),
      'keep',
    );

    const urls = [...(await textOf('netscape')).matchAll(/HREF="([^"]*)"/g)].map(([, url]) => url);

    expect(urls).toEqual(Array.from({ length: 1_234 }, (_, n) => `https://example.org/${n}`));
  });

  it('reads a page only when the one before was taken', async () => {
    await store.insert(
      Array.from({ length: 1_600 }, (_, n) => draft(n)),
      'keep',
    );
    let pages = 0;
    const counting = Object.assign(Object.create(store) as BookmarkStore, {
      list: (...parameters: Parameters<BookmarkStore['list']>) => {
        pages += 1;
        return store.list(...parameters);
      },
    });

    const { pieces } = await new ExportService(counting, clock).open('jsonl', {}, SELF);
    await pieces.next();
    const afterOnePiece = pages;
    await pieces.return(undefined);

    expect(afterOnePiece).toBe(1);
    expect(pages).toBe(1);
  });

  it('is narrowed down as the list is', async () => {
    await store.insert(
      [draft(1, { tags: ['a'] }), draft(2, { archived: true, tags: ['a'] }), draft(3)],
      'keep',
    );

    expect(await textOf('csv', { tags: ['a'], archived: false })).toMatch(
      /^url,[^\n]*\n[^\n]*example\.org\/1,[^\n]*\n$/,
    );
  });

  describe('as Netscape file', () => {
    it('writes text that cannot break out, and no address that a click should not follow', async () => {
      await store.insert(
        [
          draft(1, {
            url: 'https://example.org/"><script>alert(1)</script>',
            values: { title: '</A><script>alert(1)</script>', description: '<DT><A HREF="javascript:x()">' },
            note: '</DL>',
            tags: ['"><script>', 'a,b', 'toread'],
            favourite: true,
          }),
          draft(2, { url: 'javascript:alert(1)' }),
        ],
        'keep',
      );

      const seen: string[] = [];
      const parser = new Parser({ onopentagname: (name) => void seen.push(name) });
      const text = await textOf('netscape');
      parser.end(text);

      expect(seen).toEqual(['meta', 'title', 'h1', 'dl', 'p', 'dt', 'a', 'dd', 'p']);
      expect(text).not.toContain('javascript:alert');
      expect(text).toMatch(/TAGS="&quot;&gt;&lt;script&gt;,a b,toread" TOREAD="1" FAVOURITE="1"/);
    });
  });

  describe('as CSV', () => {
    it('is read by a reader of RFC 4180, and no cell is a formula', async () => {
      await store.insert(
        [
          draft(1, {
            values: { title: '=HYPERLINK("http://evil")', description: 'two\nlines, "quoted"' },
            note: "'=1",
            tags: ['@x', 'a,b'],
          }),
        ],
        'keep',
      );

      const [row] = parse<Record<string, string>>(await textOf('csv'), { columns: true });

      expect(row).toMatchObject({
        url: 'https://example.org/1',
        title: `'=HYPERLINK("http://evil")`,
        description: 'two\nlines, "quoted"',
        note: "''=1",
        tags: "'@x,a b",
        created_at: '2025-01-01T00:00:01.000Z',
        archived: 'false',
      });
    });
  });

  describe('as feed', () => {
    it('has the newest 200 by change, each under an id of its own', async () => {
      await store.insert(
        Array.from({ length: 250 }, (_, n) => draft(n)),
        'keep',
      );
      clock.advance(5_000);
      const [changed] = (await store.list({}, 'createdAt', 1)).bookmarks;
      await store.update(changed?.id ?? '', () => ({ favourite: true }));

      const text = await textOf('atom');
      const ids = [...text.matchAll(/<entry>\n {4}<id>([^<]*)<\/id>/g)].map(([, id]) => id);

      expect(ids).toHaveLength(200);
      expect(new Set(ids).size).toBe(200);
      expect(ids[0]).toBe(`urn:uuid:${changed?.id}`);
      expect(text).toContain('<updated>2026-01-01T00:00:05.000Z</updated>');
    });

    it('is well-formed whatever stands in it', async () => {
      await store.insert(
        [
          draft(1, {
            values: { title: 'a & b <c> \u0007\ud800 ]]> 😀', description: '<script>' },
            note: 'x',
            tags: ['"t"'],
          }),
        ],
        'keep',
      );

      const text = await textOf('atom');
      const stack: string[] = [];
      const seen: string[] = [];
      const parser = new Parser(
        {
          onopentagname: (name) => {
            stack.push(name);
            seen.push(name);
          },
          onclosetag: (name, isImplied) => {
            if (stack.pop() !== name || (isImplied && name !== 'link' && name !== 'category'))
              throw new Error(`</${name}> does not fit`);
          },
        },
        { xmlMode: true },
      );
      parser.end(text);

      expect(stack).toEqual([]);
      expect(seen.slice(0, 9)).toEqual([
        'feed',
        'id',
        'title',
        'author',
        'name',
        'generator',
        'link',
        'updated',
        'entry',
      ]);
      expect(text).toContain('<title>a &amp; b &lt;c&gt; ');
      expect(text).not.toMatch(/[\u0000-\u0008]|<script>/);
      expect(text).toContain('&amp;tag=a');
    });
  });
});
