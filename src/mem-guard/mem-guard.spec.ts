import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LINE_BYTES, startMemoryRooms, type MemoryRooms } from '../../test/support/memory-rooms.js';
import { MemGuard } from './mem-guard.js';

const POLL_MS = 30_000;

describe('MemGuard', () => {
  let rooms: MemoryRooms;
  let guard: MemGuard;

  beforeEach(async () => {
    rooms = await startMemoryRooms({}, { providers: [MemGuard] });
    guard = rooms.get(MemGuard);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await rooms.close();
    expect(rooms.clock.pendingTimers).toBe(0);
  });

  const fillCaches = (): void => {
    rooms.memory.set('picture', {
      bytes: Buffer.alloc(1_000_000),
      contentType: 'image/webp',
      etag: '"e"',
      sourceKey: 'originals/s',
      freshUntil: rooms.clock.now() + 3_600_000,
      staleUntil: rooms.clock.now() + 3_600_000,
      attributes: {},
    });
    rooms.serverCache.set('source:one', { note: 'x'.repeat(1_000) });
  };

  /** Nothing but the guard hears of the memory: no event, no sample of the ladder. */
  const deafen = (): void => {
    rooms.bus.onApplicationShutdown();
    jest.spyOn(rooms.sampler, 'sample').mockImplementation(() => ({ ...rooms.sampler.latest(), ...reading }));
  };
  let reading: { rssBytes: number; childrenRssBytes?: number };

  const checkAt = (percent: number, childrenPercent = 0): ReturnType<MemGuard['check']> => {
    reading = {
      rssBytes: Math.ceil((percent / 100) * LINE_BYTES),
      childrenRssBytes: (childrenPercent / 100) * LINE_BYTES,
    };
    return guard.check();
  };

  it.each([20, 70, 80, 89.9])('was not needed at %d %% of L, and says so', (percent) => {
    fillCaches();
    deafen();

    const check = checkAt(percent);

    expect(check).toMatchObject({ verdict: 'not-needed', flushedBytes: 0, at: rooms.clock.now() });
    expect(check.finding).toBe('Memory is below 90 % of L: the guard was not needed.');
    expect(rooms.memory.metrics().cacheSize).toBe(1);
    expect(rooms.serverCache.stats().entries).toBe(1);
  });

  it.each([90, 94.9])('only records at %d %% whether coordination ran', (percent) => {
    fillCaches();
    deafen();

    const check = checkAt(percent);

    expect(check).toMatchObject({ verdict: 'recorded', flushedBytes: 0 });
    expect(check.finding).toContain('Coordination has not run');
    expect(rooms.memory.metrics().cacheSize).toBe(1);
    expect(rooms.serverCache.stats().entries).toBe(1);
    expect(rooms.collections).toEqual([]);
  });

  it('says what coordination freed when it ran', () => {
    rooms.sampleAt(92);

    const check = guard.check();

    expect(check.verdict).toBe('recorded');
    expect(check.finding).toMatch(/^Coordination did not hold: \w+ freed \d+ bytes\.$/);
  });

  it.each([95, 120])('flushes both core caches by direct call at %d %%, without any event', (percent) => {
    fillCaches();
    deafen();
    const heldBytes = rooms.memory.metrics().cacheBytes + rooms.serverCache.stats().usedBytes;

    const check = checkAt(percent);

    expect(check).toMatchObject({ verdict: 'flushed', flushedBytes: heldBytes });
    expect(rooms.memory.metrics().cacheSize).toBe(0);
    expect(rooms.serverCache.stats().entries).toBe(0);
    expect(rooms.collections).toHaveLength(1);
  });

  it('counts child processes in', () => {
    deafen();

    expect(checkAt(50, 46).verdict).toBe('flushed');
  });

  it.each<[string, () => object]>([
    ['image cache', () => jest.spyOn(rooms.memory, 'clear').mockImplementation(broken)],
    ['server cache', () => jest.spyOn(rooms.serverCache, 'clear').mockImplementation(broken)],
  ])('is not taken down by a broken %s, and flushes the other one', (_what, breakIt) => {
    fillCaches();
    deafen();
    breakIt();

    const check = checkAt(96);

    expect(check.verdict).toBe('flushed');
    expect(check.flushedBytes).toBeGreaterThan(0);
    expect(rooms.memory.metrics().cacheSize + rooms.serverCache.stats().entries).toBe(1);
  });

  it('looks every 30 s and counts what it found', async () => {
    await rooms.clock.advanceAsync(POLL_MS - 1, 1_000);
    expect(guard.snapshot()).toEqual({
      checks: 0,
      byVerdict: { 'not-needed': 0, recorded: 0, flushed: 0 },
      last: null,
    });

    await rooms.clock.advanceAsync(1);
    rooms.readPercent(92);
    await rooms.clock.advanceAsync(POLL_MS, 1_000);

    expect(guard.snapshot()).toMatchObject({
      checks: 2,
      byVerdict: { 'not-needed': 1, recorded: 1, flushed: 0 },
      last: { verdict: 'recorded', rssBytes: 0.92 * LINE_BYTES },
    });
  });
});

const broken = (): never => {
  throw new Error('broken');
};
