import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, askUntil, bookmarksOf, type Json } from '../http/bookmarks.fixture.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { ServerProcess } from '../support/server-process.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const FILE = `<!DOCTYPE NETSCAPE-Bookmark-file-1>
<DL><p>
<DT><H3>Ships</H3>
<DL><p>
<DT><A HREF="https://example.org/hull" ADD_DATE="1700000000" TAGS="sea">The hull</A>
<DT><A HREF="https://example.org/keel" ADD_DATE="1700000001">The keel</A>
</DL><p>
</DL><p>
`;

/** The database behind a door that breaks off the first connections, as a server does that has yet to start. */
async function answerLate(
  url: string,
  refusals: number,
): Promise<{ readonly url: string; refused(): number; close(): Promise<void> }> {
  const behind = new URL(url);
  let refused = 0;
  const door = createServer((socket) => {
    socket.on('error', () => undefined);
    if (refused < refusals) {
      refused += 1;
      socket.destroy();
      return;
    }
    const inner = connect(Number(behind.port), behind.hostname).on('error', () => socket.destroy());
    socket.pipe(inner).pipe(socket);
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  const front = new URL(url);
  front.port = String((door.address() as AddressInfo).port);
  return {
    url: front.href,
    refused: () => refused,
    close: async () => {
      door.close();
      await once(door, 'close');
    },
  };
}

describe('the server on PostgreSQL', () => {
  let postgres: PostgresServer;

  beforeAll(async () => {
    postgres = await startPostgres();
  }, 60_000);

  afterAll(() => postgres.close());

  describe('serves every route of bookmarks', () => {
    let app: TestApp;

    beforeAll(async () => {
      app = await startTestApp({ ENRICHMENT: 'off', DATABASE_URL: await postgres.createDatabase() });
    });

    afterAll(() => app.close());

    const titles = (body: Json): unknown[] => bookmarksOf(body).map(({ title }) => title);
    const list = async (query: string): Promise<unknown[]> =>
      titles((await ask(app, 'GET', `/api/bookmarks?${query}`)).body);

    it('creates once, reads, changes and refuses a lost update', async () => {
      const body = { url: 'https://example.org/a?utm_source=x', title: 'Anchor', tags: ['Iron', 'sea'] };
      const answers = await Promise.all([1, 2, 3].map(() => ask(app, 'POST', '/api/bookmarks', { body })));
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(2);
      const path = `/api/bookmarks/${String(answers[0]?.body['id'])}`;

      const read = await ask(app, 'GET', path);
      expect(read.body).toMatchObject({ title: 'Anchor', tags: ['Iron', 'sea'] });
      const etag = read.headers.get('etag') ?? '';
      const headers = { 'If-Match': etag, 'Content-Type': 'application/merge-patch+json' };
      const changed = await ask(app, 'PATCH', path, { body: { note: 'heavy', favourite: true }, headers });
      const lost = await ask(app, 'PATCH', path, { body: { note: 'light' }, headers });

      expect(changed).toMatchObject({ status: 200, body: { note: 'heavy', favourite: true } });
      expect(lost).toMatchObject({ status: 412, body: { code: 'revision-mismatch' } });
    });

    it('does many at once, each with its outcome, and lists them in pages by every order and filter', async () => {
      const operations = [
        ...['Bow', 'Crane', 'deck', 'Éclair'].map((title, n) => ({
          op: 'create',
          url: `https://b.example/${n}`,
          title,
          tags: ['bulk'],
          archived: n > 1,
          createdAt: `2020-01-0${n + 1}T00:00:00Z`,
        })),
        { op: 'create', url: 'javascript:alert(1)' },
      ];
      const { body } = await ask(app, 'POST', '/api/bookmarks/bulk', { body: { operations } });
      expect(body).toMatchObject({ succeeded: 4, refused: 1 });

      for (const sort of ['createdAt', 'modifiedAt', 'title']) {
        const ascending = await list(`sort=${sort}&tag=bulk`);
        expect(ascending).toEqual(['Bow', 'Crane', 'deck', 'Éclair']);
        expect(await list(`sort=-${sort}&tag=BULK`)).toEqual([...ascending].reverse());
        const seen: unknown[] = [];
        for (let path: string | undefined = `/api/bookmarks?sort=${sort}&domain=b.example&limit=3`; path;) {
          const page: Json = (await ask(app, 'GET', path)).body;
          seen.push(...titles(page));
          const { nextCursor } = page as { readonly nextCursor?: string | null };
          path =
            typeof nextCursor === 'string'
              ? `/api/bookmarks?sort=${sort}&domain=b.example&limit=3&cursor=${nextCursor}`
              : undefined;
        }
        expect(seen).toEqual(ascending);
      }
      expect(await list('sort=title&archived=true')).toEqual(['deck', 'Éclair']);
      expect(await list('favourite=true')).toEqual(['Anchor']);
      expect(await list('untagged=true')).toEqual([]);
      expect(await list('domain=example&before=2020-01-03T00:00:00Z&sort=title')).toEqual(['Bow', 'Crane']);
      expect((await ask(app, 'GET', '/api/bookmarks?count=true&tag=bulk')).body).toMatchObject({
        meta: { total: 4 },
      });
    });

    it('renames, merges and deletes tags', async () => {
      const tagsOf = async (): Promise<readonly Json[]> =>
        (await ask(app, 'GET', '/api/tags?limit=100')).body['tags'] as readonly Json[];
      const named = async (name: string): Promise<string> =>
        `/api/tags/${String((await tagsOf()).find((tag) => tag['name'] === name)?.['id'])}`;

      expect((await ask(app, 'PATCH', await named('Iron'), { body: { name: 'sea' } })).status).toBe(200);
      expect((await tagsOf()).map(({ name, count }) => [name, count])).toEqual([
        ['bulk', 4],
        ['sea', 1],
      ]);
      expect((await ask(app, 'DELETE', await named('sea'))).status).toBe(204);
      expect((await tagsOf()).map(({ name }) => name)).toEqual(['bulk']);
    });

    it('imports a file, finds what was in it, mistyped too, and exports it whole', async () => {
      const headers = { 'Content-Type': 'text/html' };
      const started = await ask(app, 'POST', '/api/bookmarks/import', { body: FILE, headers });
      expect(started.status).toBe(202);
      const operation = String(started.body['operation']);
      const done = await askUntil(app, operation, ({ state }) => state === 'done' || state === 'failed');
      expect(done).toMatchObject({ state: 'done', result: { counts: { created: 2 } } });
      expect(await ask(app, 'DELETE', operation)).toMatchObject({
        status: 409,
        body: { code: 'operation-ended', state: 'done' },
      });

      for (const q of ['hull', 'hulll', 'tag:ships hull', '"the hull" -keel']) {
        const found = await askUntil(
          app,
          `/api/bookmarks?q=${encodeURIComponent(q)}`,
          (body) => titles(body).length > 0,
        );
        expect(titles(found)[0]).toBe('The hull');
      }
      const lines = (await ask(app, 'GET', '/api/bookmarks/export?format=jsonl')).text;
      const html = (await ask(app, 'GET', '/api/bookmarks/export?format=netscape')).text;
      for (const text of [lines, html]) {
        for (const title of ['Anchor', 'Bow', 'Éclair', 'The hull', 'The keel'])
          expect(text).toContain(title);
      }
    });

    it('tells of every change since a token, deletions too', async () => {
      const { meta } = (await ask(app, 'GET', '/api/bookmarks')).body as {
        readonly meta: { readonly syncToken: string };
      };
      const keel = bookmarksOf((await ask(app, 'GET', '/api/bookmarks?q=keel')).body)[0]?.['id'];
      const created = await ask(app, 'POST', '/api/bookmarks', { body: { url: 'https://example.org/new' } });
      expect((await ask(app, 'DELETE', `/api/bookmarks/${String(keel)}`)).status).toBe(204);

      const { body } = await ask(app, 'GET', `/api/bookmarks?modifiedSince=${meta.syncToken}`);

      expect(body['changes']).toEqual([
        expect.objectContaining({ type: 'saved' }),
        expect.objectContaining({ type: 'deleted', id: keel }),
      ]);
      expect((body['changes'] as readonly Json[])[0]).toMatchObject({ bookmark: { id: created.body['id'] } });
    });

    it('says so when the database is away, and goes on when it is back', async () => {
      await postgres.stop();
      const answers = [
        await ask(app, 'GET', '/api/bookmarks'),
        await ask(app, 'POST', '/api/bookmarks', { body: { url: 'https://example.org/lost' } }),
      ];
      const isAlive = await ask(app, 'GET', '/livez');
      await postgres.start();

      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 503, body: { code: 'database-unavailable' } });
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(5);
      }
      expect(isAlive.status).toBe(200);
      expect(await list('sort=title&tag=bulk')).toEqual(['Bow', 'Crane', 'deck', 'Éclair']);
    });
  });

  it('starts when PostgreSQL comes up later, and refuses an empty database that it may not write', async () => {
    const DATA_DIR = await mkdtemp(join(tmpdir(), 'plimsoll-pg-start-'));
    const DATABASE_URL = await postgres.createDatabase();
    try {
      const environment = { DATA_DIR, DATABASE_URL, ENRICHMENT: 'off' };
      await expect(ServerProcess.start({ ...environment, READ_ONLY: 'on' })).rejects.toThrow(
        'READ_ONLY cannot be on: the database in DATABASE_URL is empty; start once without READ_ONLY.',
      );

      const late = await answerLate(DATABASE_URL, 3);
      const server = await ServerProcess.start({ ...environment, DATABASE_URL: late.url });
      expect(late.refused()).toBe(3);
      expect((await ask(server, 'GET', '/api/bookmarks')).status).toBe(200);
      expect(await server.stop()).toBe(0);
      await late.close();

      const reader = await ServerProcess.start({ ...environment, READ_ONLY: 'on' });
      expect((await ask(reader, 'GET', '/api/bookmarks')).status).toBe(200);
      expect(await reader.stop()).toBe(0);
    } finally {
      await rm(DATA_DIR, { recursive: true });
    }
  }, 90_000);
});
