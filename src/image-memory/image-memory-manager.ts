import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { MemoryPlan } from '../config/index.js';
import type { EventBus, MemoryLevel } from '../events/index.js';
import type { MemorySample, MemorySampler } from '../process-memory/index.js';
import type { BufferCache, BufferCacheSnapshot, SetOptions } from './buffer-cache.js';
import type { CalibrationFigures, CalibrationRing } from './calibration-ring.js';
import type { Cascade, MemoryAction } from './cascade.js';
import { estimateOperationBytes } from './cost-model.js';
import type { FreshnessPatch, ImageEntry } from './image-entry.js';
import type { ImageHeader, ImageOperation } from './image-header.js';
import type { ImageLoads, LoadedImage } from './image-loads.js';
import { isAtLeast } from './ladder.js';
import type { Lease, ReservationRequest } from './lease.js';
import type { LevelSnapshot, PressureWatch } from './pressure-watch.js';
import type { Relief } from './relief.js';
import type { LedgerSnapshot, ReservationLedger } from './reservation-ledger.js';
import type { FlightOptions, SingleFlightSnapshot } from './single-flight.js';

/** The parts that `assembleImageMemory` ties together. */
export interface ImageMemoryParts {
  readonly plan: Pick<MemoryPlan, 'lineBytes' | 'rungBytes'>;
  readonly bus: EventBus;
  readonly sampler: MemorySampler;
  readonly cache: BufferCache;
  readonly loads: ImageLoads;
  readonly watch: PressureWatch;
  readonly cascade: Cascade;
  readonly relief: Relief;
  readonly ledger: ReservationLedger;
  readonly calibration: CalibrationRing;
}

/** Flat figures for metrics. */
export interface ImageMemoryMetrics {
  readonly cacheSize: number;
  readonly cacheBytes: number;
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  /** At `pressure` or above. */
  readonly memoryPressure: boolean;
  readonly level: MemoryLevel;
  readonly usagePercent: number;
  readonly hits: number;
  readonly misses: number;
  readonly coalesced: number;
  readonly evictions: number;
  readonly rejections: number;
  readonly reservedBytes: number;
  readonly leases: number;
  readonly zombies: number;
  readonly waiting: number;
  readonly driftEvents: number;
}

/** All that health shows of the memory line. A plain read: no sample, no collection, no side effect. */
export interface ImageMemorySnapshot extends LevelSnapshot {
  readonly lineBytes: number;
  readonly rungBytes: MemoryPlan['rungBytes'];
  readonly usagePercent: number;
  readonly sample: MemorySample;
  readonly cache: BufferCacheSnapshot;
  readonly ledger: LedgerSnapshot;
  readonly loads: SingleFlightSnapshot;
  readonly calibration: Readonly<Record<string, CalibrationFigures>>;
  readonly lastAction: MemoryAction | null;
  readonly actions: ReturnType<Cascade['snapshot']>;
}

/** The level is judged anew when the last sample is older (DESIGN 2.2). */
const SAMPLE_MAX_AGE_MS = 50;

/** The operation's name in calibration and, by custom, in lease labels. */
const kindOf = (header: ImageHeader, operation: ImageOperation): string =>
  `${header.format} to ${operation.format}`;

/**
 * The single source of truth on memory: nothing else decides what the pressure is. Keeps pictures in memory, answers
 * "may I start?", and promises memory before it is allocated.
 */
export class ImageMemoryManager implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly detachers: (() => void)[] = [];
  private seen: MemorySample | undefined;

  constructor(private readonly parts: ImageMemoryParts) {}

  onApplicationBootstrap(): void {
    const { bus, cascade, sampler } = this.parts;
    this.detachers.push(
      sampler.onSample((sample) => this.observe(sample)),
      bus.on('emergency-cleanup-start', 'image-memory', () => void cascade.flush('flush')),
    );
    this.observe(sampler.sample());
  }

  /** Runs after the HTTP server has closed: whoever still waits is refused with `shutting-down`. */
  onApplicationShutdown(): void {
    for (const detach of this.detachers.splice(0)) detach();
    this.parts.ledger.close();
    this.parts.relief.close();
    this.parts.cascade.close();
    this.parts.cache.close();
  }

  /** The entry as a use, or `undefined`. It may be stale: see `freshUntil`. */
  get(key: string): ImageEntry | undefined {
    return this.parts.cache.get(key);
  }

  /** The entry without counting as a use. */
  peek(key: string): ImageEntry | undefined {
    return this.parts.cache.peek(key);
  }

  /** Keeps a private copy; `adopt` gives the buffer away instead. `false` when it was not let in; never throws. */
  set(key: string, entry: ImageEntry, options?: SetOptions): boolean {
    return this.parts.cache.set(key, entry, options);
  }

  /** Renews the freshness of an entry; `false` when it is not there. */
  update(key: string, patch: FreshnessPatch): boolean {
    return this.parts.cache.update(key, patch);
  }

  /** What is being loaded under the key meanwhile reaches those who wait, and is not kept. */
  delete(key: string): boolean {
    this.parts.loads.forget(key);
    return this.parts.cache.delete(key);
  }

  /** Drops all variants of a source, also those that are being loaded; returns how many were in memory. */
  deleteBySource(sourceKey: string): number {
    this.parts.loads.forgetSource(sourceKey);
    return this.parts.cache.deleteBySource(sourceKey);
  }

  /** The variants of a source that are in memory and may be served. */
  variantsOf(sourceKey: string): readonly { readonly key: string; readonly entry: ImageEntry }[] {
    return this.parts.cache.variantsOf(sourceKey);
  }

  /** Empties the cache, touches no work in flight; returns the bytes freed. */
  clear(): number {
    return this.parts.cascade.flush('flush');
  }

  /**
   * The fresh entry, or what `load` brings: one load per key however many ask, kept when it succeeds. `load` gives
   * its buffer away. It is aborted only when nobody waits any more.
   *
   * @throws what `load` throws (nothing is remembered), AbortedError, OperationTimeoutError
   */
  async getOrLoad(
    key: string,
    load: (signal: AbortSignal) => Promise<ImageEntry>,
    options?: FlightOptions,
  ): Promise<LoadedImage> {
    return this.parts.loads.getOrLoad(key, load, options);
  }

  /** The rung of the ladder, as last judged. */
  level(): MemoryLevel {
    return this.parts.watch.level;
  }

  /** The drill that holds the level, or `null`. */
  drill(): LevelSnapshot['drill'] {
    return this.parts.watch.snapshot().drill;
  }

  /** Over `pressure`, idle, and nothing helps: one probe runs at a time, flushing has been given up. */
  isStuck(): boolean {
    return this.parts.watch.stuck;
  }

  /** May image work start? Asked before anything is read, decoded or encoded; judges by a sample of at most 50 ms. */
  shouldAllowImageOperations(): boolean {
    this.refresh(SAMPLE_MAX_AGE_MS);
    return !isAtLeast(this.level(), 'pressure') || (this.isStuck() && this.parts.ledger.leaseCount === 0);
  }

  /** The refusal that goes with a "no" to {@link shouldAllowImageOperations}: 503, with a `Retry-After` by rung. */
  refusal(): Error {
    return this.parts.ledger.refusal();
  }

  /** From `degraded` up: encodings that are ours to choose should be cheap. */
  prefersCheapWork(): boolean {
    return isAtLeast(this.level(), 'degraded');
  }

  /** Peak bytes of an operation: the cost model, raised (never lowered) by what calibration has seen. */
  estimate(header: ImageHeader, operation: ImageOperation): number {
    const multiplier = this.parts.calibration.multiplierOf(kindOf(header, operation));
    return Math.ceil(estimateOperationBytes(header, operation) * multiplier);
  }

  /** Could an operation of this size ever run here? If not, plan it cheaper or answer 413. */
  canEverFit(bytes: number): boolean {
    return bytes <= this.parts.ledger.singleOperationCapBytes;
  }

  /** See {@link ReservationLedger.reserve}. */
  async reserve(request: ReservationRequest): Promise<Lease> {
    return this.parts.ledger.reserve(request);
  }

  /** A lease at once, or `null`; see {@link ReservationLedger.tryReserve}. */
  tryReserve(request: ReservationRequest): Lease | null {
    return this.parts.ledger.tryReserve(request);
  }

  /**
   * Runs `work` under a lease and releases it when the promise of `work` settles. That promise must be the native
   * one, not a race against a timeout: libvips goes on when the waiter is gone.
   *
   * @throws what {@link reserve} and `work` throw
   */
  async withReservation<T>(request: ReservationRequest, work: (lease: Lease) => Promise<T>): Promise<T> {
    const lease = await this.reserve(request);
    try {
      return await work(lease);
    } finally {
      lease.release();
    }
  }

  /**
   * A drill: holds the level at `level` or above until `untilMs` (epoch). Raises only; `normal` ends it.
   *
   * @throws RangeError when `untilMs` is no time
   */
  forceLevel(level: MemoryLevel, untilMs: number): void {
    this.parts.watch.force(level, untilMs, this.parts.sampler.latest());
    this.paceSampling();
  }

  /** What an emergency cleanup brought, bytes of RSS: two useless ones are half of being stuck. */
  reportCleanup(freedBytes: number): void {
    this.parts.watch.reportCleanup(freedBytes);
  }

  metrics(): ImageMemoryMetrics {
    const { cache, ledger, loads, sampler } = this.parts;
    const sample = sampler.latest();
    const books = ledger.snapshot();
    const figures = cache.snapshot();
    return {
      cacheSize: figures.entries,
      cacheBytes: figures.usedBytes,
      rss: sample.rssBytes,
      heapUsed: sample.heapUsedBytes,
      external: sample.externalBytes,
      memoryPressure: isAtLeast(this.level(), 'pressure'),
      level: this.level(),
      usagePercent: this.usagePercent(sample),
      hits: figures.hits,
      misses: figures.misses,
      coalesced: loads.snapshot().coalesced,
      evictions: figures.evictions,
      rejections: figures.rejections,
      reservedBytes: books.reservedBytes,
      leases: books.leases,
      zombies: books.zombies,
      waiting: books.waiting.interactive + books.waiting.background,
      driftEvents: books.drift.events,
    };
  }

  snapshot(): ImageMemorySnapshot {
    const { cache, calibration, cascade, ledger, loads, plan, sampler, watch } = this.parts;
    const sample = sampler.latest();
    return {
      ...watch.snapshot(),
      lineBytes: plan.lineBytes,
      rungBytes: plan.rungBytes,
      usagePercent: this.usagePercent(sample),
      sample,
      cache: cache.snapshot(),
      ledger: ledger.snapshot(),
      loads: loads.snapshot(),
      calibration: calibration.snapshot(),
      lastAction: cascade.lastAction,
      actions: cascade.snapshot(),
    };
  }

  /**
   * A sample at most `maxAgeMs` old, known to the ladder. The sampler tells its listeners of every sample but those
   * that a listener takes, so the sample is passed on here as well.
   *
   * @internal The ledger reads RSS through it.
   */
  refresh(maxAgeMs: number): MemorySample {
    const { sampler, watch } = this.parts;
    const sample = maxAgeMs > 0 ? sampler.fresh(maxAgeMs) : sampler.sample();
    if (sample !== this.seen) {
      this.seen = sample;
      watch.observe(sample);
    }
    return sample;
  }

  /** @internal Fast sampling while there is anything to watch. */
  paceSampling(): void {
    const { ledger, sampler, watch } = this.parts;
    const calm = watch.level === 'normal' && watch.capacityRatio === 1;
    const idle = ledger.leaseCount === 0 && ledger.waitingCount === 0;
    sampler.setCadence(calm && idle ? 'slow' : 'fast');
  }

  /** Every sample: the ladder first, then whoever waits, then the way out of a dead end. */
  private observe(sample: MemorySample): void {
    const { ledger, relief, watch } = this.parts;
    this.seen = sample;
    watch.observe(sample);
    ledger.tick(sample.rssBytes + sample.childrenRssBytes);
    const idleUnderPressure = isAtLeast(watch.naturalLevel, 'pressure') && ledger.leaseCount === 0;
    relief.consider(idleUnderPressure && !watch.stuck);
    this.paceSampling();
  }

  private usagePercent(sample: MemorySample): number {
    return (100 * (sample.rssBytes + sample.childrenRssBytes)) / this.parts.plan.lineBytes;
  }
}
