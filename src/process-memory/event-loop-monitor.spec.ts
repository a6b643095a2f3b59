import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../test/support/fake-clock.js';
import { EventLoopMonitor } from './event-loop-monitor.js';
import { NodeLoopProbes, type LoopDelay, type LoopProbes } from './loop-probes.js';

class SetProbes implements LoopProbes {
  delay: LoopDelay = { p50Ms: 1, p99Ms: 12, maxMs: 30 };
  running = false;
  waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  start(): void {
    this.running = true;
  }

  takeDelay(): LoopDelay {
    return this.delay;
  }

  touchThreadpool(): Promise<void> {
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  stop(): void {
    this.running = false;
  }
}

describe('EventLoopMonitor', () => {
  let clock: FakeClock;
  let probes: SetProbes;
  let monitor: EventLoopMonitor;

  beforeEach(() => {
    clock = new FakeClock();
    probes = new SetProbes();
    monitor = new EventLoopMonitor(clock, probes);
    monitor.onApplicationBootstrap();
  });

  afterEach(() => {
    monitor.onApplicationShutdown();
    expect(probes.running).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it('shows the delay of the last whole window', () => {
    clock.advance(999);
    const before = monitor.latest();
    clock.advance(1);
    const after = monitor.latest();

    expect(before).toMatchObject({ p99Ms: 0, maxMs: 0 });
    expect(after).toMatchObject({ p50Ms: 1, p99Ms: 12, maxMs: 30, windowMs: 1_000 });
  });

  it('shows how long a call through the threadpool took', async () => {
    clock.advance(1_000);
    clock.advance(300);
    probes.waiting[0]?.resolve();
    await Promise.resolve();
    clock.advance(100);

    expect(monitor.latest().threadpoolMs).toBe(300);
  });

  it('shows how long a call takes that has not come back, and sends no second one after it', () => {
    clock.advance(4_500);

    expect(monitor.latest().threadpoolMs).toBe(3_500);
    expect(probes.waiting).toHaveLength(1);
  });

  it('goes on after a call that failed', async () => {
    clock.advance(1_000);
    probes.waiting[0]?.reject(new Error('no such file'));
    await new Promise((resolve) => setImmediate(resolve));

    clock.advance(1_000);

    expect(monitor.snapshot()).toMatchObject({ probes: 2, probeFailures: 1 });
  });
});

describe('NodeLoopProbes', () => {
  it('sees a loop that is blocked, and begins anew with each window', async () => {
    const probes = new NodeLoopProbes();
    probes.start();
    // The histogram counts from its first tick on.
    await new Promise((resolve) => setTimeout(resolve, 60));

    const until = performance.now() + 120;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const blocked = probes.takeDelay();
    const empty = probes.takeDelay();
    probes.stop();

    expect(blocked.maxMs).toBeGreaterThan(60);
    expect(empty).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 });
  });

  it('comes back from the threadpool', async () => {
    await expect(new NodeLoopProbes().touchThreadpool()).resolves.toBeUndefined();
  });
});
