import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { markedPages, type MarkedPage } from '../../../test/support/pages/marked-pages.js';
import type { PageFacts } from '../model/page-facts.js';
import { PageExtractor, extractPage } from './page-extractor.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const PAGES = markedPages();

const extract = ({ bytes, url, requestedUrl, contentType }: MarkedPage): PageFacts =>
  extractPage(bytes, { url, contentType, ...(requestedUrl !== undefined && { requestedUrl }) });

const html = (text: string, url = 'https://page.example/a/b'): PageFacts =>
  extractPage(Buffer.from(text), { url, contentType: 'text/html; charset=utf-8' });

describe('extractPage, on the marked pages', () => {
  it('has enough of them', () => {
    expect(PAGES.length).toBeGreaterThanOrEqual(110);
    expect(new Set(PAGES.map(({ name }) => name)).size).toBe(PAGES.length);
  });

  it.each(PAGES.map((page) => [page.name, page] as const))('reads %s', (_name, page) => {
    const facts = extract(page);
    const { expected } = page;

    const found: Record<string, unknown> = { ...facts, image: facts.images[0]?.url };
    const wanted = Object.entries(expected).filter(([name]) => !/Also$|Starts$|MaxChars$|Not$/.test(name));
    expect(Object.fromEntries(wanted.map(([name]) => [name, found[name] ?? null]))).toEqual(
      Object.fromEntries(wanted),
    );
    expect(facts.title ?? '').toMatch(
      expected.titleStarts === undefined ? /^/ : new RegExp(`^${expected.titleStarts}`),
    );
    expect((facts.title ?? '').length).toBeLessThanOrEqual(expected.titleMaxChars ?? 1_000);
  });
});

/** One of very many, 500 characters long. */
const LD_OBJECT = JSON.stringify({ '@type': 'Article', headline: 'H', description: 'd'.repeat(450) });

/** Feeds a page in chunks of these sizes, over and over. */
function inChunks(
  page: Pick<MarkedPage, 'bytes' | 'url' | 'requestedUrl' | 'contentType'>,
  sizes: readonly number[],
): PageFacts {
  const { bytes, url, requestedUrl, contentType } = page;
  const extractor = new PageExtractor({
    url,
    contentType,
    ...(requestedUrl !== undefined && { requestedUrl }),
  });
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    // A chunk that is overwritten afterwards, as a socket's buffer is.
    const chunk = Buffer.from(bytes.subarray(at, at + size));
    if (extractor.push(chunk) === 'enough') break;
    chunk.fill(0x58);
    at += size;
  }
  return extractor.finish();
}

describe('PageExtractor', () => {
  it('gives the same facts however the page is cut into chunks', () => {
    fc.assert(
      fc.property(
        // Not the large ones, which have the same few bytes over and over.
        fc.constantFrom(...PAGES.filter(({ bytes }) => bytes.length < 100_000)),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 40_000 })), {
          minLength: 1,
          maxLength: 12,
        }),
        (page, sizes) => {
          expect(inChunks(page, sizes)).toEqual(extract(page));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('does so for long pages of other bytes, too', () => {
    const parts = [
      '<title>',
      '</title>',
      '<meta property="og:image" content="/',
      '">',
      'ü',
      '漢',
      '&amp',
      ';',
      '</head>',
      '<p>',
      '<svg>',
      '\xff',
      '<!--',
      '-->',
      ' ',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 2_000 }),
        fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 8 }),
        (pieces, times, sizes) => {
          const text = pieces.join('').repeat(times).slice(0, 120_000);
          const page = {
            bytes: Buffer.from(text, times % 2 === 0 ? 'utf8' : 'latin1'),
            url: 'https://p.example/',
            contentType: 'text/html',
          };
          expect(inChunks(page, sizes)).toEqual(extractPage(page.bytes, page));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('never throws, and keeps its word on what it returns, whatever the bytes are', () => {
    const marks = [
      '<script type="application/ld+json">',
      '</script>',
      '{"@type":"Article","headline":',
      '<meta name=description content=',
      '<base href=',
      '<title>',
      '<link rel=icon href=',
      '\0',
      '\ud800',
      '&#x110000;',
      '"',
      '>',
      '[[[[',
      '<svg',
      '<a itemprop=author>',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...marks)), { maxLength: 60 }),
        fc.constantFrom(
          'text/html',
          'text/html; charset=utf-16le',
          'text/html; charset=gb18030',
          'nonsense; charset=',
          'text/html; charset=iso-2022-jp',
        ),
        (pieces, contentType) => {
          const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));
          const facts = extractPage(bytes, { url: 'https://p.example/x', contentType });
          for (const text of stringsOf(facts)) {
            expect(text).toBe(text.trim());
            expect(text).not.toMatch(/[\u0000-\u001f\u007f]/);
            expect(text).not.toMatch(/[\ud800-\udfff]/u);
          }
          for (const url of [
            facts.canonicalUrl,
            facts.oembedUrl,
            ...facts.feedUrls,
            ...facts.images.map((image) => image.url),
            ...facts.icons.map((icon) => icon.url),
          ]) {
            expect(url ?? 'https://').toMatch(/^https?:\/\//);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ['nested elements', '<div>', '</div>'],
    ['nested inline elements', '<b><i>', '</x>'],
    ['nested drawings', '<svg>', ''],
    ['nested quotations of one attribute', '<a href="', ''],
    ['forms in forms', '<form>', '</p>'],
    ['entities', '&amp;&#x41;&', ''],
    ['microdata in microdata', '<span itemprop="author">', ''],
    ['comments', '<!--->', ''],
  ])('reads a page of 100 000 %s within its bounds', (_name, open, close) => {
    const page = `<title>Deep</title><body>${open.repeat(100_000)}text${close.repeat(100_000)}<h1>Late</h1>`;

    const facts = extractPage(Buffer.from(page), { url: 'https://p.example/x', maxBytes: 8_000_000 });

    expect(facts.title).toBe('Deep');
    expect(facts.bytesRead).toBe(page.length);
  });

  it('reads JSON-LD nested 100 000 deep, and too long, without a word', () => {
    const deep = `{"@type":"Article","@graph":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    const long = `{"@type":"Article","headline":"${'x'.repeat(300_000)}"}`;
    const page = [deep, long].map((json) => `<script type="application/ld+json">${json}</script>`).join('');

    expect(html(`<title>JSON</title>${page}<body>`)).toMatchObject({ title: 'JSON', images: [] });
  });

  describe('on a page without end', () => {
    const chunk = Buffer.alloc(64 * 1024, '<p class="text">word &amp; word</p>\n');

    it('stops at the cap, says so, and holds next to nothing', () => {
      const extractor = new PageExtractor({ url: 'https://p.example/x' });
      let pushed = 0;
      let answer = 'more';
      extractor.push(Buffer.from('<title>Long</title>'));
      for (; answer === 'more' && pushed < 50_000_000; pushed += chunk.length) answer = extractor.push(chunk);

      const facts = extractor.finish();
      expect(answer).toBe('enough');
      expect(pushed).toBeLessThan(1024 ** 2 + 2 * chunk.length);
      expect(facts).toMatchObject({ title: 'Long', bytesRead: 1024 ** 2, truncated: true });
    });

    it.each([
      ['one tag that does not end', '<meta content="', 'x'],
      ['one comment', '<!--', 'y'],
      ['one title', '<title>', 'z'],
      ['one attribute name', '<p ', 'a'],
      ['one tag name', '<', 'b'],
      ['one script', '<script>', 'c'],
      ['one block of JSON-LD', '<script type="application/ld+json">', '['],
      ['one heading', '<h1>', 'd'],
      ['JSON-LD without end', '', `<script type="application/ld+json">${LD_OBJECT}</script>`],
      ['headlines without end', '', '<p itemprop="headline">One of many headlines</p>'],
      ['pictures without end', '', '<article><img src="/picture.jpg" width="900" height="600">'],
    ])('holds no more than a few blocks of %s', (_name, open, filling) => {
      const extractor = new PageExtractor({ url: 'https://p.example/x', maxBytes: 64_000_000 });
      const part = Buffer.alloc(64 * 1024, filling);
      extractor.push(Buffer.from(open));
      for (let bytes = 0; bytes < 10_000_000; bytes += part.length) extractor.push(part);

      expect(charsHeldBy(extractor)).toBeLessThan(700_000);
      const facts = extractor.finish();
      expect(stringsOf(facts).join('').length).toBeLessThan(3_000);
      expect(facts.bytesRead).toBeGreaterThan(10_000_000);
    });
  });

  it('takes a page of exactly maxBytes for whole, and one byte more for cut', () => {
    const page = Buffer.from(`<title>Edge</title>${'x'.repeat(50_000)}`);
    const at = extractPage(page, { url: 'https://p.example/', maxBytes: page.length });
    const under = extractPage(page, { url: 'https://p.example/', maxBytes: page.length - 1 });

    expect(at).toMatchObject({ bytesRead: page.length, truncated: false });
    expect(under).toMatchObject({ bytesRead: page.length - 1, truncated: true, title: 'Edge' });
  });

  describe('when the head says everything', () => {
    const head =
      '<meta property="og:title" content="T1"><meta property="og:description" content="D"><meta property="og:image" content="/i.png">';
    const body = '<p>text</p>'.repeat(60_000);

    it('stops at its end', () => {
      const facts = html(`<head>${head}<meta property="og:type" content="product"></head>${body}`);

      expect(facts).toMatchObject({ title: 'T1', truncated: true });
      expect(facts.bytesRead).toBeLessThanOrEqual(16 * 1024);
    });

    it('stops there on a front page, too', () => {
      expect(html(`<head>${head}</head>${body}`, 'https://page.example/').bytesRead).toBeLessThanOrEqual(
        16 * 1024,
      );
    });

    it('looks for the author and the date of an article a while longer', () => {
      const found = html(
        `<head>${head}</head>${body.slice(0, 99_000)}<script type="application/ld+json">{"@type":"Article","author":"A. B.","datePublished":"2024-01-01"}</script>${body}`,
      );
      const none = html(`<head>${head}</head>${body}`);

      expect(found).toMatchObject({ author: 'A. B.', publishedAt: '2024-01-01' });
      expect(found.bytesRead).toBeLessThan(140_000);
      expect(none.bytesRead).toBeLessThan(300_000);
    });

    it('reads on where a picture is missing', () => {
      const page = `<title>T1</title><meta name="description" content="D"></head>${body.slice(0, 396_000)}<meta property="og:image" content="/late.png">`;

      expect(html(page).images[0]?.url).toBe('https://page.example/late.png');
    });
  });

  it.each([
    ['declared in UTF-8', 'text/html; charset=utf-8', 'utf8', ''],
    ['undeclared', 'text/html', 'utf8', ''],
    ['declared in UTF-8, with other letters', 'text/html; charset=utf-8', 'utf8', '–Über'],
    ['in windows-1252', 'text/html; charset=windows-1252', 'latin1', '\u0096\u00dcber'],
    ['in UTF-16', 'text/html; charset=utf-16le', 'utf16le', '–Über'],
  ] as const)(
    'returns facts of which none keeps its page alive: 300 pages %s',
    async (_name, contentType, encoding, letters) => {
      const before = await heapBytes();
      const facts: PageFacts[] = [];
      for (let index = 0; index < 300; index += 1) {
        const page = Buffer.from(pageWithAllFacts(`${index}${letters}`), encoding);
        facts.push(extractPage(page, { url: `https://page.example/a/${index}`, contentType }));
      }
      const held = (await heapBytes()) - before;

      // A block of 16 KB for each page would be 4.9 MB at least, a page 38 MB; the facts themselves are under 2.
      expect(new Set(Object.keys(facts[299] ?? {}))).toEqual(ALL_FACTS);
      expect(facts[299]?.images.map(({ from }) => from)).toEqual([
        'og',
        'twitter',
        'json-ld',
        'link',
        'body',
      ]);
      expect(held).toBeLessThan(4_000_000);
    },
  );

  it.each([
    [
      'the heading of a list is no title',
      '<title>The winds of change</title><a itemprop="headline">Blog</a>',
      { title: 'The winds of change' },
    ],
    [
      'the account of the site is no author',
      '<meta name="twitter:site" content="@quay"><meta name="twitter:creator" content="@quay">',
      { author: undefined },
    ],
    [
      'an account of somebody else is one',
      '<meta name="twitter:site" content="@quay"><meta name="twitter:creator" content="@ada">',
      { author: '@ada' },
    ],
    ['a film is no picture', '<meta property="og:image" content="/film.mp4">', { images: [] }],
    [
      'a marked time counts outside of an article, too',
      '<body><time pubdate datetime="2024-02-03">',
      { publishedAt: '2024-02-03' },
    ],
    [
      'an abbreviation may hold the date',
      '<body><abbr itemprop="datePublished" title="2024-02-03">3 Feb</abbr>',
      { publishedAt: '2024-02-03' },
    ],
  ])('knows that %s', (_name, page, expected) => {
    const facts = html(page);

    expect(Object.fromEntries(Object.keys(expected).map((key) => [key, Reflect.get(facts, key)]))).toEqual(
      expected,
    );
  });

  it('gives the same facts when asked twice, and ignores what comes after', () => {
    const extractor = new PageExtractor({ url: 'https://p.example/' });
    extractor.push(Buffer.from('<title>Once</title>'));

    const facts = extractor.finish();

    expect(extractor.finish()).toBe(facts);
  });
});

/** What {@link pageWithAllFacts} says. */
const ALL_FACTS: ReadonlySet<string> = new Set([
  ...['title', 'description', 'author', 'publisher', 'siteName', 'publishedAt', 'language', 'canonicalUrl'],
  ...['images', 'icons', 'oembedUrl', 'feedUrls', 'charset', 'bytesRead', 'truncated'],
]);

/**
 * A page of 130 KB that says everything that can be said. Its texts are without blanks, as Japanese is: where cleaning
 * finds nothing to replace, it makes no new text, and only the copy at its end keeps the page out of the fact.
 */
function pageWithAllFacts(own: string): string {
  const filling = `<p>${own} ${'some text and more of it, '.repeat(1_200)}</p>`;
  const ld = {
    '@type': 'Article',
    headline: `TheHeadlineOfThePage${own}`,
    author: { name: `SomebodyOfThePage${own}` },
    publisher: { name: `PublisherOfThePage${own}` },
    image: { url: `/a/json-ld/picture/${own}.jpg`, width: 900 },
  };
  return `<html lang="en-GB"><head><title>TheTitleOfThePage${own}</title>
<meta name="description" content="TheDescriptionOfThePage${own}AndNoOther">
<meta property="og:site_name" content="TheSiteOfThePage${own}"><meta property="og:image" content="/a/picture/og/${own}.jpg">
<meta property="og:image:type" content="image/jpeg"><meta name="twitter:image" content="/a/picture/twitter/${own}.jpg">
<link rel="canonical" href="/canonical/address/${own}"><link rel="image_src" href="/a/picture/link/${own}.jpg">
<link rel="icon" type="image/png" sizes="32x32" href="/an/icon/of/page/${own}.png">
<link rel="alternate" type="application/rss+xml" href="/a/feed/of/page/${own}">
<link rel="alternate" type="application/json+oembed" href="/oembed/of/page/${own}">
</head><body>${filling}<article><img src="/a/picture/body/${own}.jpg" width="900" height="600">${filling}
<script type="application/ld+json">${JSON.stringify(ld)}</script>${filling}
<time pubdate datetime="2024-02-03T04:05:06Z">then</time>${filling}`;
}

/** Every string of a value. */
function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [];
}

/** Characters of all strings that an object reaches. */
function charsHeldBy(root: object): number {
  const seen = new Set<unknown>();
  const walk = (value: unknown): number => {
    if (typeof value === 'string') return value.length;
    if (typeof value !== 'object' || value === null || seen.has(value) || ArrayBuffer.isView(value)) return 0;
    seen.add(value);
    const members = value instanceof Map ? [...value.entries()].flat() : Object.values(value);
    return members.reduce((sum: number, member) => sum + walk(member), 0);
  };
  return walk(root);
}

async function heapBytes(): Promise<number> {
  for (let turn = 0; turn < 3; turn += 1) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}
