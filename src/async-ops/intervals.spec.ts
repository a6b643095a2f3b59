import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import { FakeClock } from '../../test/support/fake-clock.js';
import { CLOCK, ClockModule } from '../clock/index.js';
import { AsyncOperationsMonitor, AsyncOpsModule, BackgroundTasks, Intervals } from './index.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Intervals', () => {
  let clock: FakeClock;
  let module: TestingModule;
  let intervals: Intervals;
  let registry: SchedulerRegistry;

  beforeEach(async () => {
    jest.spyOn(Logger.prototype, 'error').mockReturnValue(undefined);
    clock = new FakeClock();
    module = await Test.createTestingModule({ imports: [ClockModule, AsyncOpsModule] })
      .overrideProvider(CLOCK)
      .useValue(clock)
      .compile();
    await module.init();
    intervals = module.get(Intervals);
    registry = module.get(SchedulerRegistry);
  });

  afterEach(async () => {
    await module.close();
    jest.restoreAllMocks();
    expect(registry.getIntervals()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('runs a task after each period until it is stopped', () => {
    let runs = 0;
    const stop = intervals.every('poll', 30_000, () => void (runs += 1));
    clock.advance(29_999);
    const before = runs;
    clock.advance(60_001);
    stop();
    stop();
    clock.advance(60_000);

    expect([before, runs]).toEqual([0, 3]);
    expect(intervals.snapshot()).toEqual({});
  });

  it('is known to the registry by its name, once', () => {
    intervals.every('poll', 1_000, () => {});

    expect(registry.getIntervals()).toEqual(['poll']);
    expect(() => intervals.every('poll', 1_000, () => {})).toThrow('poll');
    expect(clock.pendingTimers).toBe(1);
  });

  it('skips while the run before is under way, and counts that', async () => {
    let finish!: () => void;
    const slow = new Promise<void>((resolve) => (finish = resolve));
    let runs = 0;
    intervals.every('poll', 1_000, () => {
      runs += 1;
      return slow;
    });
    clock.advance(3_500);
    const during = intervals.snapshot()['poll'];
    finish();
    await turn();
    clock.advance(500);

    expect(during).toMatchObject({ running: true, runs: 1, skips: 2 });
    expect(runs).toBe(2);
    expect(intervals.snapshot()['poll']).toMatchObject({ lastDurationMs: 2_500, skips: 2 });
  });

  it.each<[string, () => void | Promise<void>]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
  ])('goes on after a run that %s, and counts it', async (_, task) => {
    intervals.every('poll', 1_000, task);
    clock.advance(1_000);
    await turn();
    clock.advance(1_000);
    await turn();

    expect(intervals.snapshot()['poll']).toMatchObject({ runs: 2, errors: 2, running: false });
    expect(Logger.prototype.error).toHaveBeenCalledWith('Interval poll failed: no');
  });

  it('lets shutdown wait for a run that is under way', async () => {
    let finish!: () => void;
    intervals.every('poll', 1_000, () => new Promise<void>((resolve) => (finish = resolve)));
    clock.advance(1_000);
    intervals.beforeApplicationShutdown();

    const waiting = module.get(BackgroundTasks).settled(5_000);
    finish();

    await expect(waiting).resolves.toEqual({ settled: true, remaining: {} });
  });

  it('ends when somebody takes it out of the registry, and leaves a namesake alone', () => {
    let runs = 0;
    intervals.every('poll', 1_000, () => void (runs += 1));
    registry.deleteInterval('poll');
    clock.advance(2_000);
    const stopped = clock.pendingTimers;
    intervals.every('poll', 1_000, () => void (runs += 10));
    clock.advance(1_000);

    expect([stopped, runs]).toEqual([0, 10]);
  });

  it.each([0, -1, Number.NaN])('refuses a period of %d ms', (everyMs) => {
    expect(() => intervals.every('poll', everyMs, () => {})).toThrow('period over 0 ms');
  });

  it('comes in a module with the other two', () => {
    expect(module.get(AsyncOperationsMonitor)).toBeInstanceOf(AsyncOperationsMonitor);
  });
});
