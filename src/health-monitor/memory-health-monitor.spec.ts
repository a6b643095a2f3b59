import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LINE_BYTES, startMemoryRooms, type MemoryRooms } from '../../test/support/memory-rooms.js';
import type { MemoryLevel } from '../events/index.js';
import { EmergencyCleanup } from './emergency-cleanup.js';
import { MemoryHealthMonitor, type HealthStatus } from './memory-health-monitor.js';

const POLL_MS = 30_000;

describe('MemoryHealthMonitor', () => {
  let rooms: MemoryRooms;
  let monitor: MemoryHealthMonitor;
  let cleanup: EmergencyCleanup;

  beforeEach(async () => {
    rooms = await startMemoryRooms({}, { providers: [EmergencyCleanup, MemoryHealthMonitor] });
    monitor = rooms.get(MemoryHealthMonitor);
    cleanup = rooms.get(EmergencyCleanup);
  });

  afterEach(async () => {
    await rooms.close();
    expect(rooms.clock.pendingTimers).toBe(0);
    expect(rooms.bus.snapshot().listeners).toBe(0);
  });

  /** Holds a percentage of L for as long as the lower rungs ask for. */
  const hold = async (percent: number, forMs = 2_000): Promise<void> => {
    rooms.sampleAt(percent);
    await rooms.clock.advanceAsync(forMs, 250);
  };

  it.each<[number, MemoryLevel, HealthStatus]>([
    [60, 'normal', 'healthy'],
    [72, 'coordinate', 'healthy'],
    [77, 'degraded', 'warning'],
    [83, 'pressure', 'warning'],
    [92, 'critical', 'critical'],
    [97, 'emergency', 'critical'],
  ])('at %i %% of L, which is %s, calls it %s', async (percent, level, status) => {
    await hold(percent);

    expect(rooms.memory.level()).toBe(level);
    expect(monitor.status()).toBe(status);
  });

  describe('the history', () => {
    it('begins with the start and takes a point every 30 s', async () => {
      rooms.readPercent(30);
      await rooms.clock.advanceAsync(2 * POLL_MS, 1_000);

      const history = monitor.history();

      expect(history).toHaveLength(3);
      expect(history.map(({ at }) => at - (history[0]?.at ?? 0))).toEqual([0, POLL_MS, 2 * POLL_MS]);
      expect(history.at(-1)).toMatchObject({
        rssBytes: 0.3 * LINE_BYTES,
        level: 'normal',
        reservedBytes: 0,
      });
    });

    it('has a point for every transition', async () => {
      await hold(83);

      expect(monitor.history().map(({ level }) => level)).toEqual(['normal', 'pressure']);
    });

    it('has what was reserved', async () => {
      const lease = await rooms.memory.reserve({ bytes: 4_096, class: 'interactive', label: 'x', job: true });
      await rooms.clock.advanceAsync(POLL_MS, 1_000);
      lease.release();

      expect(monitor.history().at(-1)?.reservedBytes).toBe(4_096);
    });

    it('keeps an hour, the oldest goes first, and nobody can change it', async () => {
      const start = rooms.clock.now();
      await rooms.clock.advanceAsync(130 * POLL_MS, POLL_MS);

      const history = monitor.history();

      expect(history).toHaveLength(120);
      expect(history[0]?.at).toBe(start + 11 * POLL_MS);
      expect(Object.isFrozen(history[0])).toBe(true);
      expect(monitor.history()).not.toBe(history);
    });
  });

  describe('the trend', () => {
    it('is unknown until there are five points', async () => {
      await rooms.clock.advanceAsync(3 * POLL_MS, POLL_MS);
      expect(monitor.trend()).toBeNull();

      await rooms.clock.advanceAsync(POLL_MS);
      expect(monitor.trend()).toMatchObject({ points: 5, windowMs: 4 * POLL_MS });
    });

    it('shows how fast memory grows', async () => {
      for (let poll = 0; poll < 10; poll += 1) {
        rooms.readPercent(20 + poll);
        await rooms.clock.advanceAsync(POLL_MS, 1_000);
      }

      const trend = monitor.trend();

      expect(trend?.bytesPerMinute).toBeGreaterThan(0.018 * LINE_BYTES);
      expect(trend?.bytesPerMinute).toBeLessThan(0.022 * LINE_BYTES);
      expect(trend?.confidence).toBeGreaterThan(0.9);
    });
  });

  describe('in an emergency', () => {
    it('cleans up once on entering, and looks again while it holds, as often as the cool-down allows', async () => {
      rooms.sampleAt(97);
      await rooms.clock.advanceAsync(1_000, 50);
      expect(cleanup.snapshot()).toMatchObject({ runs: 1, skipped: 0 });

      await rooms.clock.advanceAsync(5_000, 50);

      expect(cleanup.snapshot()).toMatchObject({ runs: 1, skipped: 1 });
    });

    it('looks no more once it is over', async () => {
      rooms.sampleAt(97);
      await rooms.clock.advanceAsync(1_000, 50);
      rooms.readPercent(50);
      await rooms.clock.advanceAsync(20_000, 250);
      expect(rooms.memory.level()).not.toBe('emergency');
      const { runs, skipped } = cleanup.snapshot();

      await rooms.clock.advanceAsync(60_000, 250);

      expect(cleanup.snapshot()).toMatchObject({ runs, skipped });
    });

    it('does nothing of it below', async () => {
      await hold(92, 30_000);

      expect(cleanup.snapshot()).toMatchObject({ runs: 0, skipped: 0 });
    });

    it('leaves no timer behind when it is shut down in the middle of one', async () => {
      rooms.sampleAt(97);
      await rooms.clock.advanceAsync(1_000, 50);

      expect(rooms.memory.level()).toBe('emergency');
    });
  });
});
