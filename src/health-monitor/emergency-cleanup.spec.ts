import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LINE_BYTES, startMemoryRooms, type MemoryRooms } from '../../test/support/memory-rooms.js';
import { EmergencyCleanup, type CleanupReport } from './emergency-cleanup.js';

const MIB = 1024 ** 2;
const SECOND_MS = 1_000;

describe('EmergencyCleanup', () => {
  let rooms: MemoryRooms;
  let cleanup: EmergencyCleanup;

  beforeEach(async () => {
    rooms = await startMemoryRooms({}, { providers: [EmergencyCleanup] });
    cleanup = rooms.get(EmergencyCleanup);
    // Under every rung: what the ladder does by itself is not the matter here.
    rooms.sampleAt(60);
  });

  afterEach(async () => {
    await rooms.close();
    expect(rooms.clock.pendingTimers).toBe(0);
  });

  /** Asks for a cleanup during which RSS comes to `percentAfter`, and waits for its end. */
  const clean = async (percentAfter: number): Promise<CleanupReport | null> => {
    const report = cleanup.request();
    rooms.readPercent(percentAfter);
    await rooms.clock.advanceAsync(150);
    return report;
  };

  const fillCaches = (): void => {
    rooms.memory.set('picture', {
      bytes: Buffer.alloc(4 * MIB),
      contentType: 'image/webp',
      etag: '"e"',
      sourceKey: 'originals/s',
      freshUntil: rooms.clock.now() + 3_600_000,
      staleUntil: rooms.clock.now() + 3_600_000,
      attributes: {},
    });
    rooms.serverCache.set('source:one', { note: 'x'.repeat(10_000) });
  };

  it('tells all caches, collects garbage, measures, and says what came back from which', async () => {
    fillCaches();
    const { usedBytes: serverCacheBytes } = rooms.serverCache.stats();
    const sent: string[] = [];
    rooms.bus.on(
      'emergency-cleanup-start',
      'test',
      ({ usagePercent }) => void sent.push(`start ${usagePercent}`),
    );
    rooms.bus.on('emergency-cleanup-end', 'test', ({ freedBytes }) => void sent.push(`end ${freedBytes}`));

    const report = await clean(50);

    expect(sent).toEqual(['start 60', `end ${LINE_BYTES / 10}`]);
    expect(report).toMatchObject({
      freedBytes: LINE_BYTES / 10,
      rssBeforeBytes: 0.6 * LINE_BYTES,
      rssAfterBytes: 0.5 * LINE_BYTES,
    });
    expect(report?.perCache['image-cache']).toBeGreaterThanOrEqual(4 * MIB);
    expect(report?.perCache['server-cache']).toBe(serverCacheBytes);
    expect(report?.perCache['store-buffers']).toBe(0);
    expect(rooms.memory.metrics().cacheSize).toBe(0);
    expect(rooms.serverCache.stats().entries).toBe(0);
    expect(rooms.collections).toHaveLength(1);
    expect(cleanup.snapshot()).toMatchObject({ runs: 1, running: false, skipped: 0, last: report });
  });

  it('frees nothing less than nothing when RSS has grown meanwhile', async () => {
    expect((await clean(65))?.freedBytes).toBe(0);
  });

  it('is not run twice at once', async () => {
    const first = cleanup.request();
    expect(cleanup.snapshot().running).toBe(true);

    expect(await cleanup.request()).toBeNull();
    await rooms.clock.advanceAsync(150);

    expect(await first).not.toBeNull();
    expect(cleanup.snapshot()).toMatchObject({ runs: 1, skipped: 1, running: false });
  });

  it('waits a minute after one that paid', async () => {
    await clean(50);

    rooms.clock.advance(60 * SECOND_MS - 1);
    expect(await clean(50)).toBeNull();
    rooms.readPercent(60);
    rooms.clock.advance(1);
    expect(await clean(50)).not.toBeNull();
    expect(cleanup.snapshot()).toMatchObject({ runs: 2, skipped: 1, cooldownMs: 60 * SECOND_MS });
  });

  it('waits twice as long after each that freed less than 5 % of L, ten minutes at most', async () => {
    const cooldowns: number[] = [];
    for (let run = 0; run < 7; run += 1) {
      rooms.readPercent(60);
      expect(await clean(55.1)).not.toBeNull();
      cooldowns.push(cleanup.snapshot().cooldownMs / SECOND_MS);
      rooms.clock.advance(cleanup.snapshot().cooldownMs);
    }

    expect(cooldowns).toEqual([60, 120, 240, 480, 600, 600, 600]);
  });

  it('is back at a minute after one that freed 5 %', async () => {
    for (const percentAfter of [59, 59, 59, 55]) {
      rooms.readPercent(60);
      await clean(percentAfter);
      rooms.clock.advance(cleanup.snapshot().cooldownMs);
    }

    expect(cleanup.snapshot()).toMatchObject({ runs: 4, cooldownMs: 60 * SECOND_MS });
  });

  it('lets a broken listener of another room neither stop nor spoil it', async () => {
    rooms.bus.on('emergency-cleanup-start', 'broken', () => {
      throw new Error('broken');
    });

    expect(await clean(50)).not.toBeNull();
  });

  describe('while nothing helps', () => {
    it('gives up flushing', async () => {
      rooms.readPercent(97);
      // Idle, at the rung, caches empty: two useless attempts of the ladder's own are what makes it stuck.
      for (let step = 0; step < 240 && !rooms.memory.isStuck(); step += 1) {
        await rooms.clock.advanceAsync(250);
        rooms.sampler.sample();
      }
      expect(rooms.memory.isStuck()).toBe(true);
      const { runs } = cleanup.snapshot();

      expect(await cleanup.request()).toBeNull();
      expect(cleanup.snapshot()).toMatchObject({ runs, skipped: 1 });

      rooms.readPercent(50);
      for (let step = 0; step < 240 && rooms.memory.isStuck(); step += 1) await rooms.clock.advanceAsync(250);
      expect(rooms.memory.isStuck()).toBe(false);
      expect(await clean(40)).not.toBeNull();
    });
  });
});
