import type { IndexEntry, ObjectIndex } from './object-index.js';

/** Entries looked at to estimate where the oldest end. */
const SAMPLE = 2048;

/** Below this the whole index is sorted. */
const SMALL = 4096;

/**
 * The least recently used objects, in order. No list is kept in step with every use: when the queue runs dry,
 * one pass collects the oldest thirty-second of the index (at least 1024 entries) and sorts those. All others were used later, so the order
 * is exact; what was used since it was collected is skipped. A pass over a million entries takes about 15 ms
 * and lasts for thirty thousand evictions.
 */
export class EvictionOrder {
  /** Oldest last. */
  private queue: IndexEntry[] = [];

  constructor(private readonly index: ObjectIndex) {}

  /** Forget what was collected: older entries have been added. */
  reset(): void {
    this.queue = [];
  }

  /** The oldest entries that `mayEvict`, at most `count`; empty when there are none. */
  next(count: number, busy: number, mayEvict: (entry: IndexEntry) => boolean): IndexEntry[] {
    const victims = this.take(count, mayEvict);
    if (victims.length > 0 || this.index.count === 0) return victims;
    this.collect(Math.max(1024, Math.ceil(this.index.count / 32)) + busy);
    return this.take(count, mayEvict);
  }

  private take(count: number, mayEvict: (entry: IndexEntry) => boolean): IndexEntry[] {
    const victims: IndexEntry[] = [];
    while (victims.length < count) {
      const entry = this.queue.pop();
      if (entry === undefined) break;
      const current = this.index.get(entry.hash);
      if (current === null || current.lastUse !== entry.lastUse) continue;
      if (mayEvict(current)) victims.push(current);
    }
    return victims;
  }

  private collect(wanted: number): void {
    let threshold = Infinity;
    if (this.index.count > SMALL && this.index.count > wanted) {
      const sample = this.index.sampleLastUses(SAMPLE).sort();
      const quantile = Math.ceil((sample.length * wanted) / this.index.count);
      threshold = sample[Math.min(sample.length - 1, quantile)] ?? Infinity;
    }
    this.queue = this.index.usedUntil(threshold).sort((a, b) => b.lastUse - a.lastUse);
  }
}
