import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Provider } from '@nestjs/common';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import { sql } from 'kysely';
import { DATABASE, DatabaseModule, type Database } from '../../database/index.js';
import {
  JOB_QUEUE,
  JobGivenUp,
  JobPostponed,
  JobsModule,
  type JobProgress,
  type JobQueue,
  type JobRun,
} from '../../jobs/index.js';
import { BOOKMARK_STORE, type BookmarkStore } from '../model/bookmark-store.js';
import type { Bookmark } from '../model/bookmark.js';
import { SqlBookmarkStore } from '../repository/sql-bookmark-store.js';
import { KarakeepClient } from './karakeep-client.js';
import { KEY, KarakeepServer, recorded } from './karakeep-server.fixture.js';
import { KarakeepSeen } from './karakeep-seen.js';
import { KarakeepStates, type KarakeepRun } from './karakeep-state.js';
import { KarakeepSync, type KarakeepPayload } from './karakeep-sync.js';
import { KarakeepWriter } from './karakeep-writer.js';
import { KarakeepService } from './karakeep.service.js';

describe('the Karakeep source', () => {
  let karakeep: KarakeepServer;
  let rooms: MemoryRooms;
  let store: BookmarkStore;

  const start = async (
    environment: Record<string, string | undefined> = {},
    more: Provider[] = [],
  ): Promise<void> => {
    rooms = await startMemoryRooms(
      {
        TOTAL_PROCESS_MEMORY_BUDGET_BYTES: String(1000 * 1024 ** 2),
        KARAKEEP_URL: karakeep.url,
        KARAKEEP_API_KEY: KEY,
        ...environment,
      } as Record<string, string>,
      {
        imports: [DatabaseModule, JobsModule],
        providers: [
          KarakeepClient,
          KarakeepSeen,
          KarakeepStates,
          KarakeepSync,
          KarakeepWriter,
          ...more,
          { provide: BOOKMARK_STORE, useClass: SqlBookmarkStore },
        ],
      },
    );
    store = rooms.get<BookmarkStore>(BOOKMARK_STORE as never);
  };

  beforeEach(async () => {
    karakeep = await new KarakeepServer().start();
    await start();
  });

  afterEach(async () => {
    expect(rooms.memory.snapshot().ledger.leases).toBe(0);
    await rooms.close();
    await karakeep.stop();
  });

  const run = (
    mode: KarakeepPayload['mode'],
    signal = new AbortController().signal,
    more: Partial<JobRun<KarakeepPayload>> = {},
  ): Promise<KarakeepRun> =>
    rooms.get(KarakeepSync).run({
      id: 'job',
      payload: { mode },
      attempt: 1,
      progress: null,
      signal,
      saveProgress: () => Promise.resolve(),
      ...more,
    });

  const all = async (): Promise<readonly Bookmark[]> => (await store.list({}, 'createdAt', 100)).bookmarks;
  const only = async (): Promise<Bookmark> => {
    const [bookmark, ...others] = await all();
    expect(others).toEqual([]);
    return bookmark as Bookmark;
  };

  it('brings links over with title, tags, note, flags, time and pictures', async () => {
    karakeep.bookmarks = [
      recorded(
        'b1',
        {
          title: 'My title',
          note: 'Two\nlines',
          archived: true,
          favourited: true,
          tags: [
            { id: 't1', name: 'News', attachedBy: 'ai' },
            { id: 't2', name: 'news', attachedBy: 'human' },
          ],
        },
        {
          description: 'About it',
          author: 'Ada',
          imageUrl: 'https://example.org/og.png',
          imageAssetId: 'a1',
          screenshotAssetId: 'a2',
        },
      ),
    ];

    expect(await run('pull')).toMatchObject({ mode: 'pull', seen: 1, created: 1, skipped: 0 });

    expect(await only()).toMatchObject({
      url: 'https://example.org/b1',
      title: 'My title',
      description: 'About it',
      note: 'Two\nlines',
      tags: ['News'],
      archived: true,
      favourite: true,
      externalId: 'karakeep:b1',
      createdAt: Date.parse('2026-03-01T10:00:00.000Z'),
      fields: { title: { karakeep: 'My title' }, author: { karakeep: 'Ada' } },
    });
    expect((await only()).preview.candidates).toEqual([
      { url: 'https://example.org/og.png', kind: 'page' },
      { url: `${karakeep.url}/api/assets/a1`, kind: 'karakeep' },
      { url: `${karakeep.url}/api/assets/a2`, kind: 'karakeep' },
    ]);
  });

  it('queues the enrichment of what is new in the same transaction, once', async () => {
    karakeep.bookmarks = [recorded('b1')];
    await run('pull');
    await run('pull');

    const { jobs } = await rooms.get<JobQueue>(JOB_QUEUE as never).list({ kind: 'enrich', limit: 10 });

    expect(jobs).toHaveLength(1);
  });

  it('reads every page, and tells apart what is no link, cannot be read or cannot be kept', async () => {
    karakeep.bookmarks = Array.from({ length: 230 }, (_, n) => recorded(`b${n}`));
    karakeep.bookmarks.push(
      recorded('text', { content: { type: 'text', text: 'a note' } }),
      { id: 'broken' },
      recorded('script', {}, { url: 'javascript:alert(1)' }),
    );

    expect(await run('sweep')).toMatchObject({ seen: 233, created: 230, skipped: 3, removed: 0 });
    expect(await store.count({})).toBe(230);
  });

  it('ends a pull where everything is known and old, and a second one changes nothing', async () => {
    const day = (n: number): string => new Date(Date.UTC(2026, 0, 300 - n)).toISOString();
    karakeep.bookmarks = Array.from({ length: 350 }, (_, n) => recorded(`b${n}`, { createdAt: day(n) }));
    await run('pull');
    const before = (await only350(store)).map(({ revision }) => revision);
    karakeep.asked.length = 0;

    expect(await run('pull')).toMatchObject({ seen: 100, created: 0, updated: 0 });

    expect(karakeep.asked).toHaveLength(1);
    expect((await only350(store)).map(({ revision }) => revision)).toEqual(before);
  });

  it('never lets an absent value, or a null, take one away', async () => {
    karakeep.bookmarks = [recorded('b1', { note: 'kept' }, { description: 'kept', imageAssetId: 'a1' })];
    await run('pull');
    karakeep.bookmarks = [recorded('b1', {}, { title: null, description: undefined })];
    await run('sweep');

    expect(await only()).toMatchObject({ title: 'Title of b1', description: 'kept', note: 'kept' });
    expect((await only()).preview.candidates).toHaveLength(1);
  });

  it("follows newer values, never over a person's own", async () => {
    karakeep.bookmarks = [recorded('b1')];
    await run('pull');
    const { id } = await only();
    await store.update(id, () => ({ values: { source: 'user', fields: { title: 'Mine' } } }));
    karakeep.bookmarks = [recorded('b1', {}, { title: 'Newer', description: 'Newer too' })];
    await run('sweep');

    expect(await only()).toMatchObject({
      title: 'Mine',
      description: 'Newer too',
      fields: { title: { user: 'Mine', karakeep: 'Newer' } },
    });
  });

  it('takes archived and favourite over only when they were set there after the last change here', async () => {
    karakeep.bookmarks = [recorded('b1')];
    await run('pull');
    const at = (ms: number): string => new Date(ms).toISOString();

    karakeep.bookmarks = [recorded('b1', { archived: true, modifiedAt: at(rooms.clock.now() - 60_000) })];
    await run('sweep');
    expect((await only()).archived).toBe(false);

    karakeep.bookmarks = [recorded('b1', { archived: true, modifiedAt: at(rooms.clock.now() + 60_000) })];
    await run('sweep');
    expect((await only()).archived).toBe(true);
  });

  it('joins a bookmark that was kept here before under the same URL', async () => {
    await store.insert(
      [
        {
          url: 'https://example.org/b1?utm_source=x',
          normalisedUrl: 'https://example.org/b1',
          host: 'example.org',
          source: 'user',
          values: { title: 'Mine' },
          tags: ['own'],
        },
      ],
      'keep',
    );
    karakeep.bookmarks = [recorded('b1', { tags: [{ id: 't', name: 'theirs', attachedBy: 'human' }] })];

    await run('pull');

    expect(await only()).toMatchObject({ title: 'Mine', tags: ['own', 'theirs'], externalId: 'karakeep:b1' });
  });

  describe('deletions', () => {
    beforeEach(async () => {
      karakeep.bookmarks = Array.from({ length: 40 }, (_, n) => recorded(`b${n}`));
      await run('sweep');
    });

    it('are followed by a sweep, not by a pull', async () => {
      karakeep.bookmarks.splice(0, 5);
      await run('pull');
      expect(await store.count({})).toBe(40);

      expect(await run('sweep')).toMatchObject({ removed: 5, refused: null });
      expect(await store.count({})).toBe(35);
    });

    it('spare what has something of a person in it; it stands on its own from then on', async () => {
      const bookmark = (await store.findByExternalId('karakeep:b0')) as Bookmark;
      await store.update(bookmark.id, () => ({ values: { source: 'user', fields: { title: 'Mine' } } }));
      karakeep.bookmarks.splice(0, 2);

      expect(await run('sweep')).toMatchObject({ removed: 1 });

      expect(await store.find(bookmark.id)).toMatchObject({ title: 'Mine', externalId: null });
    });

    it.each([
      ['most of the set', 25],
      ['all of it', 40],
    ])('of %s are refused and reported, and the last good set stays', async (_name, missing) => {
      karakeep.bookmarks.splice(0, missing);

      const done = await run('sweep');

      expect(done.removed).toBe(0);
      expect(done.refused).toContain(`${missing} of 40`);
      expect(await store.count({})).toBe(40);
      expect((await rooms.get(KarakeepStates).read()).lastRun).toEqual(done);
    });

    it('leave bookmarks alone that never came from there', async () => {
      await store.insert(
        [
          {
            url: 'https://own.example/',
            normalisedUrl: 'https://own.example/',
            host: 'own.example',
            source: 'user',
            values: {},
            tags: [],
          },
        ],
        'keep',
      );
      karakeep.bookmarks.splice(0, 1);
      await run('sweep');

      expect(await store.findByUrl('https://own.example/')).not.toBeNull();
    });
  });

  describe('a sweep that is interrupted', () => {
    const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
    const COUNT = 450;
    let progress: JobProgress | null;

    beforeEach(async () => {
      // newest first, as Karakeep lists them
      karakeep.bookmarks = Array.from({ length: COUNT }, (_, n) =>
        recorded(`b${n}`, { createdAt: at(COUNT - n) }),
      );
      await run('sweep');
      progress = null;
      karakeep.asked.length = 0;
    });

    /** Runs until `pages` pages are saved, then as after a kill: what is saved is all that is left. */
    const interrupted = async (pages: number): Promise<void> => {
      let saved = 0;
      await expect(
        run('sweep', undefined, {
          id: 'long',
          progress,
          saveProgress: (next) => {
            saved += 1;
            if (saved > pages) return Promise.reject(new Error('killed'));
            progress = JSON.parse(JSON.stringify(next)) as JobProgress;
            return Promise.resolve();
          },
        }),
      ).rejects.toThrow('killed');
    };
    const goOn = (): Promise<KarakeepRun> => run('sweep', undefined, { id: 'long', progress });
    const cursors = (): (string | null)[] =>
      karakeep.asked.map(({ path }) => new URL(path, 'http://x').searchParams.get('cursor'));

    it('goes on behind the last page that was saved, and tells of all', async () => {
      await interrupted(3);
      karakeep.asked.length = 0;

      expect(await goOn()).toMatchObject({ seen: COUNT, removed: 0, refused: null });

      // the two pages that were left, then the top once more
      expect(cursors()).toEqual([expect.stringMatching(/^b299_/), expect.stringMatching(/^b399_/), null]);
      expect(await store.count({})).toBe(COUNT);
    });

    it('knows what it met before: only what is really gone goes', async () => {
      karakeep.bookmarks.splice(40, 5);
      await interrupted(2);
      karakeep.bookmarks.splice(300, 7);

      expect(await goOn()).toMatchObject({ removed: 12, refused: null });

      expect(await store.count({})).toBe(COUNT - 12);
      expect(await store.findByExternalId('karakeep:b0')).not.toBeNull();
    });

    it('keeps what was saved again meanwhile, and so moved past it to the top', async () => {
      await interrupted(2);
      const [moved] = karakeep.bookmarks.splice(420, 1);
      karakeep.bookmarks.unshift(recorded('new', { createdAt: at(COUNT + 2) }), {
        ...moved,
        createdAt: at(COUNT + 1),
      });

      expect(await goOn()).toMatchObject({ created: 1, removed: 0 });

      expect(await store.findByExternalId('karakeep:b420')).not.toBeNull();
    });

    it('does not remove twice what it has removed, and counts it once', async () => {
      karakeep.bookmarks.splice(0, 120);
      // five pages from the top to the end, the top once more, and one page of removals
      await interrupted(4 + 1 + 1);
      expect(await store.count({})).toBeGreaterThan(COUNT - 120);

      expect(await goOn()).toMatchObject({ removed: 120, refused: null });

      expect(await store.count({})).toBe(COUNT - 120);
    });

    it('is forgotten by the next one, which begins at the top with nothing met', async () => {
      await interrupted(3);
      karakeep.bookmarks.splice(0, 10);

      expect(await run('sweep', undefined, { id: 'other' })).toMatchObject({ removed: 10 });

      const { rows } = await sql`select name from state where name like 'karakeep.seen%'`.execute(
        rooms.get<Database>(DATABASE as never).queries,
      );
      expect(rows).toEqual([]);
    });

    it('that would drop most of the set is refused as any other', async () => {
      await interrupted(1);
      karakeep.bookmarks.splice(100);

      const done = await goOn();

      // a second page was met, though not saved as done
      expect(done).toMatchObject({ removed: 0, refused: expect.stringContaining(`250 of ${COUNT}`) });
      expect(await store.count({})).toBe(COUNT);
    });
  });

  describe('faults', () => {
    const text = (status: number, body: string) => ({ status, type: 'text/plain;charset=UTF-8', body });

    it.each([
      ['plain text', text(401, 'Unauthorized'), /401: Unauthorized/],
      ['a missing scope', text(403, 'API key is missing required scope: bookmarks:read'), /403: API key/],
    ])('a refused key, told in %s, is given up at once', async (_name, fault, sentence) => {
      karakeep.fault = fault;
      const failure = await run('pull').catch((error: unknown) => error);

      expect(failure).toBeInstanceOf(JobGivenUp);
      expect(failure).toMatchObject({ code: 'karakeep-error', message: expect.stringMatching(sentence) });
    });

    it('a quota is waited for', async () => {
      karakeep.fault = text(429, 'Rate limit exceeded. Try again in 30 seconds.');

      await expect(run('pull')).rejects.toBeInstanceOf(JobPostponed);
    });

    it.each([
      [
        'a validation error',
        {
          status: 400,
          type: 'application/json',
          body: '{"success":false,"error":{"name":"ZodError","message":"[]"}}',
        },
      ],
      ['a proxy page', { status: 502, type: 'text/html', body: '<html><h1>Bad gateway</h1></html>' }],
      ['JSON of another kind', { status: 200, type: 'application/json', body: '{"items":[]}' }],
      ['half a page', { status: 200, type: 'application/json', body: '{"bookmarks":[{"id":"b' }],
      [
        'a redirect',
        { status: 302, type: 'text/plain', body: '', headers: { Location: 'http://127.0.0.1:1/' } },
      ],
    ])('%s is an error of Karakeep, changes nothing and may be tried again', async (_name, fault) => {
      karakeep.bookmarks = [recorded('b1')];
      await run('sweep');
      karakeep.fault = fault;

      await expect(run('sweep')).rejects.toMatchObject({ code: 'karakeep-error' });

      expect(await store.count({})).toBe(1);
    });

    it('a server that is down is an error of Karakeep', async () => {
      await karakeep.stop();
      await expect(run('pull')).rejects.toMatchObject({ code: 'karakeep-error' });
      karakeep = await new KarakeepServer().start();
    });

    it('waits from coordinate up instead of reading on', async () => {
      rooms.sampleAt(72);
      rooms.sampleAt(72);

      await expect(run('pull')).rejects.toBeInstanceOf(JobPostponed);
      expect(karakeep.asked).toEqual([]);
    });

    it('stops when it is told to', async () => {
      karakeep.bookmarks = [recorded('b1')];

      await expect(run('pull', AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
      expect(karakeep.asked).toEqual([]);
    });
  });

  describe('assets', () => {
    const fetch = (url: string, maxBytes = 1_000): Promise<Buffer> =>
      rooms.get(KarakeepClient).fetch(url, { maxBytes, signal: new AbortController().signal });

    it('come with the key, as a buffer of exactly their length', async () => {
      karakeep.assets['a1'] = Buffer.from('picture');
      const bytes = await fetch(rooms.get(KarakeepClient).assetUrl('a1'));

      expect(bytes.toString()).toBe('picture');
      expect(bytes.buffer.byteLength).toBe(7);
    });

    it('are capped', async () => {
      karakeep.assets['a1'] = Buffer.alloc(2_000);

      await expect(fetch(rooms.get(KarakeepClient).assetUrl('a1'))).rejects.toMatchObject({
        code: 'source-too-large',
      });
    });

    it('of any other origin or path are refused before the key could leave', async () => {
      for (const url of [
        'http://127.0.0.1:1/api/assets/a1',
        `${karakeep.url}/api/v1/users/me`,
        `${karakeep.url}/api/assets/../v1/users/me`,
        'nonsense',
      ])
        await expect(fetch(url)).rejects.toMatchObject({ code: 'url-not-allowed' });
      expect(karakeep.asked).toEqual([]);
    });

    it('never follow a redirect', async () => {
      const other = await new KarakeepServer().start();
      karakeep.fault = {
        status: 302,
        type: 'text/plain',
        body: '',
        headers: { Location: `${other.url}/api/assets/a1` },
      };

      await expect(fetch(rooms.get(KarakeepClient).assetUrl('a1'))).rejects.toMatchObject({
        code: 'karakeep-error',
      });
      expect(other.asked).toEqual([]);
      await other.stop();
    });
  });

  describe('its schedule', () => {
    it('begins with a sweep at the start, and answers whoever asks meanwhile with the run that is there', async () => {
      karakeep.bookmarks = [recorded('b1')];
      await rooms.close();
      await start({}, [KarakeepService]);
      await rooms.tasks.settled(1_000);
      const service = rooms.get(KarakeepService);
      const queue = rooms.get<JobQueue>(JOB_QUEUE as never);

      const { jobs } = await queue.list({ kind: 'karakeep-sync', limit: 10 });
      expect(jobs).toHaveLength(1);

      const [one, other] = await Promise.all([service.request('pull'), service.request('sweep')]);

      expect(one.id).toBe(other.id);
      expect(await service.status()).toMatchObject({ configured: true });
    });

    it('is closed without its settings', async () => {
      await rooms.close();
      await start({ KARAKEEP_API_KEY: undefined }, [KarakeepService]);
      const service = rooms.get(KarakeepService);

      await expect(service.request('pull')).rejects.toMatchObject({ code: 'karakeep-not-configured' });
      expect(await service.status()).toMatchObject({ configured: false });
    });
  });
});

async function only350(store: BookmarkStore): Promise<Bookmark[]> {
  const found: Bookmark[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list({}, 'createdAt', 100, cursor);
    found.push(...page.bookmarks);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(found).toHaveLength(350);
  return found;
}
