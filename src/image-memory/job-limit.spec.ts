import { describe, expect, it } from '@jest/globals';
import type { MemoryLevel } from '../events/index.js';
import { jobLimit } from './job-limit.js';
import { retryAfterSeconds } from './retry-after.js';
import { ServiceTime } from './service-time.js';

const QUICK = { p99Ms: 5, threadpoolMs: 0.2 };

describe('jobLimit', () => {
  it.each<[MemoryLevel, boolean, number, number]>([
    ['normal', false, 1, 4],
    ['coordinate', false, 1, 4],
    ['degraded', false, 1, 1],
    ['pressure', false, 1, 0],
    ['critical', false, 1, 0],
    ['emergency', false, 1, 0],
    ['pressure', true, 1, 1],
    ['normal', false, 0.25, 1],
    ['normal', false, 0.5, 2],
    ['normal', false, 0.75, 3],
  ])('of 4 jobs at %s (stuck %p, ramp %d) is %i', (level, stuck, rampRatio, limit) => {
    expect(jobLimit({ jobs: 4, level, stuck, rampRatio, responsiveness: QUICK })).toBe(limit);
  });

  it.each([
    [{ p99Ms: 5, threadpoolMs: 99 }, 4],
    [{ p99Ms: 5, threadpoolMs: 100 }, 2],
    [{ p99Ms: 199, threadpoolMs: 1 }, 4],
    [{ p99Ms: 200, threadpoolMs: 1 }, 2],
  ])('with %j is %i of 4', (responsiveness, limit) => {
    expect(jobLimit({ jobs: 4, level: 'normal', stuck: false, rampRatio: 1, responsiveness })).toBe(limit);
  });

  it('never falls to 0 because something is slow', () => {
    const responsiveness = { p99Ms: 9_999, threadpoolMs: 9_999 };

    expect(jobLimit({ jobs: 1, level: 'normal', stuck: false, rampRatio: 0.25, responsiveness })).toBe(1);
  });
});

describe('retryAfterSeconds', () => {
  it.each<[MemoryLevel, boolean, number, number, number]>([
    ['normal', false, 0, 0, 2],
    ['pressure', false, 0, 0, 2],
    ['pressure', false, 0.999, 0, 4],
    ['critical', false, 0, 0, 5],
    ['emergency', false, 0, 0, 10],
    ['pressure', true, 0, 0, 10],
    ['normal', false, 0, 7_500, 8],
    ['normal', false, 0.999, 3_600_000, 60],
  ])('at %s (stuck %p, random %d, expected wait %i ms) is %i', (level, stuck, random, waitMs, seconds) => {
    expect(retryAfterSeconds(level, stuck, random, waitMs)).toBe(seconds);
  });
});

describe('ServiceTime', () => {
  const after = (jobs: readonly (readonly [ms: number, bytes: number])[]): ServiceTime => {
    const time = new ServiceTime();
    for (const job of jobs) time.record(...job);
    return time;
  };
  const FIVE = Array.from({ length: 5 }, () => [1_000, 100] as const);

  it('expects nothing while it knows fewer than five jobs', () => {
    expect(after(FIVE.slice(1)).expectedWaitMs(100, 1, 1_000)).toBe(0);
  });

  it.each([
    ['one slot', 3, 1, 1_000, 3_500],
    ['two slots', 3, 2, 1_000, 2_000],
    ['two slots but bytes for one', 3, 2, 150, 3_500],
    ['not even bytes for one', 3, 2, 50, 3_500],
  ])('expects with %s and %i ahead', (_what, ahead, slots, roomBytes, waitMs) => {
    expect(after(FIVE).expectedWaitMs(ahead, slots, roomBytes)).toBe(waitMs);
  });

  it('follows a change of the work', () => {
    const time = after([...FIVE, ...Array.from({ length: 100 }, () => [100, 100] as const)]);

    expect(time.snapshot().meanMs).toBeGreaterThan(100);
    expect(time.snapshot().meanMs).toBeLessThan(110);
  });
});
