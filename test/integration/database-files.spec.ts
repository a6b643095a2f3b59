import { execFile } from 'node:child_process';
import { cp, mkdtemp, mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import SqliteFile from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, bookmarksOf, type Answer } from '../http/bookmarks.fixture.js';
import { ServerProcess } from '../support/server-process.js';
import { SmallDisk } from '../support/small-disk.js';
import { startTestApp } from '../support/test-app.js';

const LAUNCHER = fileURLToPath(new URL('../../bin/plimsoll', import.meta.url));
const describeMounted = SmallDisk.isAllowed() ? describe : describe.skip;
const MIB = 1024 ** 2;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the launcher to its end. */
const plimsoll = (words: readonly string[], environment: Record<string, string>): Promise<Outcome> =>
  new Promise((resolve) => {
    const env = { PATH: process.env['PATH'] ?? '', HOST: '127.0.0.1', PORT: '0', ...environment };
    execFile(LAUNCHER, words, { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

const create = (server: { readonly url: string }, name: string, note = 'noted'): Promise<Answer> =>
  ask(server, 'POST', '/api/bookmarks', {
    body: { url: `https://example.org/${name}`, note, tags: ['all'] },
  });
const urlsOf = async (server: { readonly url: string }): Promise<string[]> => {
  const urls: string[] = [];
  let next = '/api/bookmarks?limit=100&tag=all';
  while (next !== '') {
    const { body } = await ask(server, 'GET', next);
    urls.push(...bookmarksOf(body).map(({ url }) => String(url)));
    const { nextCursor } = body as { readonly nextCursor?: string | null };
    next = typeof nextCursor === 'string' ? `/api/bookmarks?limit=100&tag=all&cursor=${nextCursor}` : '';
  }
  return urls.sort();
};

describe('the files of the database', () => {
  let folder: string;
  let servers: ServerProcess[];

  const start = async (environment: Record<string, string>): Promise<ServerProcess> => {
    const server = await ServerProcess.start({ ENRICHMENT: 'off', ...environment });
    servers.push(server);
    return server;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plimsoll-files-'));
    servers = [];
  });

  afterEach(async () => {
    for (const server of servers) await server.kill();
    await rm(folder, { recursive: true, force: true });
  });

  describe('plimsoll backup', () => {
    it('copies what was acknowledged while the server writes; a server starts on the copy', async () => {
      const DATA_DIR = join(folder, 'data');
      const server = await start({ DATA_DIR });
      const acknowledged: string[] = [];
      let isOver = false;
      const writing = (async () => {
        for (let n = 0; !isOver; n++) {
          const { status, body } = await create(server, `page-${n}`);
          expect(status).toBe(201);
          acknowledged.push(String(body['url']));
        }
      })();
      while (acknowledged.length < 20) await ask(server, 'GET', '/api/bookmarks');

      const file = join(folder, 'backup.db');
      const before = [...acknowledged];
      const { code, stdout, stderr } = await plimsoll(['backup', file], { DATA_DIR });
      isOver = true;
      await writing;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const count = Number(/^Backed up (\d+) bookmarks, \d+ bytes, to .*backup\.db\.\n$/.exec(stdout)?.[1]);
      // Goes on as if nothing had been.
      expect((await create(server, 'after')).status).toBe(201);
      expect((await readdir(folder)).sort()).toEqual(['backup.db', 'data']);

      await mkdir(join(folder, 'restored'));
      await cp(file, join(folder, 'restored', 'plimsoll.db'));
      const restored = await start({ DATA_DIR: join(folder, 'restored') });
      const urls = await urlsOf(restored);

      expect(urls).toHaveLength(count);
      expect(before.filter((url) => !urls.includes(url))).toEqual([]);
      const found = await ask(restored, 'GET', '/api/bookmarks?q=noted&limit=5');
      expect(bookmarksOf(found.body)).toHaveLength(5);
      expect((await create(restored, 'new')).status).toBe(201);
    }, 60_000);

    it.each([
      ['no file', []],
      ['two files', ['a.db', 'b.db']],
      ['an option', ['--now']],
      ['an empty name', ['']],
    ])('with %s says in one sentence what it takes', async (_what, words) => {
      expect(await plimsoll(['backup', ...words], { DATA_DIR: folder })).toEqual({
        code: 64,
        stdout: '',
        stderr: 'plimsoll backup takes one argument, the path of the new file.\n',
      });
      expect(await readdir(folder)).toEqual([]);
    });

    it('says in one sentence why there is none', async () => {
      const outcome = await plimsoll(['backup', join(folder, 'a.db')], { DATA_DIR: join(folder, 'nowhere') });

      expect(outcome).toEqual({
        code: 1,
        stdout: '',
        stderr: 'No backup was made: DATA_DIR holds no plimsoll.db.\n',
      });
      expect(await readdir(folder)).toEqual([]);
    });
  });

  describeMounted('where nothing may be written', () => {
    it.each([
      ['was stopped', (server: ServerProcess): Promise<unknown> => server.stop()],
      ['was killed', (server: ServerProcess): Promise<unknown> => server.kill()],
    ])(
      'are read after the server that wrote them %s',
      async (_what, end) => {
        const disk = await SmallDisk.mount(32 * MIB);
        try {
          const writer = await start({ DATA_DIR: disk.folder });
          await create(writer, 'kept');
          await end(writer);
          await disk.makeReadOnly();

          const reader = await start({ DATA_DIR: disk.folder, READ_ONLY: 'on' });
          const again = await create(reader, 'again');
          expect(await urlsOf(reader)).toEqual(['https://example.org/kept']);
          expect(again).toMatchObject({ status: 403, body: { code: 'read-only' } });
          await reader.stop();
        } finally {
          await disk.unmount();
        }
      },
      60_000,
    );

    it('a backup is read, and a file that was torn from its log is refused with a sentence', async () => {
      const disk = await SmallDisk.mount(32 * MIB);
      try {
        const DATA_DIR = join(folder, 'data');
        const writer = await start({ DATA_DIR });
        await create(writer, 'kept');
        await mkdir(join(disk.folder, 'whole'));
        await plimsoll(['backup', join(disk.folder, 'whole/plimsoll.db')], { DATA_DIR });
        await writer.stop();
        await cp(join(DATA_DIR, 'plimsoll.db'), join(disk.folder, 'torn/plimsoll.db'));
        await disk.makeReadOnly();

        const reader = await start({ DATA_DIR: join(disk.folder, 'whole'), READ_ONLY: 'on' });
        expect(await urlsOf(reader)).toEqual(['https://example.org/kept']);
        await reader.stop();
        const torn = await plimsoll([], { DATA_DIR: join(disk.folder, 'torn'), READ_ONLY: 'on' });
        expect(torn).toMatchObject({
          code: 78,
          stderr: expect.stringMatching(/^DATA_DIR: .*READ_ONLY\.\n$/),
        });
      } finally {
        await disk.unmount();
      }
    }, 60_000);
  });

  describeMounted('on a disk that fills up', () => {
    it('hold what was acknowledged, and go on when there is room', async () => {
      const disk = await SmallDisk.mount(16 * MIB);
      const app = await startTestApp({ ENRICHMENT: 'off' }, { dataDir: disk.folder });
      try {
        const acknowledged: string[] = [];
        const refused: Answer[] = [];
        const note = (answer: Answer): void => {
          if (answer.status === 201) acknowledged.push(String(answer.body['url']));
          else refused.push(answer);
        };
        note(await create(app, 'before'));
        await disk.fill(128 * 1024);
        for (let n = 0; n < 60; n++) note(await create(app, `page-${n}`, 'y'.repeat(9_000)));
        const upload = await ask(app, 'POST', '/api/bookmarks/import', {
          body: `https://example.org/${'z'.repeat(2_000)}\n`.repeat(200),
          headers: { 'Content-Type': 'text/plain' },
        });

        expect(refused.length).toBeGreaterThan(0);
        for (const { status, headers, body } of refused) {
          expect({ status, ...body }).toMatchObject({
            status: 503,
            code: 'database-unavailable',
            detail: 'The database cannot be used: the disk is full.',
          });
          expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
        }
        expect(upload).toMatchObject({
          status: 503,
          body: { code: expect.stringMatching(/^(?:storage|database)-unavailable$/) },
        });
        expect(await urlsOf(app)).toEqual([...acknowledged].sort());

        await disk.makeRoom();
        note(await create(app, 'after'));
        expect(acknowledged).toContain('https://example.org/after');
        await app.close();
        const file = new SqliteFile(join(disk.folder, 'plimsoll.db'), { readonly: true });
        expect(file.pragma('integrity_check', { simple: true })).toBe('ok');
        expect(file.prepare('select count(*) from bookmarks').pluck().get()).toBe(acknowledged.length);
        file.close();
      } finally {
        await app.close().catch(() => undefined);
        await disk.unmount();
      }
    }, 60_000);
  });
});
