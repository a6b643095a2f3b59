import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { draftOf } from '../../repository/drafts.fixture.js';
import { parseQuery } from '../query/query-parser.js';
import { searchCriteria } from '../query/search-criteria.js';
import { startSearchRooms, type SearchRooms } from '../search.fixture.js';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const breathe = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('MemoryEngine', () => {
  let rooms: SearchRooms;

  const open = async (environment: Readonly<Record<string, string>> = {}): Promise<void> => {
    rooms = await startSearchRooms(environment);
  };
  const fill = async (count: number, from = 0): Promise<void> => {
    const drafts = Array.from({ length: count }, (_, n) =>
      draftOf(`p${from + n}`, {
        values: { title: `common word${from + n}`, description: `about number${from + n}` },
      }),
    );
    await rooms.rows.insert(drafts, 'keep');
  };
  const engineOf = async (text = 'common'): Promise<string> => (await rooms.find(text)).meta.engine;
  const used = (): number => rooms.accounts.snapshot().accounts['search']?.usedBytes ?? -1;

  beforeEach(async () => {
    await open();
  });

  afterEach(async () => {
    await rooms.close();
    expect(rooms.accounts.snapshot().accounts['search']).toBeUndefined();
    expect(rooms.clock.pendingTimers).toBe(0);
  });

  /** Another set of rooms in place of those of `beforeEach`. */
  const reopen = async (environment: Readonly<Record<string, string>>): Promise<void> => {
    await rooms.close();
    await open(environment);
  };

  describe('when it is first asked', () => {
    it('has the database answer while it builds, then answers itself', async () => {
      await fill(300);

      const asked = engineOf();
      const states = new Set<string>();
      for (let state = 'idle'; state !== 'ready'; await breathe()) {
        ({ state } = rooms.memoryEngine.snapshot());
        states.add(state);
      }
      const first = await asked;
      const then = await engineOf();

      expect([first, then]).toEqual(['sqlite-fts', 'memory']);
      expect([...states]).toEqual(['idle', 'building', 'ready']);
      expect(rooms.memoryEngine.snapshot()).toMatchObject({ state: 'ready', documents: 300, builds: 1 });
    });

    it('holds nothing before', () => {
      expect(rooms.memoryEngine.snapshot()).toMatchObject({ state: 'idle', usedBytes: 0, documents: 0 });
    });

    it('lets the event loop go between slices', async () => {
      await fill(500);
      let turns = 0;
      let isDone = false;
      const count = (): void => {
        turns += 1;
        if (!isDone) setImmediate(count);
      };
      setImmediate(count);
      await rooms.buildMemoryIndex();
      isDone = true;

      expect(rooms.memoryEngine.snapshot().documents).toBe(500);
      expect(turns).toBeGreaterThan(10);
    });

    it('lets the event loop go between mistyped words of one search', async () => {
      await fill(50);
      await rooms.buildMemoryIndex();
      let turns = 0;
      let isDone = false;
      const count = (): void => {
        turns += 1;
        if (!isDone) setImmediate(count);
      };
      setImmediate(count);
      await rooms.memoryEngine.search({
        criteria: searchCriteria(parseQuery('comon abuot commmon commno aboutt abot', 0), {}),
        sort: 'relevance',
        count: 20,
        after: null,
        skip: 0,
        isLenient: false,
      });
      isDone = true;

      expect(turns).toBeGreaterThan(6);
    });

    it('finds what was written while it was built', async () => {
      await fill(200);
      await rooms.find('common');
      await breathe();
      const id = await rooms.save('late', { values: { title: 'common latecomer' } });
      await rooms.rows.remove((await rooms.rows.findByUrl('https://example.com/p0'))?.id ?? '');
      await rooms.memoryEngine.settled();

      const { hits, meta } = await rooms.find('latecomer');

      expect(meta.engine).toBe('memory');
      expect(hits.map((hit) => hit.id)).toEqual([id]);
      expect((await rooms.find('word0')).hits).toEqual([]);
    });
  });

  describe('when bookmarks change', () => {
    it('follows by itself, without a search', async () => {
      await fill(3);
      await rooms.buildMemoryIndex();
      await fill(2, 10);
      await rooms.clock.advanceAsync(200, 50);
      await rooms.memoryEngine.settled();

      expect(rooms.memoryEngine.snapshot().documents).toBe(5);
    });

    it('has the database answer while it is far behind, and is back when it has caught up', async () => {
      await fill(3);
      await rooms.buildMemoryIndex();
      await fill(400, 10);

      const behind = await engineOf('word9');
      await rooms.memoryEngine.settled();
      const caughtUp = await rooms.find('common', { limit: 1 });

      expect(behind).toBe('sqlite-fts');
      expect(caughtUp.meta).toMatchObject({ engine: 'memory', total: 403 });
    });

    it('sweeps out what was replaced', async () => {
      await fill(400);
      await rooms.buildMemoryIndex();
      const bytes = used();
      for (let round = 0; round < 6; round++) {
        const { bookmarks } = await rooms.rows.list({}, 'createdAt', 100);
        await rooms.rows.applyAll(
          bookmarks.map(({ id }) => ({ kind: 'update', id, change: () => ({ note: `round ${round % 2}` }) })),
        );
        await rooms.find('common');
        await rooms.memoryEngine.settled();
      }

      expect(rooms.memoryEngine.snapshot()).toMatchObject({ state: 'ready', documents: 400 });
      expect(used()).toBeLessThan(bytes * 1.5);
    });
  });

  describe('when nobody searches for an hour', () => {
    it('drops the index, and builds it again for the next search', async () => {
      await fill(10);
      await rooms.buildMemoryIndex();
      await rooms.clock.advanceAsync(HOUR_MS - 2 * MINUTE_MS, MINUTE_MS);
      const kept = rooms.memoryEngine.snapshot().state;
      await rooms.clock.advanceAsync(3 * MINUTE_MS, MINUTE_MS);

      expect(kept).toBe('ready');
      expect(rooms.memoryEngine.snapshot()).toMatchObject({ state: 'idle', cause: 'unused', usedBytes: 0 });
      expect(used()).toBe(0);
      await rooms.buildMemoryIndex();
      expect(await engineOf()).toBe('memory');
    });
  });

  describe('when memory is short', () => {
    it('drops the index at pressure and has the database answer, until the level was normal for a minute', async () => {
      await fill(20);
      await rooms.buildMemoryIndex();
      rooms.sampleAt(82);
      const atPressure = [rooms.memoryEngine.snapshot().state, used(), await engineOf()];
      rooms.readPercent(20);
      await rooms.clock.advanceAsync(60_000, 500);
      const level = rooms.memory.level();
      const calm = await engineOf();
      await rooms.memoryEngine.settled();
      const soon = await engineOf();
      await rooms.clock.advanceAsync(60_000, 500);
      await rooms.buildMemoryIndex();

      expect(atPressure).toEqual(['idle', 0, 'sqlite-fts']);
      expect(level).toBe('normal');
      expect([calm, soon]).toEqual(['sqlite-fts', 'sqlite-fts']);
      expect(await engineOf()).toBe('memory');
    });

    it('answers the search itself all the while', async () => {
      await fill(20);
      await rooms.buildMemoryIndex();
      rooms.sampleAt(92);

      expect((await rooms.find('word7')).hits).toHaveLength(1);
    });

    it('pauses a build at coordinate and goes on when the level is normal', async () => {
      await fill(2_000);
      rooms.sampleAt(72);
      rooms.sampleAt(72);
      await engineOf();
      const notStarted = rooms.memoryEngine.snapshot().state;
      rooms.readPercent(20);
      await rooms.clock.advanceAsync(30_000, 500);
      await rooms.find('common');
      rooms.sampleAt(72);
      rooms.sampleAt(72);
      const level = rooms.memory.level();
      await rooms.memoryEngine.settled();
      const paused = rooms.memoryEngine.snapshot();
      rooms.readPercent(20);
      await rooms.clock.advanceAsync(30_000, 500);
      await rooms.memoryEngine.settled();

      expect(notStarted).toBe('idle');
      expect(level).toBe('coordinate');
      expect(paused.state).toBe('building');
      expect(paused.documents).toBeLessThan(2_000);
      expect(rooms.memoryEngine.snapshot()).toMatchObject({ state: 'ready', documents: 2_000 });
    });

    it('drops the index when caches are told to flush', async () => {
      await fill(10);
      await rooms.buildMemoryIndex();
      rooms.bus.emit('emergency-cleanup-start', { rss: 1, threshold: 1, usagePercent: 95 });
      const dropped = rooms.memoryEngine.snapshot();
      const during = await engineOf();
      await rooms.memoryEngine.settled();

      expect(dropped).toMatchObject({ state: 'idle', cause: 'pressure', usedBytes: 0 });
      expect(during).toBe('sqlite-fts');
      expect(await engineOf()).toBe('memory');
    });

    it('is dropped when an emergency begins, and is back when that has passed', async () => {
      await fill(20);
      await rooms.buildMemoryIndex();
      rooms.sampleAt(96);
      const inEmergency = [rooms.memory.level(), rooms.memoryEngine.snapshot().state, await engineOf()];
      rooms.readPercent(20);
      // One rung at a time, each after its dwell; then the calm.
      await rooms.clock.advanceAsync(180_000, 500);
      await rooms.buildMemoryIndex();

      expect(inEmergency).toEqual(['emergency', 'idle', 'sqlite-fts']);
      expect(rooms.memory.level()).toBe('normal');
      expect(await engineOf()).toBe('memory');
    });
  });

  describe('when the bookmarks do not fit', () => {
    it('lets the database answer beyond SEARCH_MAX_DOCUMENTS, and is back below', async () => {
      await reopen({ SEARCH_MAX_DOCUMENTS: '100' });
      await fill(90);
      await rooms.buildMemoryIndex();
      const within = await engineOf();
      await fill(20, 200);
      await rooms.find('common');
      await rooms.memoryEngine.settled();
      const beyond = [await engineOf(), rooms.memoryEngine.snapshot().cause];
      const { bookmarks } = await rooms.rows.list({}, 'createdAt', 40);
      for (const { id } of bookmarks) await rooms.rows.remove(id);
      const atOnce = await engineOf();
      await rooms.clock.advanceAsync(2 * MINUTE_MS, MINUTE_MS);
      await rooms.buildMemoryIndex();

      expect(within).toBe('memory');
      expect(beyond).toEqual(['sqlite-fts', 'documents']);
      expect(atOnce).toBe('sqlite-fts');
      expect(await engineOf()).toBe('memory');
    });

    it('does not begin to build what cannot fit', async () => {
      await reopen({ SEARCH_MAX_DOCUMENTS: '10' });
      await fill(30);
      await rooms.find('common');

      expect(rooms.memoryEngine.snapshot()).toMatchObject({ state: 'idle', cause: 'documents', builds: 0 });
    });

    it('lets the database answer beyond the byte budget, and is back when it fits again', async () => {
      await reopen({ SEARCH_INDEX_BUDGET_BYTES: String(400 * 1024) });
      await fill(1_500);
      await rooms.buildMemoryIndex();
      const beyond = [await engineOf(), rooms.memoryEngine.snapshot().cause, used()];
      for (let left = true; left;) {
        const { bookmarks } = await rooms.rows.list({}, 'createdAt', 100);
        await rooms.rows.applyAll(bookmarks.map(({ id }) => ({ kind: 'remove', id })));
        left = (await rooms.rows.count({})) > 100;
      }
      await rooms.clock.advanceAsync(2 * MINUTE_MS, MINUTE_MS);
      await rooms.buildMemoryIndex();

      expect(beyond).toEqual(['sqlite-fts', 'budget', 0]);
      expect(await engineOf()).toBe('memory');
      expect(used()).toBeLessThan(400 * 1024);
    });

    it.each([
      ['SEARCH_ENGINE=database', { SEARCH_ENGINE: 'database' }],
      ['a budget of nothing', { SEARCH_INDEX_BUDGET_BYTES: '0' }],
      ['no documents', { SEARCH_MAX_DOCUMENTS: '0' }],
    ])('is off with %s', async (_what, environment) => {
      await reopen(environment);
      await fill(3);
      await rooms.find('common');

      expect(rooms.memoryEngine.snapshot()).toMatchObject({ state: 'off', cause: 'settings', builds: 0 });
      expect(await engineOf()).toBe('sqlite-fts');
    });
  });

  it('is there from the start with SEARCH_ENGINE=memory', async () => {
    await reopen({ SEARCH_ENGINE: 'memory', SEARCH_MAX_DOCUMENTS: '1' });
    await rooms.memoryEngine.settled();
    await fill(5);

    expect(await engineOf()).toBe('memory');
  });

  it('tells how many bytes a flush freed, and is built again', async () => {
    await fill(10);
    await rooms.buildMemoryIndex();
    const held = used();
    const freed = rooms.search.flush();
    const again = rooms.search.flush();
    await rooms.buildMemoryIndex();

    expect(held).toBeGreaterThan(0);
    expect([freed, again]).toEqual([held, 0]);
    expect(await engineOf()).toBe('memory');
  });

  it('goes on with a cursor of the engine that has gone', async () => {
    await fill(25);
    await rooms.buildMemoryIndex();
    const first = await rooms.find('common', { limit: 10 });
    rooms.search.flush();
    const second = await rooms.find('common', { limit: 10, cursor: first.nextCursor ?? '' });
    const third = await rooms.find('common', { limit: 10, cursor: second.nextCursor ?? '' });
    const ids = [first, second, third].flatMap(({ hits }) => hits.map(({ id }) => id));

    expect([first.meta.engine, second.meta.engine]).toEqual(['memory', 'sqlite-fts']);
    expect(third.nextCursor).toBeNull();
    expect(ids).toHaveLength(25);
  });

  it('lets go of everything when the server stops during a build', async () => {
    await reopen({ SEARCH_ENGINE: 'memory', FORCE_PRESSURE_LEVEL: 'coordinate' });
    await rooms.memoryEngine.settled();

    expect(rooms.memoryEngine.snapshot().state).toBe('building');
    expect(rooms.clock.pendingTimers).toBeGreaterThan(0);
  });
});
