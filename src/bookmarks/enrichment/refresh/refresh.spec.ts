import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '../../../../test/support/fetch-harness.js';
import { loadSettings } from '../../../config/index.js';
import type { JobView } from '../../../jobs/index.js';
import type { Bookmark, Enrichment } from '../../model/bookmark.js';
import { ENRICH_KIND, enrichmentJobFor, newEnrichJob } from '../enrichment-job.js';
import { EnrichmentRooms, HOUR_MS, MINUTE_MS, SECOND_MS } from '../enrichment.fixture.js';
import { HostLines } from '../politeness/host-lines.js';
import { RefreshRequests } from './refresh-requests.js';
import { REFRESH_TICK_MS, RefreshScheduler } from './refresh-scheduler.js';

const GIB = 1024 ** 3;
const PAGE = '<title>A page</title>';

describe('enrichment by the queue', () => {
  let rooms: EnrichmentRooms;

  const start = async (environment: Record<string, string> = {}): Promise<void> => {
    rooms = await EnrichmentRooms.start(environment);
  };

  afterEach(async () => {
    rooms.rooms.readPercent(20);
    await rooms.close();
  });

  const now = (): number => rooms.clock.now();
  const done = (at: number, refreshAt: number | null): Enrichment => ({
    state: 'done',
    attempts: 0,
    error: null,
    at,
    refreshAt,
  });

  const jobs = async (): Promise<readonly JobView[]> =>
    (await rooms.queue.list({ kind: ENRICH_KIND, limit: 100 })).jobs;

  /** Until no job of the queue runs or is due; time passes, as who is sent away comes back by it. */
  const idle = async (stepMs = 50): Promise<void> => {
    for (let calm = 0; calm < 3;) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      rooms.clock.advance(stepMs);
      const due = (await jobs()).some(
        ({ state, runAt }) => state === 'running' || (state === 'waiting' && runAt <= now() + SECOND_MS),
      );
      calm = due ? 0 : calm + 1;
    }
  };

  describe('when a bookmark is created', () => {
    it('is a job of the same transaction, one per bookmark', async () => {
      await start();
      rooms.page('/a', PAGE);
      const url = rooms.origin.url('/a');
      const draft = {
        url,
        normalisedUrl: url,
        host: '127.0.0.1',
        source: 'user',
        values: {},
        tags: [],
      } as const;
      const insert = (fails: boolean): Promise<unknown> =>
        rooms.store.insert([draft], 'keep', async (within, outcomes) => {
          for (const { bookmark } of outcomes) {
            const job = enrichmentJobFor(bookmark, rooms.rooms.settings);
            if (job !== null) await rooms.queue.enqueueAll([job, job], within);
          }
          if (fails) throw new Error('rolled back');
        });

      await expect(insert(true)).rejects.toThrow('rolled back');
      expect(await jobs()).toEqual([]);
      await insert(false);
      await idle();

      const [job, ...others] = await jobs();
      expect(others).toEqual([]);
      expect(await rooms.queue.find(job?.id ?? '')).toMatchObject({
        state: 'done',
        result: { outcome: 'done' },
      });
      expect(rooms.origin.requests('/a')).toBe(1);
      expect((await rooms.store.findByUrl(url))?.title).toBe('A page');
    });

    it.each([
      ['ENRICHMENT', 'off'],
      ['READ_ONLY', 'on'],
    ])('queues nothing by itself with %s=%s', async (name, value) => {
      await start();
      const machine = { containerLimitBytes: null, totalMemoryBytes: 8 * GIB, heapLimitBytes: GIB };

      expect(enrichmentJobFor({ id: 'x' }, rooms.rooms.settings)).toMatchObject({ kind: ENRICH_KIND });
      expect(
        enrichmentJobFor({ id: 'x' }, loadSettings({ NODE_ENV: 'test', [name]: value }, machine)),
      ).toBeNull();
    });

    it('comes again by itself after a failure, and stops when it is given up', async () => {
      await start({ ENRICHMENT_MAX_ATTEMPTS: '2' });
      rooms.origin.status('/a', 500);
      const { id } = await rooms.create('/a');
      await rooms.queue.enqueue(newEnrichJob({ bookmarkId: id }, rooms.rooms.settings));
      await idle();
      expect(await jobs()).toMatchObject([
        { state: 'waiting', attempts: 1, error: { code: 'origin-error' } },
      ]);

      await rooms.clock.advanceAsync(MINUTE_MS, SECOND_MS);
      await idle();

      expect(await jobs()).toMatchObject([{ state: 'failed', error: { code: 'origin-error' } }]);
      expect((await rooms.find(id)).enrichment).toMatchObject({ state: 'given-up', attempts: 2 });
      expect(rooms.origin.requests('/a')).toBe(2);
    });

    it('asks one host one page at a time, and holds no slot of the others', async () => {
      await start({ ENRICHMENT_HOST_DELAY_MS: '1s' });
      const paths = Array.from({ length: 6 }, (_, index) => `/p${index}`);
      const askedAt: number[] = [];
      let together = 0;
      let most = 0;
      for (const path of paths) {
        rooms.origin.route(path, (_request, response) => {
          askedAt.push(now());
          most = Math.max(most, (together += 1));
          setImmediate(() => {
            together -= 1;
            response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
          });
        });
      }
      for (const path of paths) {
        const { id } = await rooms.create(path);
        await rooms.queue.enqueue(newEnrichJob({ bookmarkId: id }, rooms.rooms.settings));
      }
      await until(() => rooms.origin.requests() === 1);
      await idle(10);

      expect(rooms.origin.requests()).toBe(6);
      expect(most).toBe(1);
      const gaps = askedAt.slice(1).map((at, index) => at - (askedAt[index] ?? 0));
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(SECOND_MS);
      expect(await rooms.store.count({ enrichment: 'done' })).toBe(6);
    });
  });

  describe('when a person asks for a refresh', () => {
    beforeEach(() => start({ ENRICHMENT: 'off' }));

    it('starts anew what was given up, whatever ENRICHMENT says', async () => {
      rooms.page('/a', PAGE);
      const { id } = await rooms.create('/a', {
        enrichment: { state: 'given-up', attempts: 5, error: 'origin-error', at: 1, refreshAt: null },
      });

      const job = await rooms.get(RefreshRequests).requestRefresh(id);

      expect(job).toMatchObject({ kind: ENRICH_KIND });
      await idle();
      expect(await rooms.find(id)).toMatchObject({
        title: 'A page',
        enrichment: { state: 'done', attempts: 0 },
      });
    });

    it('forgets the failures of the host and of the page', async () => {
      rooms.page('/a', PAGE);
      const { id, url } = await rooms.create('/a');
      const { host } = new URL(url);
      const fault = Object.assign(new Error('x'));
      for (let count = 0; count < 5; count += 1) {
        rooms.origin.status('/down', 500);
        const down = await rooms.create(`/down?${count}`);
        await rooms.enrich(down.id).catch(() => fault);
      }
      expect(rooms.get(HostLines).rest(host)).toBe('broken');

      await rooms.get(RefreshRequests).requestRefresh(id);
      await idle();

      expect((await rooms.find(id)).title).toBe('A page');
    });

    it('puts the job before the time that it waits for only when it is forced', async () => {
      rooms.page('/a', PAGE);
      const { id } = await rooms.create('/a');
      const later = newEnrichJob({ bookmarkId: id }, rooms.rooms.settings, { runAt: now() + HOUR_MS });
      const waiting = await rooms.queue.enqueue(later);

      expect(await rooms.get(RefreshRequests).requestRefresh(id)).toMatchObject({ id: waiting.id });
      const forced = await rooms.get(RefreshRequests).requestRefresh(id, { force: true });
      await idle();

      expect(forced.id).not.toBe(waiting.id);
      expect((await rooms.find(id)).title).toBe('A page');
      expect(await rooms.queue.find(waiting.id)).toMatchObject({ state: 'cancelled' });
    });

    it('knows no bookmark that is not there', async () => {
      await expect(rooms.get(RefreshRequests).requestRefresh('nobody')).rejects.toMatchObject({
        code: 'bookmark-not-found',
      });
    });

    it('queues many at once, each once', async () => {
      const ids = [(await rooms.create('/a')).id, (await rooms.create('/b')).id];
      const requests = rooms.get(RefreshRequests);
      rooms.rooms.sampleAt(72);
      rooms.rooms.sampleAt(72);
      const resume = rooms.queue.pause('test');

      expect(await requests.requestRefreshOfMany([...ids, 'nobody'])).toBe(2);
      expect(await requests.requestRefreshOfMany(ids)).toBe(0);
      resume();
    });
  });

  describe('by schedule', () => {
    const due = async (count: number): Promise<Bookmark[]> => {
      const bookmarks: Bookmark[] = [];
      for (let index = 0; index < count; index += 1) {
        // The first is due longest.
        bookmarks.push(await rooms.create(`/p${index}`, { enrichment: done(1, now() - 1_000 + index) }));
        rooms.page(`/p${index}`, PAGE);
      }
      return bookmarks;
    };

    const tick = async (): Promise<void> => {
      await rooms.clock.advanceAsync(REFRESH_TICK_MS, SECOND_MS);
      await rooms.rooms.tasks.settled(MINUTE_MS);
    };

    it('queues what is due, the oldest first, no more than its share of the hour', async () => {
      await start({ REFRESH_PER_HOUR: '120' });
      const bookmarks = await due(5);
      await rooms.create('/fresh', { enrichment: done(1, now() + HOUR_MS) });
      const resume = rooms.queue.pause('test');
      await tick();
      expect(await jobs()).toHaveLength(2);
      await tick();
      expect(await jobs()).toHaveLength(4);
      resume();
      await idle();

      expect(rooms.origin.requests()).toBe(4);
      expect(rooms.origin.requests('/p4')).toBe(0);
      expect((await rooms.find(bookmarks[0]!.id)).enrichment.refreshAt).toBeGreaterThan(
        now() + 26 * 86_400_000,
      );
      expect(rooms.get(RefreshScheduler).snapshot()).toMatchObject({ queued: 4, skippedForMemory: 0 });
    });

    it('spreads a small budget over the hour and saves nothing up', async () => {
      await start({ REFRESH_PER_HOUR: '30' });
      const resume = rooms.queue.pause('test');
      for (let minute = 0; minute < 6; minute += 1) await tick();
      await due(5);

      await tick();
      await tick();
      await tick();

      expect(await jobs()).toHaveLength(2);
      resume();
    });

    it('leaves it while memory is short', async () => {
      await start({ REFRESH_PER_HOUR: '3600' });
      await due(2);
      rooms.rooms.sampleAt(72);
      rooms.rooms.sampleAt(72);

      await tick();
      expect(await jobs()).toEqual([]);
      expect(rooms.get(RefreshScheduler).snapshot().skippedForMemory).toBe(1);

      rooms.rooms.readPercent(20);
      await tick();
      await tick();
      expect(await jobs()).toHaveLength(2);
    });

    it('gets past those that wait in the queue already', async () => {
      await start({ REFRESH_PER_HOUR: '60' });
      const bookmarks = await due(3);
      const resume = rooms.queue.pause('test');
      for (const { id } of bookmarks.slice(0, 2)) {
        await rooms.queue.enqueue(newEnrichJob({ bookmarkId: id }, rooms.rooms.settings));
      }

      await tick();

      expect(await jobs()).toHaveLength(3);
      resume();
    });

    it('takes up a pending bookmark whose job was never made, after a day', async () => {
      await start({ REFRESH_PER_HOUR: '60' });
      rooms.page('/a', PAGE);
      const old = await rooms.create('/a', { createdAt: now() - 25 * HOUR_MS });
      const recent = await rooms.create('/b');

      await tick();
      await idle();

      expect((await rooms.find(old.id)).enrichment.state).toBe('done');
      expect((await rooms.find(recent.id)).enrichment.state).toBe('pending');
    });

    it.each([
      ['ENRICHMENT', 'off'],
      ['REFRESH_PER_HOUR', '0'],
    ])('does nothing with %s=%s', async (name, value) => {
      await start({ [name]: value });
      await due(1);

      await tick();

      expect(await jobs()).toEqual([]);
    });
  });

  it('holds up no shutdown: a page that does not come is let go', async () => {
    await start();
    rooms.origin.silent('/a');
    const { id } = await rooms.create('/a');
    await rooms.queue.enqueue(newEnrichJob({ bookmarkId: id }, rooms.rooms.settings));
    await until(() => rooms.origin.requests('/a') === 1);

    // No time passes: nothing here may wait for a deadline.
    await rooms.close();

    expect(rooms.rooms.memory.metrics()).toMatchObject({ reservedBytes: 0, leases: 0 });
    await start();
  });
});
