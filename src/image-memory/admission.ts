import { CACHE_OVERHEAD_RATIO } from '../config/index.js';
import type { MemoryLevel } from '../events/index.js';
import { isAtLeast } from './ladder.js';

/** What admission must know of the world; the ledger brings its own sums. */
export interface AdmissionEnvironment {
  /** RSS of the process and its image children, read at most `maxAgeMs` ago. Last known when a reading fails. */
  rssBytes(maxAgeMs: number): number;
  /** Bytes of all caches, those of other rooms included. */
  cacheBytes(): number;
  /** Bytes that the image cache can give up; `all` includes those that hits need most. */
  evictableBytes(all: boolean): number;
  /** Evicts at least `bytes` if it can, oldest first; returns the bytes freed. */
  evict(bytes: number): number;
  /** Asks for a collection; the collector limits how often. */
  collectGarbage(reason: string): void;
  level(): MemoryLevel;
  stuck(): boolean;
  /** Job slots now; 0 when no new work may start. */
  jobLimit(): number;
}

export interface AdmissionLimits {
  /** Admission reserves up to here: the `pressure` rung. */
  readonly ceilingBytes: number;
  /** An operation that runs alone, and has waited, may reach here: the `critical` rung. */
  readonly loneCeilingBytes: number;
  /** L: the bound of a probe while the ladder is stuck. */
  readonly lineBytes: number;
}

/** One who asks. */
export interface Wanted {
  readonly bytes: number;
  readonly job: boolean;
  readonly waitedMs: number;
}

/** What the ledger holds. */
export interface Held {
  readonly reservedBytes: number;
  readonly leases: number;
  readonly jobs: number;
  readonly idleFloorBytes: number;
}

/**
 * `fits`; `no-slot`: all job slots are taken; `no-room`: what is reserved and cached leaves too little; `rss-high`:
 * the books say that it fits, the process holds more than they know; `closed`: the rung allows no new work.
 */
export type Verdict = 'fits' | 'no-slot' | 'no-room' | 'rss-high' | 'closed';

/** A sample older than this is taken again (10 µs; RSS moves by about 1 MB a millisecond in a burst). */
const SAMPLE_MAX_AGE_MS = 50;

/** After this long the head of the queue has garbage collected and the cache thinned for it. */
const RELIEF_AFTER_MS = 250;
/** The interval of the collector: eviction without a collection frees nothing. */
const RELIEF_INTERVAL_MS = 10_000;

/** After this long alone, memory that did not come back in time is no longer waited for. */
const LONE_AFTER_MS = 1_000;

/**
 * May it start?
 *
 *     max(rss, idleFloor + 1.15 × cacheBytes + reserved) + bytes ≤ ceiling
 *
 * Two views of the same memory, and the worse one counts. The second is the books: it knows what running work will
 * need and RSS does not show yet, which is why a gate on RSS alone lets a burst in. The first is the truth about all
 * that the books do not know: garbage, fragments, an estimate that was too low. They must not be added: RSS already
 * holds the part of `reserved` that has become real, and a sum would count each running operation twice and halve
 * the throughput. The price is that what is unknown to the books and what is not yet real can hide behind each other;
 * it is at most the smaller of the two, and the 20 % of L above the ceiling are there for it (a prototype of this
 * rule, with its ceiling at 90 % of L, peaked at 78 to 87 % of L).
 *
 * Room is made before waiting: the image cache gives up its oldest entries, as long as that suffices. While others
 * hold leases it keeps the part that the `coordinate` rung would leave it, because waiting for them is cheaper than
 * losing the hits; for an operation that is alone it gives up everything.
 *
 * Two exceptions keep memory that never comes back from closing the server for ever. An operation that is alone and
 * has waited a second may go up to the `critical` rung; while the ladder is stuck, one probe at a time may go up to L.
 */
export class Admission {
  private lastReliefMs = -Infinity;

  constructor(
    private readonly environment: AdmissionEnvironment,
    private readonly limits: AdmissionLimits,
    private readonly monotonicMs: () => number,
  ) {}

  /** The verdict as things are; changes nothing. `resample` takes a new reading of RSS. */
  check(wanted: Wanted, held: Held, resample = false): Verdict {
    // Reading may move the ladder, so it comes before the level.
    const rssBytes = this.environment.rssBytes(resample ? 0 : SAMPLE_MAX_AGE_MS);
    const alone = held.leases === 0;
    if (isAtLeast(this.environment.level(), 'pressure')) {
      const mayProbe = this.environment.stuck() && alone && rssBytes + wanted.bytes <= this.limits.lineBytes;
      return mayProbe ? 'fits' : 'closed';
    }
    if (wanted.job && held.jobs >= this.environment.jobLimit()) return 'no-slot';
    const { ceilingBytes, loneCeilingBytes } = this.limits;
    const limitBytes = alone && wanted.waitedMs >= LONE_AFTER_MS ? loneCeilingBytes : ceilingBytes;
    if (this.booksBytes(held) + wanted.bytes > limitBytes) return 'no-room';
    return rssBytes + wanted.bytes > limitBytes ? 'rss-high' : 'fits';
  }

  /** The verdict after making room where that helps. */
  decide(wanted: Wanted, held: Held): Verdict {
    const verdict = this.check(wanted, held);
    if (verdict === 'no-room' && this.evictFor(wanted, held)) return this.check(wanted, held);
    if (verdict === 'rss-high' && wanted.waitedMs >= RELIEF_AFTER_MS && this.relieve(wanted, held)) {
      return this.check(wanted, held, true);
    }
    return verdict;
  }

  /** The most that one operation can ever get: everything under the ceiling but the idle process. */
  capBytes(idleFloorBytes: number): number {
    return Math.max(0, this.limits.ceilingBytes - idleFloorBytes);
  }

  private booksBytes(held: Held): number {
    return held.idleFloorBytes + CACHE_OVERHEAD_RATIO * this.environment.cacheBytes() + held.reservedBytes;
  }

  /** Evicts only when the eviction is enough: thinning the cache for one who must wait anyway helps nobody. */
  private evictFor(wanted: Wanted, held: Held): boolean {
    const missingBytes = this.booksBytes(held) + wanted.bytes - this.limits.ceilingBytes;
    const evictableBytes = this.environment.evictableBytes(held.leases === 0);
    // Room for rounding: the ratio is no binary fraction.
    if (missingBytes > CACHE_OVERHEAD_RATIO * evictableBytes + 1) return false;
    const evictBytes = Math.min(evictableBytes, Math.ceil(missingBytes / CACHE_OVERHEAD_RATIO));
    return evictBytes > 0 && this.environment.evict(evictBytes) > 0;
  }

  /** The process holds what no book knows: mostly garbage, so it is collected, with a little of the cache. */
  private relieve(wanted: Wanted, held: Held): boolean {
    const nowMs = this.monotonicMs();
    if (nowMs - this.lastReliefMs < RELIEF_INTERVAL_MS) return false;
    this.lastReliefMs = nowMs;
    const missingBytes =
      this.environment.rssBytes(SAMPLE_MAX_AGE_MS) + wanted.bytes - this.limits.ceilingBytes;
    const givenBytes = Math.min(missingBytes, this.environment.evictableBytes(held.leases === 0));
    if (givenBytes > 0) this.environment.evict(givenBytes);
    this.environment.collectGarbage('admission');
    return true;
  }
}
