import type { Cancel, Clock } from '../clock/index.js';
import type { GarbageCollector, MemorySampler } from '../process-memory/index.js';

export interface ReliefParts {
  readonly clock: Clock;
  readonly sampler: Pick<MemorySampler, 'sample'>;
  readonly garbage: Pick<GarbageCollector, 'request'>;
  /** Empties the image cache. */
  readonly flush: () => void;
  /** What the attempt brought, bytes of RSS. */
  readonly report: (freedBytes: number) => void;
}

/** The interval of the collector. */
const INTERVAL_MS = 10_000;

/** Sweep and allocator decay (jemalloc is started with 1 s) are over by then. */
const SETTLE_MS = 1_500;

/**
 * A process over `pressure` that does no work gets no smaller by waiting. It collects garbage; if that was not enough
 * it gives up the hits as well; what each attempt brought tells the ladder whether it is stuck. Without this the
 * rungs between 80 and 95 % would hold for ever on a leak or on fragments: nothing runs, so nothing is freed.
 */
export class Relief {
  private attempts = 0;
  private lastMs = -Infinity;
  private cancel: Cancel | undefined;

  constructor(private readonly parts: ReliefParts) {}

  /** Called at each sample. `needed`: at `pressure` or over by nature, no lease, not stuck yet. */
  consider(needed: boolean): void {
    if (!needed) {
      this.attempts = 0;
      return;
    }
    const nowMs = this.parts.clock.monotonicMs();
    if (this.cancel !== undefined || nowMs - this.lastMs < INTERVAL_MS) return;
    this.lastMs = nowMs;
    this.attempts += 1;
    // Armed first: the sample below comes back here.
    let beforeBytes = 0;
    this.cancel = this.parts.clock.after(SETTLE_MS, () => {
      this.cancel = undefined;
      this.parts.report(beforeBytes - this.parts.sampler.sample().rssBytes);
    });
    beforeBytes = this.parts.sampler.sample().rssBytes;
    if (this.attempts > 1) this.parts.flush();
    this.parts.garbage.request('relief');
  }

  close(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}
