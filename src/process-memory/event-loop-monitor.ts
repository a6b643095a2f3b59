import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { CLOCK, type Cancel, type Clock } from '../clock/index.js';
import { LOOP_PROBES, type LoopDelay, type LoopProbes } from './loop-probes.js';

/** Length of one window, ms (chosen: short enough to steer concurrency, long enough for a p99). */
const WINDOW_MS = 1_000;

export interface EventLoopReading extends LoopDelay {
  /** Time of a no-op call through the threadpool, ms; of the one that still runs when it is slower than the last. */
  readonly threadpoolMs: number;
  readonly windowMs: number;
}

export interface EventLoopSnapshot extends EventLoopReading {
  readonly probes: number;
  readonly probeFailures: number;
}

/**
 * How late the event loop and the threadpool answer. The loop alone is blind to image work: with eight jobs running
 * it was 15 ms late while a file call took 290 ms (measured). Limits concurrency and shows in health; does not move
 * the memory ladder.
 */
@Injectable()
export class EventLoopMonitor implements OnApplicationBootstrap, OnApplicationShutdown {
  private delay: LoopDelay = { p50Ms: 0, p99Ms: 0, maxMs: 0 };
  private lastProbeMs = 0;
  private probeStartedMs: number | undefined;
  private probes = 0;
  private probeFailures = 0;
  private cancelTimer: Cancel | undefined;

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOOP_PROBES) private readonly loop: LoopProbes,
  ) {}

  /** The last whole window; starts nothing. */
  latest(): EventLoopReading {
    const runningMs = this.probeStartedMs === undefined ? 0 : this.clock.monotonicMs() - this.probeStartedMs;
    return { ...this.delay, threadpoolMs: Math.max(this.lastProbeMs, runningMs), windowMs: WINDOW_MS };
  }

  snapshot(): EventLoopSnapshot {
    return { ...this.latest(), probes: this.probes, probeFailures: this.probeFailures };
  }

  onApplicationBootstrap(): void {
    this.loop.start();
    this.arm();
  }

  onApplicationShutdown(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.loop.stop();
  }

  private arm(): void {
    this.cancelTimer = this.clock.after(WINDOW_MS, () => {
      this.delay = this.loop.takeDelay();
      this.probe();
      this.arm();
    });
  }

  /** One probe at a time: a full threadpool must not gather more of them. */
  private probe(): void {
    if (this.probeStartedMs !== undefined) return;
    const startedMs = this.clock.monotonicMs();
    this.probeStartedMs = startedMs;
    this.probes += 1;
    const done = (): void => {
      this.lastProbeMs = this.clock.monotonicMs() - startedMs;
      this.probeStartedMs = undefined;
    };
    this.loop.touchThreadpool().then(done, () => {
      this.probeFailures += 1;
      done();
    });
  }
}
