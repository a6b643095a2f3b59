import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { EventBus } from '../events/index.js';
import { ImageMemoryManager } from '../image-memory/index.js';
import { ByteAccounts, GarbageCollector, MemorySampler } from '../process-memory/index.js';

export interface CleanupReport {
  /** Epoch ms of its start. */
  readonly at: number;
  /** What RSS lost, bytes. */
  readonly freedBytes: number;
  /** What each cache gave up, bytes. */
  readonly perCache: Readonly<Record<string, number>>;
  readonly rssBeforeBytes: number;
  readonly rssAfterBytes: number;
}

export interface CleanupSnapshot {
  readonly runs: number;
  readonly running: boolean;
  /** Requests that came before the cool-down was over, or while stuck. */
  readonly skipped: number;
  readonly cooldownMs: number;
  readonly last: CleanupReport | null;
}

/** Pause after a cleanup, ms; doubles up to ten minutes while cleanups free too little (DESIGN 2.1). */
const COOLDOWN_MS = 60_000;
const LONGEST_COOLDOWN_MS = 600_000;

/** A cleanup that frees less than this share of L does not pay (DESIGN 2.1). */
const WORTHWHILE_SHARE_OF_L = 0.05;

/** RSS falls about 100 ms after a collection, whose sweep is concurrent (measured). */
const SETTLE_MS = 150;

/**
 * The one owner of emergency cleanup. Sends `emergency-cleanup-start`, on which every cache flushes itself, collects
 * garbage, measures what came back and sends `emergency-cleanup-end`.
 */
@Injectable()
export class EmergencyCleanup {
  private readonly logger = new Logger(EmergencyCleanup.name);
  private running = false;
  private runs = 0;
  private skipped = 0;
  private cooldownMs = COOLDOWN_MS;
  private notBeforeMs = -Infinity;
  private last: CleanupReport | null = null;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly bus: EventBus,
    private readonly sampler: MemorySampler,
    private readonly accounts: ByteAccounts,
    private readonly garbage: GarbageCollector,
    private readonly imageMemory: ImageMemoryManager,
  ) {}

  /** Cleans up unless one runs, the cool-down holds, or flushing has been found useless. Returns what it freed, or `null`. */
  async request(): Promise<CleanupReport | null> {
    if (this.running || this.clock.monotonicMs() < this.notBeforeMs || this.imageMemory.isStuck()) {
      this.skipped += 1;
      return null;
    }
    this.running = true;
    try {
      return await this.clean();
    } finally {
      this.running = false;
    }
  }

  snapshot(): CleanupSnapshot {
    const { runs, running, skipped, cooldownMs, last } = this;
    return { runs, running, skipped, cooldownMs, last };
  }

  private async clean(): Promise<CleanupReport> {
    const { lineBytes, rungBytes } = this.settings.memory;
    const before = this.sampler.sample();
    const usedBefore = this.usedByCache();
    const { at } = this.bus.emit('emergency-cleanup-start', {
      rss: before.rssBytes,
      threshold: rungBytes.emergency,
      usagePercent: (100 * before.rssBytes) / lineBytes,
    });
    this.garbage.run('emergency cleanup');
    await new Promise<void>((resolve) => void this.clock.after(SETTLE_MS, resolve));
    const after = this.sampler.sample();
    const perCache = freedByCache(usedBefore, this.usedByCache());
    const freedBytes = Math.max(0, before.rssBytes - after.rssBytes);
    this.last = { at, freedBytes, perCache, rssBeforeBytes: before.rssBytes, rssAfterBytes: after.rssBytes };
    this.runs += 1;
    this.imageMemory.reportCleanup(freedBytes);
    this.coolDown(freedBytes);
    this.bus.emit('emergency-cleanup-end', { freedBytes, perCache });
    this.logger.warn(
      `Emergency cleanup freed ${freedBytes} bytes of RSS; the next one not before ${this.cooldownMs / 1_000} s.`,
    );
    return this.last;
  }

  private coolDown(freedBytes: number): void {
    const worthwhile = freedBytes >= WORTHWHILE_SHARE_OF_L * this.settings.memory.lineBytes;
    if (worthwhile) this.cooldownMs = COOLDOWN_MS;
    else if (this.runs > 1) this.cooldownMs = Math.min(LONGEST_COOLDOWN_MS, this.cooldownMs * 2);
    this.notBeforeMs = this.clock.monotonicMs() + this.cooldownMs;
  }

  private usedByCache(): Map<string, number> {
    return new Map(
      Object.entries(this.accounts.snapshot().accounts).map(([name, { usedBytes }]) => [name, usedBytes]),
    );
  }
}

function freedByCache(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Record<string, number> {
  const freed: Record<string, number> = {};
  for (const [name, usedBytes] of before) freed[name] = Math.max(0, usedBytes - (after.get(name) ?? 0));
  return freed;
}
