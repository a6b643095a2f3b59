import { Logger } from '@nestjs/common';
import type { Cancel, Clock } from '../clock/index.js';
import { formatBytes, type MemoryPlan, type MemoryRung } from '../config/index.js';
import type { EventBus, MemoryFigures } from '../events/index.js';
import type { ByteAccounts, GarbageCollector, MemorySample, MemorySampler } from '../process-memory/index.js';
import type { BufferCache } from './buffer-cache.js';
import type { LadderTransition } from './ladder.js';

export interface CascadeParts {
  readonly clock: Clock;
  readonly plan: Pick<MemoryPlan, 'lineBytes' | 'rungBytes'>;
  readonly bus: EventBus;
  readonly cache: BufferCache;
  readonly accounts: Pick<ByteAccounts, 'totalUsedBytes'>;
  readonly garbage: Pick<GarbageCollector, 'request'>;
  readonly sampler: Pick<MemorySampler, 'sample'>;
}

/** What was done to memory, by which rung or order, and what the caches gave up for it. */
export interface MemoryAction {
  /** Epoch ms. */
  readonly at: number;
  readonly name: MemoryRung | 'flush' | 'relief' | 'admission';
  readonly freedBytes: number;
}

/** Share of its budget that the image cache keeps from `coordinate` up (DESIGN 2.1). */
export const COORDINATED_CACHE_SHARE = 0.6;

/** RSS falls about 100 ms after a collection, whose sweep is concurrent (measured): looking sooner sees nothing. */
const SWEEP_MS = 150;

const ACTIONS_KEPT = 16;

/**
 * What each rung does to the image cache, and the events that tell the other rooms to do their part. Rungs that were
 * skipped act too, in order; `status-changed` comes last, once per transition, when all has been done.
 */
export class Cascade {
  private readonly logger = new Logger('MemoryLadder');
  private readonly actions: MemoryAction[] = [];
  private readonly counts: Partial<Record<MemoryAction['name'], number>> = {};
  private cancelSample: Cancel | undefined;

  constructor(private readonly parts: CascadeParts) {}

  get lastAction(): MemoryAction | null {
    return this.actions.at(-1) ?? null;
  }

  run(transition: LadderTransition, sample: MemorySample): void {
    const { from, to, cause } = transition;
    const percent = this.percentOf(sample).toFixed(1);
    this.logger.warn(
      `Memory level ${from} → ${to} (${cause}), RSS ${formatBytes(sample.rssBytes)}, ${percent} % of L.`,
    );
    for (const rung of transition.entered) this.enter(rung, transition, sample);
    if (transition.left !== null) this.leave(transition.left, transition, sample);
    this.parts.bus.emit('status-changed', {
      from,
      to,
      metrics: { rss: sample.rssBytes, heapUsed: sample.heapUsedBytes, usagePercent: this.percentOf(sample) },
    });
  }

  /** Empties the image cache by order (an emergency, an operator, a relief); returns the bytes it gave up. */
  flush(name: 'flush' | 'relief'): number {
    return this.record(name, this.parts.cache.clear());
  }

  /** Evicts for an operation that needs the room; returns the bytes given up. */
  evictForAdmission(bytes: number): number {
    const { cache } = this.parts;
    return this.record('admission', cache.evictTo(Math.max(0, cache.usedBytes - bytes)));
  }

  snapshot(): {
    readonly counts: Readonly<Partial<Record<string, number>>>;
    readonly last: readonly MemoryAction[];
  } {
    return { counts: { ...this.counts }, last: [...this.actions] };
  }

  close(): void {
    this.cancelSample?.();
    this.cancelSample = undefined;
  }

  private enter(rung: MemoryRung, transition: LadderTransition, sample: MemorySample): void {
    if (rung === 'coordinate') this.coordinate(sample);
    else if (rung === 'pressure')
      this.parts.bus.emit('memory-pressure-start', this.figures(transition, sample));
    else if (rung === 'critical') this.clear();
    // `degraded` changes what may start, `emergency` is answered by the owner of the cleanup: both act elsewhere.
    else this.record(rung, 0);
  }

  private leave(rung: MemoryRung, transition: LadderTransition, sample: MemorySample): void {
    const { cache, bus } = this.parts;
    if (rung === 'critical') cache.setCap(this.coordinatedBytes);
    if (rung === 'pressure') bus.emit('memory-pressure-end', this.figures(transition, sample));
    if (rung === 'coordinate') cache.setCap(null);
  }

  /** Both caches make room: ours here, the server cache on the event. One collection for both. */
  private coordinate(sample: MemorySample): void {
    const { accounts, bus, cache, plan } = this.parts;
    const beforeBytes = accounts.totalUsedBytes;
    cache.setCap(this.coordinatedBytes);
    const freedBytes = cache.evictTo(this.coordinatedBytes);
    bus.emit('memory-coordination-trigger', {
      usagePercent: this.percentOf(sample),
      rss: sample.rssBytes,
      threshold: plan.rungBytes.coordinate,
      cacheBytes: cache.usedBytes,
    });
    this.record('coordinate', freedBytes);
    this.collectAfter('coordinate', beforeBytes - accounts.totalUsedBytes);
  }

  /** Emptied, and closed while the rung holds: what running jobs bring would fill it again at once. */
  private clear(): void {
    const { cache } = this.parts;
    cache.setCap(0);
    this.collectAfter('critical', this.record('critical', cache.clear()));
  }

  /** Evicted buffers leave RSS only after a collection; one is asked for when there is something to collect. */
  private collectAfter(reason: string, freedBytes: number): void {
    if (freedBytes <= 0) return;
    this.parts.garbage.request(reason);
    this.cancelSample?.();
    this.cancelSample = this.parts.clock.after(SWEEP_MS, () => {
      this.cancelSample = undefined;
      this.parts.sampler.sample();
    });
  }

  private get coordinatedBytes(): number {
    return Math.floor(COORDINATED_CACHE_SHARE * this.parts.cache.budgetBytes);
  }

  private record(name: MemoryAction['name'], freedBytes: number): number {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
    this.actions.push(Object.freeze({ at: this.parts.clock.now(), name, freedBytes }));
    if (this.actions.length > ACTIONS_KEPT) this.actions.shift();
    const level = name === 'admission' ? 'debug' : 'log';
    if (name !== 'degraded' && name !== 'emergency') {
      this.logger[level](`Memory action ${name}: the image cache gave up ${formatBytes(freedBytes)}.`);
    }
    return freedBytes;
  }

  private figures({ cause }: LadderTransition, sample: MemorySample): MemoryFigures {
    return {
      rss: sample.rssBytes,
      heapUsed: sample.heapUsedBytes,
      threshold: this.parts.plan.rungBytes.pressure,
      usagePercent: this.percentOf(sample),
      cause,
    };
  }

  private percentOf(sample: MemorySample): number {
    return (100 * (sample.rssBytes + sample.childrenRssBytes)) / this.parts.plan.lineBytes;
  }
}
