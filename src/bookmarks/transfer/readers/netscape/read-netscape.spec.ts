import { describe, expect, it } from '@jest/globals';
import type { ImportItem } from '../import-entry.js';
import { entriesOf, problemsOf, read, sample } from '../samples.fixture.js';

const readSample = (name: string, size?: number): Promise<ImportItem[]> =>
  read(sample(name), size === undefined ? {} : { size });
const urls = (items: readonly ImportItem[]): string[] => entriesOf(items).map(({ url }) => url);
const head = '<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL><p>\n';

describe('a Netscape file', () => {
  it.each([
    'chrome.html',
    'dates.html',
    'firefox.html',
    'google-no-doctype.html',
    'internet-explorer-bom.html',
    'koi8-r.html',
    'link-in-description.html',
    'linkding.html',
    'missing-ends.html',
    'odd-attributes.html',
    'pinboard.html',
    'pocket.html',
    'safari.html',
    'shaarli-old.html',
    'utf-16.html',
    'windows-1252.html',
  ])('reads the same however it is torn: %s', async (name) => {
    const whole = await readSample(name);

    expect(whole.length).toBeGreaterThan(0);
    for (const size of [1, 2, 3, 7, 61, 1_000]) expect(await readSample(name, size)).toEqual(whole);
  });

  describe('of Chrome', () => {
    it('gives links with their folders, but not those that every browser has', async () => {
      const items = await readSample('chrome.html');

      expect(entriesOf(items)).toEqual([
        {
          kind: 'entry',
          ordinal: 1,
          line: 11,
          url: 'https://example.org/one?a=1&b=2',
          title: 'One & only <b>',
          tags: [],
          createdAt: 1_700_000_001_000,
          folderPath: [],
        },
        expect.objectContaining({ url: 'https://example.org/two', folderPath: ['Work'] }),
        expect.objectContaining({
          url: 'https://example.org/three',
          folderPath: ['Work', 'Deep, deeper'],
          line: 17,
        }),
        expect.objectContaining({ url: 'https://example.org/four', folderPath: [] }),
      ]);
    });

    it('reports addresses that are none of the web', async () => {
      expect(problemsOf(await readSample('chrome.html'))).toEqual([
        {
          kind: 'problem',
          ordinal: 5,
          line: 22,
          reason: 'unsupported-scheme',
          url: 'chrome://settings/',
          title: 'Settings',
        },
      ]);
    });
  });

  describe('of Firefox', () => {
    it('reads tags, keywords and descriptions of several lines, and takes the text of a folder for none', async () => {
      const items = await readSample('firefox.html');

      expect(entriesOf(items)).toEqual([
        expect.objectContaining({
          url: 'https://support.mozilla.org/products/firefox',
          title: 'Get Help',
          description: 'First line\nsecond line & more',
          tags: ['help', 'web browser'],
          createdAt: 1_700_000_000_000,
          folderPath: ['Mozilla Firefox'],
          extra: { shortcuturl: 'help' },
        }),
        expect.objectContaining({
          url: 'https://example.org/live',
          extra: { feedurl: 'https://example.org/feed.xml' },
        }),
        expect.objectContaining({ url: 'https://example.org/unfiled', folderPath: [] }),
      ]);
    });

    it('reports every scheme that cannot be kept', async () => {
      const problems = problemsOf(await readSample('firefox.html'));

      expect(problems.map(({ reason, url }) => [reason, url?.split(':', 1)[0]])).toEqual(
        ['place', 'about', 'javascript', 'data', 'feed'].map((scheme) => ['unsupported-scheme', scheme]),
      );
    });
  });

  it('of Safari needs no list around all', async () => {
    expect(
      entriesOf(await readSample('safari.html')).map(({ title, folderPath }) => [title, folderPath]),
    ).toEqual([
      ['In favourites', []],
      ['Soup', ['Recipes']],
      ['Outside', []],
      ['Later', []],
    ]);
  });

  it('of Internet Explorer begins with a BOM and a DOCTYPE in lower case', async () => {
    expect(entriesOf(await readSample('internet-explorer-bom.html'))).toEqual([
      expect.objectContaining({ title: 'Straße', folderPath: ['Grüße'], createdAt: 1_700_000_001_000 }),
    ]);
  });

  it('needs no DOCTYPE, forgives links and headings without an end, and too many ends of lists', async () => {
    expect(
      entriesOf(await readSample('google-no-doctype.html')).map(({ title, description, folderPath }) => [
        title,
        description,
        folderPath,
      ]),
    ).toEqual([
      ['Unclosed link', undefined, ['reading']],
      ['Next', 'note of b', ['reading']],
      ['After too many ends', undefined, []],
    ]);
  });

  it('forgives lists and links that never end', async () => {
    expect(
      entriesOf(await readSample('missing-ends.html')).map(({ url, folderPath }) => [url, folderPath]),
    ).toEqual([
      ['https://example.org/1', ['Outer']],
      ['https://example.org/2', ['Outer', 'Inner']],
      ['https://example.org/3', ['Outer', 'Inner']],
    ]);
  });

  it('takes links inside a description for text', async () => {
    expect(
      entriesOf(await readSample('link-in-description.html')).map(({ url, description }) => [
        url,
        description,
      ]),
    ).toEqual([
      ['https://example.org/outer', 'See the inner page for\ndetails é\nand a third line'],
      ['https://example.org/next', 'One\nTwo'],
      ['https://example.org/scuttle', 'from the attribute'],
    ]);
  });

  it('of the old Shaarli parts tags by spaces and reports notes, whose address is relative', async () => {
    const items = await readSample('shaarli-old.html');

    expect(entriesOf(items)).toEqual([
      expect.objectContaining({
        url: 'https://example.org/shaarli',
        tags: ['php', 'self-hosted'],
        extra: { private: '0' },
      }),
    ]);
    expect(problemsOf(items)).toEqual([
      expect.objectContaining({ reason: 'relative-url', url: '?yhdqCQ', title: 'A note of its own' }),
    ]);
  });

  it('of Pinboard parts tags by commas, once each, and marks what is to be read', async () => {
    const [pinned, old] = entriesOf(await readSample('pinboard.html'));

    expect(pinned).toMatchObject({
      tags: ['web', 'machine learning', 'café & bar', 'toread'],
      description: 'Extended',
    });
    expect(old).toMatchObject({ url: 'https://example.org/old', tags: [], extra: { private: '1' } });
    expect(old).not.toHaveProperty('title');
    expect(old).not.toHaveProperty('createdAt');
  });

  it('of linkding has notes between marks and the archive as a tag', async () => {
    expect(entriesOf(await readSample('linkding.html'))).toEqual([
      expect.objectContaining({
        tags: ['self hosted'],
        archived: true,
        description: 'A description',
        note: '# Notes\n\nwith **lines**',
      }),
      expect.objectContaining({ tags: ['toread'], url: 'https://example.org/unread' }),
    ]);
  });

  it('of Pocket has lists of another kind', async () => {
    const [unread, archived] = entriesOf(await readSample('pocket.html'));

    expect(unread).toMatchObject({ title: 'Pocket', tags: ['one', 'two'], createdAt: 1_700_000_000_000 });
    expect(unread).not.toHaveProperty('archived');
    expect(archived).toMatchObject({ url: 'https://example.org/read', archived: true });
    expect(archived).not.toHaveProperty('title');
  });

  it('tells the unit of a time by its size, and believes no nonsense', async () => {
    const times = Object.fromEntries(
      entriesOf(await readSample('dates.html')).map(({ title, createdAt }) => [title, createdAt]),
    );

    expect(times).toEqual({
      seconds: 1_700_000_000_000,
      milliseconds: 1_700_000_000_000,
      microseconds: 1_700_000_000_000,
      nanoseconds: 1_700_000_000_000,
      chromium: 1_700_000_000_000,
      float: 1_700_000_000_750,
      iso: 1_700_000_000_000,
      negative: undefined,
      empty: undefined,
      zero: 1_700_000_000_000,
      future: undefined,
      words: undefined,
      huge: undefined,
    });
  });

  it.each([
    ['windows-1252.html', 'Café € „quoted“'],
    ['koi8-r.html', 'Привет'],
    ['utf-16.html', '日本語'],
  ])('is read in its own encoding: %s', async (name, title) => {
    expect(entriesOf(await readSample(name)).map((entry) => entry.title)).toEqual([title]);
  });

  it('reads attributes as browsers do, and none out of an icon', async () => {
    const items = await readSample('odd-attributes.html');

    expect(entriesOf(items).map(({ url, tags }) => [url, tags])).toEqual([
      ['https://example.org/linebreak', ['one', 'two']],
      ['https://example.org/unquoted?a=b&c', ['bare']],
      ['https://example.org/single', ['x']],
      ['https://example.org/with%20space', []],
      ['https://example.org/after-icon', []],
      ['https://user:secret@example.org/', []],
      ['HTTPS://EXAMPLE.org/Upper', []],
    ]);
    expect(entriesOf(items)[0]?.title).toBe('Newline in title');
    expect(problemsOf(items)).toEqual([expect.objectContaining({ reason: 'no-url', title: 'Empty' })]);
  });

  it('decodes an address once', async () => {
    expect(urls(await read(`${head}<DT><A HREF="https://e.org/?a=1&amp;amp;b&copy=2&#38;d">x</A>`))).toEqual([
      'https://e.org/?a=1&amp;b&copy=2&d',
    ]);
  });

  it.each<[string, string]>([
    ['inside a tag', '<DT><A HREF="https://e.org/1">1</A>\n<DT><A HREF="https://e.o'],
    ['inside a comment', '<DT><A HREF="https://e.org/1">1</A>\n<!-- <DT>'],
  ])('that ends %s gives what came before, and says so', async (_where, text) => {
    const items = await read(`${head}${text}`);

    expect(urls(items)).toEqual(['https://e.org/1']);
    expect(problemsOf(items)).toEqual([{ kind: 'problem', ordinal: 2, reason: 'truncated' }]);
  });

  it('that ends inside a title or a description keeps what there is of it', async () => {
    const items = await read(`${head}<DT><A HREF="https://e.org/1">One</A><DD>begun`);

    expect(entriesOf(items)).toEqual([expect.objectContaining({ title: 'One', description: 'begun' })]);
  });

  it('does not mind an unclosed title of the page, or a script', async () => {
    expect(
      urls(await read(`<TITLE>never closed\n${head}<script>\n<DT><A HREF="https://e.org/1">1</A>`)),
    ).toEqual(['https://e.org/1']);
  });

  it('passes comments over, whatever stands in them', async () => {
    const text = `${head}<!--><DT><A HREF="https://e.org/1">1</A><!-- <A HREF="https://e.org/x'>--- --><DT><A HREF="https://e.org/2">2</A><!---->`;

    for (const size of [1, 5, 1_000])
      expect(urls(await read(text, { size }))).toEqual(['https://e.org/1', 'https://e.org/2']);
  });

  it('nested 100 000 deep is read as any other', async () => {
    const depth = 100_000;
    const items = await read(
      `${head}${'<DL><p><DT><H3>f</H3>'.repeat(depth)}<DT><A HREF="https://e.org/deep">x</A>${'</DL>'.repeat(depth)}<DT><A HREF="https://e.org/flat">y</A>`,
    );

    expect(urls(items)).toEqual(['https://e.org/deep', 'https://e.org/flat']);
    expect(entriesOf(items).map(({ folderPath }) => folderPath?.length)).toEqual([30, 0]);
  });

  it('with 100 000 elements that never end is read as any other', async () => {
    const items = await read(`${head}${'<DT><b><i>'.repeat(100_000)}<DT><A HREF="https://e.org/1"><b>x`);

    expect(entriesOf(items)).toEqual([expect.objectContaining({ url: 'https://e.org/1', title: 'x' })]);
  });

  it('cuts what is longer than the limits, and says what', async () => {
    const [entry] = entriesOf(
      await read(
        `${head}<DT><A HREF="https://e.org/1" TAGS="${'t'.repeat(300)},ok">${'x'.repeat(5_000)}</A><DD>${'y'.repeat(30_000)}`,
      ),
    );

    expect(entry?.title).toHaveLength(1_000);
    expect(entry?.description).toHaveLength(5_000);
    expect(entry?.tags.map((tag) => tag.length)).toEqual([100, 2]);
    expect(entry?.cut).toEqual(['title', 'description', 'tags']);
  });

  it('keeps no NUL and no half of a surrogate pair', async () => {
    const [entry] = entriesOf(
      await read(`${head}<DT><A HREF="https://e.org/1">a\u0000b&#xD800;c${'x'.repeat(995)}😀</A>`),
    );

    expect(entry?.title).toMatch(/^ab/);
    expect(entry?.title).not.toMatch(/\p{Surrogate}/u);
  });

  it('reports an address over the limit, and a tag that is far too long', async () => {
    const items = await read(
      `${head}<DT><A HREF="https://e.org/${'a'.repeat(20_000)}">long</A>\n<DT><A HREF="https://e.org/x" JUNK="${'j'.repeat(100_000)}">junk</A>\n<DT><A HREF="https://e.org/ok">ok</A>`,
    );

    expect(urls(items)).toEqual(['https://e.org/ok']);
    expect(problemsOf(items).map(({ reason, line }) => [reason, line])).toEqual([
      ['too-long', 3],
      ['too-long', 4],
    ]);
  });

  it('shows only the beginning of a long address', async () => {
    const [problem] = problemsOf(await read(`${head}<DT><A HREF="javascript:${'a'.repeat(5_000)}">x</A>`));

    expect(problem?.url).toHaveLength(200);
  });
});
