import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import { COLLECT_GARBAGE, type CollectGarbage } from './collect-garbage.js';
import { MEMORY_READERS, type MemoryReaders } from './memory-readers.js';

/** A full collection stops the process for 60 to 200 ms (measured): at most one in this time on request. */
const MIN_INTERVAL_MS = 10_000;

export interface GarbageCollection {
  readonly at: number;
  readonly reason: string;
  readonly durationMs: number;
  /** Heap and external bytes that the collection freed; RSS follows later. */
  readonly freedBytes: number;
}

export interface GarbageCollectorSnapshot {
  readonly collections: number;
  /** Requests that came too early after the last collection. */
  readonly skipped: number;
  readonly failures: number;
  readonly last: GarbageCollection | null;
}

/** Evicted buffers leave RSS only after a collection; this is the one place that asks for it. */
@Injectable()
export class GarbageCollector {
  private readonly logger = new Logger(GarbageCollector.name);
  private lastMs = -Infinity;
  private collections = 0;
  private skipped = 0;
  private failures = 0;
  private last: GarbageCollection | null = null;

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(COLLECT_GARBAGE) private readonly collect: CollectGarbage,
    @Inject(MEMORY_READERS) private readonly readers: MemoryReaders,
  ) {}

  /** Collects unless the last collection is less than 10 s ago. Returns whether it did. Never throws. */
  request(reason: string): boolean {
    if (this.clock.monotonicMs() - this.lastMs < MIN_INTERVAL_MS) {
      this.skipped += 1;
      return false;
    }
    return this.run(reason);
  }

  /** Collects whatever was before; for operators. Counts as the last collection. Never throws. */
  run(reason: string): boolean {
    const startedMs = this.clock.monotonicMs();
    this.lastMs = startedMs;
    const beforeBytes = this.heldBytes();
    try {
      this.collect();
    } catch (error) {
      this.failures += 1;
      this.logger.warn(
        `Garbage could not be collected: ${error instanceof Error ? error.message : String(error)}`,
      );
      return false;
    }
    const durationMs = this.clock.monotonicMs() - startedMs;
    const freedBytes = Math.max(0, beforeBytes - this.heldBytes());
    this.collections += 1;
    this.last = { at: this.clock.now(), reason, durationMs, freedBytes };
    this.logger.log(
      `Garbage collected (${reason}): ${freedBytes} bytes freed in ${Math.round(durationMs)} ms.`,
    );
    return true;
  }

  snapshot(): GarbageCollectorSnapshot {
    return { collections: this.collections, skipped: this.skipped, failures: this.failures, last: this.last };
  }

  private heldBytes(): number {
    try {
      const { heapUsedBytes, externalBytes } = this.readers.readProcess();
      return heapUsedBytes + externalBytes;
    } catch {
      return 0;
    }
  }
}
