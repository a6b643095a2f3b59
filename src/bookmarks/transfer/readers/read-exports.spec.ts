import { describe, expect, it } from '@jest/globals';
import { entriesOf, problemsOf, read, sample } from './samples.fixture.js';

const CREATED = 1_700_000_000_000;

describe.each([
  'karakeep.json',
  'karakeep-api.json',
  'linkding-api.json',
  'pocket.csv',
  'raindrop.csv',
  'urls.txt',
  'own.jsonl',
])('the sample %s', (name) => {
  it('reads the same however it is torn', async () => {
    const whole = await read(sample(name));

    expect(whole.length).toBeGreaterThan(0);
    for (const size of [1, 2, 7, 100]) expect(await read(sample(name), { size })).toEqual(whole);
  });
});

describe('an export of Karakeep', () => {
  it('gives links with tags, notes and lists, which stand behind them in the file', async () => {
    expect(entriesOf(await read(sample('karakeep.json')))).toEqual([
      {
        kind: 'entry',
        ordinal: 1,
        url: 'https://example.org/karakeep',
        title: 'Karakeep',
        note: 'a "note" with } and ]',
        tags: ['self-hosted', 'bookmarks'],
        createdAt: CREATED,
        archived: true,
        folderPath: ['Top', 'Below'],
      },
      expect.objectContaining({ url: 'https://example.org/second', folderPath: ['Top', 'Circle'] }),
    ]);
  });

  it('reports what is no link', async () => {
    expect(
      problemsOf(await read(sample('karakeep.json'))).map(({ ordinal, reason, title }) => [
        ordinal,
        reason,
        title,
      ]),
    ).toEqual([
      [2, 'no-url', undefined],
      [3, 'no-url', 'No content'],
    ]);
  });

  it('may be a page of its API', async () => {
    expect(entriesOf(await read(sample('karakeep-api.json')))).toEqual([
      expect.objectContaining({
        title: 'From the page',
        description: 'What it says',
        note: 'n',
        tags: ['tagged'],
        createdAt: CREATED,
        favourite: true,
      }),
    ]);
  });
});

describe('JSON of linkding', () => {
  it('gives bookmarks with their notes and tags', async () => {
    const items = await read(sample('linkding-api.json'));

    expect(entriesOf(items)).toEqual([
      expect.objectContaining({
        url: 'https://example.org/ld',
        note: 'my notes',
        tags: ['tag1', 'tag2', 'toread'],
        archived: true,
        createdAt: CREATED + 123,
      }),
    ]);
    expect(problemsOf(items)).toEqual([expect.objectContaining({ reason: 'unsupported-scheme' })]);
  });
});

describe('JSON that is not whole', () => {
  it.each<[string, string, string[]]>([
    [
      'ends inside an object',
      '{"bookmarks":[{"content":{"url":"https://e.org/1"}},{"content":{"u',
      ['truncated'],
    ],
    ['ends between objects', '{"bookmarks":[{"content":{"url":"https://e.org/1"}},', ['truncated']],
    ['ends inside a string', '{"bookmarks":[{"content":{"url":"https://e.org/1"}},{"x":"\\', ['truncated']],
    [
      'holds other things',
      '{"bookmarks":[1,"x",null,[],{"content":{"url":"https://e.org/1"}},{bad}]}',
      ['not-an-entry', 'not-an-entry', 'not-an-entry', 'not-an-entry', 'damaged'],
    ],
    [
      'holds an object far too large',
      `{"bookmarks":[{"content":{"url":"https://e.org/0","htmlContent":"${'x'.repeat(2_200_000)}"}},{"content":{"url":"https://e.org/1"}}]}`,
      ['too-long'],
    ],
    [
      'is nested 100 000 deep',
      `{"bookmarks":[{"x":${'['.repeat(100_000)}${']'.repeat(100_000)},"content":{"url":"https://e.org/1"}}]}`,
      [],
    ],
    [
      'never ends a nested array',
      `{"bookmarks":[{"content":{"url":"https://e.org/1"}},${'['.repeat(100_000)}`,
      ['truncated'],
    ],
  ])('%s: gives the rest', async (_what, text, reasons) => {
    const items = await read(text, { format: 'karakeep', size: 10_000 });

    expect(entriesOf(items).map(({ url }) => url)).toEqual(['https://e.org/1']);
    expect(problemsOf(items).map(({ reason }) => reason)).toEqual(reasons);
  });
});

describe('CSV', () => {
  it('of Pocket parts tags by bars and knows the archive', async () => {
    const [one, two, three] = entriesOf(await read(sample('pocket.csv')));

    expect(one).toMatchObject({ line: 2, title: 'Pocket one', tags: ['a tag', 'other'], createdAt: CREATED });
    expect(two).toMatchObject({ title: 'Two, "quoted"', tags: [], archived: true });
    expect(three).not.toHaveProperty('title');
  });

  it('of Raindrop has folders, notes and favourites', async () => {
    expect(entriesOf(await read(sample('raindrop.csv')))).toEqual([
      expect.objectContaining({
        title: 'Raindrop',
        note: 'my note\nsecond line',
        description: 'Excerpt',
        folderPath: ['Work', 'Projects'],
        tags: ['one', 'two'],
        createdAt: CREATED,
        favourite: true,
      }),
      expect.not.objectContaining({ folderPath: expect.anything() }),
    ]);
  });

  it('of any other kind needs a column for the address', async () => {
    const items = await read('Name;URL;Tags\n"a;b";https://e.org/1;x,y\n;;\n', { fileName: 'x.csv' });

    expect(entriesOf(items)).toEqual([expect.objectContaining({ title: 'a;b', tags: ['x', 'y'] })]);
    expect(problemsOf(items).map(({ reason }) => reason)).toEqual(['no-url']);
  });

  it.each<[string, string, string]>([
    [
      'a quote that never ends',
      `url,title\nhttps://e.org/1,one\nhttps://e.org/2,"two\nhttps://e.org/3,three\n`,
      'truncated',
    ],
    [
      'a row far too long',
      `url,title\nhttps://e.org/1,one\nhttps://e.org/2,${'x'.repeat(1_200_000)}\n`,
      'too-long',
    ],
  ])('with %s gives what came before, and says so', async (_what, text, reason) => {
    const items = await read(text);

    expect(entriesOf(items).map(({ url }) => url)).toEqual(['https://e.org/1']);
    expect(problemsOf(items)).toEqual([expect.objectContaining({ reason, line: 3 })]);
  });
});

describe('a list of URLs', () => {
  it('takes one a line, with what follows as its title', async () => {
    const items = await read(sample('urls.txt'));

    expect(entriesOf(items).map(({ line, url, title }) => [line, url, title])).toEqual([
      [2, 'https://example.org/a', undefined],
      [4, 'https://example.org/b', 'A title'],
      [5, 'https://example.org/c', 'OneTab title'],
    ]);
    expect(problemsOf(items).map(({ line, reason }) => [line, reason])).toEqual([
      [6, 'relative-url'],
      [7, 'unsupported-scheme'],
    ]);
  });

  it('reports a line that is far too long and goes on', async () => {
    const items = await read(`https://e.org/1\nhttps://e.org/${'x'.repeat(3_000_000)}\nhttps://e.org/2`, {
      size: 65_536,
    });

    expect(entriesOf(items).map(({ url }) => url)).toEqual(['https://e.org/1', 'https://e.org/2']);
    expect(problemsOf(items)).toEqual([{ kind: 'problem', ordinal: 2, line: 2, reason: 'too-long' }]);
  });
});

describe('our own JSON lines', () => {
  it('give back layers, state and previews, and nothing that is not of their shape', async () => {
    const [own, plain] = entriesOf(await read(sample('own.jsonl')));

    expect(own).toEqual({
      kind: 'entry',
      ordinal: 1,
      line: 2,
      url: 'https://example.org/own',
      title: 't',
      tags: ['x'],
      createdAt: CREATED + 123,
      archived: true,
      favourite: false,
      own: {
        fields: { title: { user: 'mine', page: 'theirs' } },
        http: { status: 404, checkedAt: 5, failingSince: 4, deadSince: null },
        enrichment: { state: 'done', attempts: 2, error: null, at: 7, refreshAt: 8 },
        preview: {
          candidates: [{ url: 'https://example.org/p.png', kind: 'page', width: 10 }],
          chosen: null,
        },
        externalId: 'karakeep:1',
      },
    });
    expect(plain).toEqual({ kind: 'entry', ordinal: 2, line: 3, url: 'https://example.org/plain', tags: [] });
  });

  it('report lines that are none', async () => {
    expect(problemsOf(await read(sample('own.jsonl'))).map(({ line, reason }) => [line, reason])).toEqual([
      [4, 'damaged'],
      [5, 'damaged'],
      [6, 'no-url'],
    ]);
  });
});
