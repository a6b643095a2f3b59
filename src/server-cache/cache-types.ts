import type { FamilyStats } from './cache-families.js';
import type { RefusalReason } from './cache-value.js';

export interface SetOptions {
  /** Fresh for this long, ms; absent means until it is evicted. */
  readonly ttlMs?: number | undefined;
  /** After that, good enough to be served while it is refreshed, for this long, ms; 0 by default. */
  readonly staleTtlMs?: number | undefined;
}

export interface RefreshOptions extends SetOptions {
  /** Deadline of one load, ms; 30 s by default. */
  readonly timeoutMs?: number | undefined;
  /** Ends this caller's wait with `AbortedError`; the load goes on while another caller waits. */
  readonly signal?: AbortSignal | undefined;
}

/** A value that is there, and whether its time has passed. */
export interface CacheLookup<T> {
  readonly value: T;
  readonly stale: boolean;
  /** Epoch ms when it stops being fresh; `null` without a term. */
  readonly expiresAt: number | null;
}

/** What the cache last did as a whole, and for whom. */
export interface CacheAction {
  readonly name: 'drop-oldest' | 'clear' | 'cap';
  readonly cause: string;
  readonly freedBytes: number;
  /** Epoch ms. */
  readonly at: number;
}

export interface ServerCacheStats {
  readonly entries: number;
  readonly maxEntries: number;
  readonly usedBytes: number;
  readonly budgetBytes: number;
  /** The lowered limit while a rung of the ladder holds; `null` without one. */
  readonly capBytes: number | null;
  readonly hits: number;
  readonly staleHits: number;
  readonly misses: number;
  readonly sets: number;
  readonly evictions: number;
  readonly expirations: number;
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>;
  /** Loads under way; callers that joined one; refreshes in the background and how many of them failed. */
  readonly loading: number;
  readonly coalesced: number;
  readonly refreshes: number;
  readonly refreshFailures: number;
  readonly families: Readonly<Record<string, FamilyStats>>;
  readonly lastAction: CacheAction | null;
}
