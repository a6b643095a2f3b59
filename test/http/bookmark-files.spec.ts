import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ask, askUntil, bookmarksOf, type Answer, type Json } from './bookmarks.fixture.js';

const FOLDER = join(import.meta.dirname, '../support/bookmark-files');
const sample = (name: string): Promise<Buffer> => readFile(join(FOLDER, `${name}.sample`));

const HEAD = '<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL><p>\n';
const link = (name: string, title = name): string => `<DT><A HREF="https://e.org/${name}">${title}</A>\n`;
const HTML = 'text/html';

/** One import as a client sees it. */
interface Brought {
  readonly counts: Json;
  /** Without the summary. */
  readonly report: readonly Json[];
}

/** Talks to one server about files of bookmarks. */
class Files {
  constructor(readonly app: TestApp) {}

  send(body: string, type = HTML, query = ''): Promise<Answer> {
    return ask(this.app, 'POST', `/api/bookmarks/import${query}`, {
      body,
      headers: { 'Content-Type': type },
    });
  }

  /** Imports to the end. */
  async bring(body: string | Buffer, type = HTML, query = ''): Promise<Brought> {
    const response = await fetch(`${this.app.url}/api/bookmarks/import${query}`, {
      method: 'POST',
      headers: { 'Content-Type': type },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    const started = (await response.json()) as Json;
    if (response.status !== 202) throw new Error(`Not taken: ${JSON.stringify(started)}`);
    const job = await askUntil(this.app, String(started['operation']), ({ state }) => state === 'done');
    const { text } = await ask(this.app, 'GET', String(started['report']));
    const report = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    return { counts: (job['result'] as Json)['counts'] as Json, report: report.slice(0, -1) };
  }

  async list(): Promise<readonly Json[]> {
    return bookmarksOf((await ask(this.app, 'GET', '/api/bookmarks?sort=createdAt&limit=100')).body);
  }

  /** Every bookmark as JSON lines, the line that says when left out. */
  async exported(): Promise<readonly Json[]> {
    const { text } = await ask(this.app, 'GET', '/api/bookmarks/export?format=jsonl');
    return text
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line) as Json);
  }

  async kept(): Promise<readonly string[]> {
    return readdir(join(this.app.dataDir, 'imports')).catch(() => []);
  }

  async jobs(): Promise<number> {
    const { body } = await ask(this.app, 'GET', '/api/operations?kind=import&limit=200');
    return (body['jobs'] as unknown[]).length;
  }

  async clear(): Promise<void> {
    for (const { id } of await this.list()) await ask(this.app, 'DELETE', `/api/bookmarks/${String(id)}`);
  }
}

describe('files of bookmarks that are broken', () => {
  let files: Files;

  beforeAll(async () => {
    files = new Files(await startTestApp({ ENRICHMENT: 'off', IMPORT_MAX_BYTES: '4MB' }));
  });

  afterAll(() => files.app.close());

  it.each<[string, string, string]>([
    ['a Netscape file inside a tag', HTML, `${HEAD}${link('whole')}<DT><A HREF="https://e.org/ha`],
    [
      'JSON inside an object',
      'application/json',
      '{"bookmarks":[{"content":{"type":"link","url":"https://e.org/whole"}},{"con',
    ],
    ['CSV inside quotes', 'text/csv', 'url,title\nhttps://e.org/whole,x\nhttps://e.org/ha,"y\n'],
    [
      'JSON lines inside a line',
      'application/x-ndjson',
      '{"url":"https://e.org/whole"}\n{"url":"https://e.org/ha',
    ],
  ])('are read up to where they end: %s', async (_what, type, body) => {
    await files.clear();

    const { counts, report } = await files.bring(body, type);

    expect(counts).toMatchObject({ created: 1, skipped: 1, failed: 0 });
    expect(report).toEqual([
      expect.objectContaining({
        outcome: 'skipped',
        ordinal: 2,
        reason: expect.stringMatching(/truncated|damaged/),
      }),
    ]);
    expect((await files.list()).map(({ url }) => url)).toEqual(['https://e.org/whole']);
  });

  it('get their report in a dry run though the reader stops before their end', async () => {
    await files.clear();

    const { status, body } = await files.send(
      `url,title\nhttps://e.org/1,one\nhttps://e.org/2,"${'x'.repeat(3_000_000)}`,
      'text/csv',
      '?dryRun=true',
    );

    expect([status, body]).toEqual([
      200,
      expect.objectContaining({
        counts: expect.objectContaining({ new: 1, skipped: 1 }),
        problems: [expect.objectContaining({ line: 3, reason: 'too-long' })],
      }),
    ]);
  });

  it('may be nested 100 000 deep', async () => {
    await files.clear();
    const depth = 100_000;

    const { counts } = await files.bring(
      `${HEAD}${'<DL><p><DT><H3>f</H3>'.repeat(depth)}${link('deep')}${'</DL>'.repeat(depth)}${link('flat')}`,
    );

    expect(counts).toMatchObject({ created: 2, skipped: 0, failed: 0 });
  });

  it.each<[string, string, string]>([
    [
      'a Netscape file',
      HTML,
      `${HEAD}<DT><A HREF="https://e.org/odd\u0000" TAGS="t\u0000x,&#xD800;">a\u0000b&#xDFFF;c</A><DD>d\u0000e\n`,
    ],
    [
      'JSON lines',
      'application/x-ndjson',
      `{"url":"https://e.org/odd","title":"a\\u0000b\\udfffc","tags":["t\\u0000x","\\ud800"],"description":"d\\u0000e"}\n`,
    ],
    ['CSV', 'text/csv', 'url,title,tags,description\nhttps://e.org/odd,a\u0000bc,t\u0000x,d\u0000e\n'],
  ])('keep no NUL and no half of a pair out of %s', async (_what, type, body) => {
    await files.clear();

    const { counts } = await files.bring(body, type);

    expect(counts).toMatchObject({ created: 1, skipped: 0, failed: 0 });
    const text = JSON.stringify(await files.exported());
    expect(text).not.toMatch(/\\u0000|\\ud[89a-f]|\p{Surrogate}/iu);
    expect((await files.list())[0]).toMatchObject({
      title: expect.stringMatching(/^a ?b/),
      description: expect.stringMatching(/^d ?e$/),
    });
  });

  const SCHEMES = ['javascript:alert(1)', 'data:text/html,<b>x', 'file:///etc/passwd', 'ftp://e.org/'];
  it.each<[string, string, (url: string) => string, string]>([
    ['Netscape', HTML, (url) => `<DT><A HREF="${url}">x</A>`, HEAD],
    [
      'Karakeep',
      'application/json',
      (url) => JSON.stringify({ content: { type: 'link', url } }),
      '{"bookmarks":[',
    ],
    ['linkding', 'application/json', (url) => JSON.stringify({ url, tag_names: [] }), '['],
    ['CSV', 'text/csv', (url) => `"${url}"`, 'url,title\n'],
    ['a list', 'text/plain', (url) => url.replaceAll(' ', ''), 'https://e.org/first\n'],
    ['JSON lines', 'application/x-ndjson', (url) => JSON.stringify({ url }), '{"plimsoll":"bookmarks"}\n'],
  ])('report each address that cannot be kept: %s', async (name, type, line, head) => {
    await files.clear();
    const isJson = head === '[' || head === '{"bookmarks":[';
    const end = isJson ? (head === '[' ? ']' : ']}') : '\n';
    const body = `${head}${SCHEMES.map(line).join(isJson ? ',\n' : '\n')}${end}`;

    const { counts, report } = await files.bring(body, type);

    const first = name === 'a list' ? 1 : 0;
    expect(counts).toMatchObject({ created: first, skipped: 4, 'skipped.unsupported-scheme': 4 });
    expect(
      report.map(({ outcome, ordinal, reason, url }) => [
        outcome,
        ordinal,
        reason,
        String(url).split(':')[0],
      ]),
    ).toEqual(
      SCHEMES.map((url, place) => ['skipped', place + 1 + first, 'unsupported-scheme', url.split(':')[0]]),
    );
  });

  it('with credentials, or no host, in an address are told of, item by item', async () => {
    await files.clear();

    const { report } = await files.bring(
      `${HEAD}<DT><A HREF="https://user:pw@e.org/">x</A>\n<DT><A HREF="https://">y</A>\n<DT><A>z</A>\n${link('fine')}`,
    );

    expect(report.map(({ reason, line }) => [reason, line])).toEqual([
      ['invalid-url', 3],
      ['invalid-url', 4],
    ]);
    expect(await files.list()).toHaveLength(1);
  });

  it.each(['netscape', 'karakeep', 'linkding', 'pocket', 'raindrop', 'csv', 'jsonl'])(
    'are refused when they are called %s and are not',
    async (format) => {
      const [before, jobs] = [await files.kept(), await files.jobs()];

      const answer = await files.send('https://e.org/\n', 'text/plain', `?format=${format}`);

      expect([answer.status, answer.body['code']]).toEqual([422, 'unreadable-import']);
      expect(answer.body['detail']).toContain(`format=${format}`);
      expect([await files.kept(), await files.jobs()]).toEqual([before, jobs]);
    },
  );

  it.each(['', '?dryRun=true'])(
    'are refused when they grow over the limit on their way (%s)',
    async (query) => {
      const [before, jobs] = [await files.kept(), await files.jobs()];
      const pieces = function* (): Generator<Buffer> {
        for (let piece = 0; piece < 100; piece += 1)
          yield Buffer.from(link(`big-${piece}`).padEnd(64 * 1024));
      };

      const response = await fetch(`${files.app.url}/api/bookmarks/import${query}`, {
        method: 'POST',
        headers: { 'Content-Type': HTML },
        body: Readable.toWeb(Readable.from(pieces())) as ReadableStream,
        duplex: 'half',
      } as RequestInit);

      expect([response.status, ((await response.json()) as Json)['code']]).toEqual([413, 'body-too-large']);
      expect([await files.kept(), await files.jobs()]).toEqual([before, jobs]);
      expect((await files.list()).filter(({ url }) => String(url).includes('/big-'))).toEqual([]);
    },
  );

  it.each<[string, string, string]>([
    ['a body', '', HTML],
    ['a form', '', 'multipart/form-data; boundary=b'],
    ['a dry run', '?dryRun=true', HTML],
  ])('leave nothing behind when the client goes away in the middle of %s', async (_what, query, type) => {
    const [before, jobs, count] = [await files.kept(), await files.jobs(), (await files.list()).length];
    const part = 'Content-Disposition: form-data; name="file"; filename="a.html"\r\nContent-Type: text/html';
    const upload = request(`${files.app.url}/api/bookmarks/import${query}`, {
      method: 'POST',
      headers: { 'Content-Type': type, 'Content-Length': '500000' },
    });
    const gone = new Promise((resolve) => upload.once('close', resolve));
    upload.on('error', () => undefined);
    const beginning = `${HEAD}${link('gone').repeat(2_000)}`;
    await new Promise((resolve) => {
      upload.write(type === HTML ? beginning : `--b\r\n${part}\r\n\r\n${beginning}`, resolve);
    });

    for (
      let look = 0;
      query === '' && !(await files.kept()).some((name) => name.endsWith('.part')) && look < 500;
      look += 1
    )
      await new Promise((resolve) => setTimeout(resolve, 5));

    upload.destroy();
    await gone;

    await files.app.settle();
    await files.app.expectNothingLeft();
    for (let look = 0; (await files.kept()).length > before.length && look < 500; look += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect([await files.kept(), await files.jobs(), (await files.list()).length]).toEqual([
      before,
      jobs,
      count,
    ]);
  });
});

describe('files of bookmarks of other programs', () => {
  let files: Files;

  beforeAll(async () => {
    files = new Files(await startTestApp({ ENRICHMENT: 'off' }));
  });

  afterAll(() => files.app.close());

  it.each([
    ['chrome.html', HTML, 4],
    ['firefox.html', HTML, 3],
    ['pinboard.html', HTML, 2],
    ['karakeep.json', 'application/json', 2],
    ['linkding-api.json', 'application/json', 1],
    ['linkding.html', HTML, 2],
    ['pocket.csv', 'text/csv', 3],
    ['raindrop.csv', 'text/csv', 2],
    ['urls.txt', 'text/plain', 3],
    ['own.jsonl', 'application/x-ndjson', 2],
  ])('change nothing in a dry run, and nothing the second time: %s', async (name, type, count) => {
    await files.clear();
    const body = await sample(name);
    const [kept, jobs] = [await files.kept(), await files.jobs()];

    const told = await files.send(body.toString(), type, '?dryRun=true');
    expect(told.body).toMatchObject({ dryRun: true, counts: { new: count, known: 0 } });
    expect([await files.list(), await files.kept(), await files.jobs()]).toEqual([[], kept, jobs]);

    expect((await files.bring(body, type)).counts).toMatchObject({ created: count, failed: 0 });
    const once = await files.exported();
    expect(once).toHaveLength(count);

    const again = await files.bring(body, type);
    expect(again.counts).toMatchObject({ created: 0, merged: 0, unchanged: count, failed: 0 });
    // Revision and time of modification included.
    expect(await files.exported()).toEqual(once);
  });
});

describe('everything that a server knows', () => {
  let files: Files;
  let other: Files;

  beforeAll(async () => {
    files = new Files(await startTestApp({ ENRICHMENT: 'off' }));
    other = new Files(await startTestApp({ ENRICHMENT: 'off' }));
  });

  afterAll(async () => {
    await files.app.close();
    await other.app.close();
  });

  it('is the same in an empty one that reads its export', async () => {
    const create = (body: Json): Promise<Answer> => ask(files.app, 'POST', '/api/bookmarks', { body });
    const { body: plain } = await create({
      url: 'https://e.org/plain',
      createdAt: '2020-02-03T04:05:06.789Z',
    });
    await create({
      url: 'https://e.org/all?b=1&a=2',
      title: 'My own <title> & "more"',
      description: 'Two\nlines, 日本 😀',
      note: '=1+1\n- a note',
      author: 'Ada',
      publishedAt: '2019-01-02',
      language: 'pt-BR',
      tags: ['Two words', 'ünï', "it's"],
      archived: true,
      favourite: true,
      imageUrl: 'https://cdn.example.org/mine.png',
      createdAt: '2001-01-01T00:00:00.000Z',
    });
    await ask(files.app, 'PATCH', `/api/bookmarks/${String(plain['id'])}`, {
      body: { title: 'Changed later', note: 'and noted' },
    });
    for (const [name, type] of [
      ['own.jsonl', 'application/x-ndjson'],
      ['karakeep.json', 'application/json'],
      ['chrome.html', HTML],
    ] as const)
      await files.bring(await sample(name), type);
    const { text } = await ask(files.app, 'GET', '/api/bookmarks/export?format=jsonl');

    await other.bring(text, 'application/x-ndjson');

    /** Without what belongs to one server alone. */
    const portable = (all: readonly Json[]): Json[] =>
      all
        .map(({ id: _id, revision: _revision, modifiedAt: _at, ...rest }) => rest)
        .sort((a, b) => (String(a['url']) < String(b['url']) ? -1 : 1));
    const before = portable(await files.exported());
    expect(portable(await other.exported())).toEqual(before);
    expect(before).toHaveLength(10);
    expect(before).toContainEqual(
      expect.objectContaining({
        favourite: true,
        archived: true,
        note: '=1+1\n- a note',
        tags: ["it's", 'Two words', 'ünï'],
      }),
    );
  });
});
