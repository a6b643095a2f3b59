import { stat } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Event-loop delay over one window, ms: how late timers fired. */
export interface LoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** How the event loop and the threadpool are measured, so that tests replace it. */
export interface LoopProbes {
  start(): void;
  /** The delay since the last call (or the start), and begins a new window. */
  takeDelay(): LoopDelay;
  /** One call through the threadpool that does next to nothing. */
  touchThreadpool(): Promise<void>;
  stop(): void;
}

/** Injection token of the {@link LoopProbes}. */
export const LOOP_PROBES = Symbol('LOOP_PROBES');

/** Period of the histogram's own timer, ms (chosen: 50 wake-ups a second cost nothing measurable). */
const RESOLUTION_MS = 20;
const NANOSECONDS_PER_MS = 1e6;

/** The real probes: `monitorEventLoopDelay` and an `fs.stat`. */
export class NodeLoopProbes implements LoopProbes {
  private readonly histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  start(): void {
    this.histogram.enable();
  }

  takeDelay(): LoopDelay {
    const delay = {
      p50Ms: toDelayMs(this.histogram.percentile(50)),
      p99Ms: toDelayMs(this.histogram.percentile(99)),
      maxMs: toDelayMs(this.histogram.max),
    };
    this.histogram.reset();
    return delay;
  }

  async touchThreadpool(): Promise<void> {
    await stat('/');
  }

  stop(): void {
    this.histogram.disable();
  }
}

/** The histogram holds whole periods, the timer's own 20 ms included; an empty one has odd values. */
function toDelayMs(nanoseconds: number): number {
  const delayMs = nanoseconds / NANOSECONDS_PER_MS - RESOLUTION_MS;
  return Number.isFinite(delayMs) && delayMs > 0 && nanoseconds < Number.MAX_SAFE_INTEGER ? delayMs : 0;
}
