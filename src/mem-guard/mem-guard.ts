import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Intervals } from '../async-ops/index.js';
import { CLOCK, type Cancel, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { ImageMemoryManager } from '../image-memory/index.js';
import { GarbageCollector, MemorySampler } from '../process-memory/index.js';
import { ServerCache } from '../server-cache/index.js';

/**
 * What a check found: `not-needed` below 90 % of L; `recorded` at 90 %, where it only looks whether the cascade ran;
 * `flushed` at 95 %, where nothing before it had helped.
 */
export type GuardVerdict = 'not-needed' | 'recorded' | 'flushed';

export interface GuardCheck {
  /** Epoch ms. */
  readonly at: number;
  readonly verdict: GuardVerdict;
  readonly rssBytes: number;
  /** Bytes that the caches gave up in a flush by the guard. */
  readonly flushedBytes: number;
  /** One sentence for people. */
  readonly finding: string;
}

export interface GuardSnapshot {
  readonly checks: number;
  readonly byVerdict: Readonly<Record<GuardVerdict, number>>;
  readonly last: GuardCheck | null;
}

/** The poll, ms (DESIGN 2.2). */
const POLL_MS = 30_000;

/**
 * The watchdog that validates the rest. It samples by itself and calls the two core caches directly: a last resort
 * depends on as little as possible, not on events, not on the ladder.
 */
@Injectable()
export class MemGuard implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(MemGuard.name);
  private readonly byVerdict: Record<GuardVerdict, number> = { 'not-needed': 0, recorded: 0, flushed: 0 };
  private last: GuardCheck | null = null;
  private cancel: Cancel = () => undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly intervals: Intervals,
    private readonly sampler: MemorySampler,
    private readonly garbage: GarbageCollector,
    private readonly imageMemory: ImageMemoryManager,
    private readonly serverCache: ServerCache,
  ) {}

  onApplicationBootstrap(): void {
    this.cancel = this.intervals.every('mem-guard', POLL_MS, () => void this.check());
  }

  beforeApplicationShutdown(): void {
    this.cancel();
  }

  /** One check; never throws. */
  check(): GuardCheck {
    const { rssBytes, childrenRssBytes } = this.sampler.sample();
    const heldBytes = rssBytes + childrenRssBytes;
    const { critical, emergency } = this.settings.memory.rungBytes;
    if (heldBytes >= emergency) return this.flush(heldBytes);
    if (heldBytes >= critical) return this.conclude('recorded', heldBytes, 0, this.describeCascade());
    return this.conclude('not-needed', heldBytes, 0, 'Memory is below 90 % of L: the guard was not needed.');
  }

  snapshot(): GuardSnapshot {
    const checks = Object.values(this.byVerdict).reduce((sum, count) => sum + count, 0);
    return { checks, byVerdict: { ...this.byVerdict }, last: this.last };
  }

  private flush(heldBytes: number): GuardCheck {
    const flushedBytes =
      this.attempt('image cache', () => this.imageMemory.clear()) +
      this.attempt('server cache', () => this.serverCache.clear());
    this.garbage.request('mem-guard');
    return this.conclude(
      'flushed',
      heldBytes,
      flushedBytes,
      `${this.describeCascade()} The guard flushed both core caches.`,
    );
  }

  /** A cache that is broken must not keep the other one full. */
  private attempt(cache: string, clear: () => number): number {
    try {
      return clear();
    } catch (error) {
      this.logger.error(
        `The ${cache} could not be flushed: ${error instanceof Error ? error.message : String(error)}`,
      );
      return 0;
    }
  }

  /** Did the coordination at 70 % run, and what did it free? */
  private describeCascade(): string {
    const action = this.imageMemory.snapshot().lastAction;
    if (action === null) return 'Coordination has not run although memory is at 90 % of L or more.';
    return `Coordination did not hold: ${action.name} freed ${action.freedBytes} bytes.`;
  }

  private conclude(
    verdict: GuardVerdict,
    rssBytes: number,
    flushedBytes: number,
    finding: string,
  ): GuardCheck {
    this.byVerdict[verdict] += 1;
    this.last = Object.freeze({ at: this.clock.now(), verdict, rssBytes, flushedBytes, finding });
    if (verdict === 'not-needed') this.logger.debug(finding);
    else this.logger.warn(`${finding} RSS is ${rssBytes} of ${this.settings.memory.lineBytes} bytes.`);
    return this.last;
  }
}
