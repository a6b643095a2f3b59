import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { AsyncOperationsMonitor, BackgroundTasks } from '../async-ops/index.js';
import { CLOCK, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { ByteAccounts, type ByteAccount } from '../process-memory/index.js';
import { CacheFamilies, type CacheFamily } from './cache-families.js';
import { CacheFlights, type FlightPlan } from './cache-flights.js';
import type {
  CacheAction,
  CacheLookup,
  RefreshOptions,
  ServerCacheStats,
  SetOptions,
} from './cache-types.js';
import { cutLoose, stringBytes } from './cache-strings.js';
import { keepValue, type RefusalReason } from './cache-value.js';
import { FieldNames } from './field-names.js';

/** Largest entry, key and overhead included. */
const MAX_ENTRY_BYTES = 1024 ** 2;
const MAX_KEY_LENGTH = 1_024;
/** Most entries; the byte budget binds first unless entries are tiny (chosen: bounds the time of a walk over all keys). */
const MAX_KEYS = 100_000;
/** Room is made by this share of the cap at once, so that a full cache does not evict on every set. */
const EVICTION_BATCH = 0.02;
/** What an entry costs beside its key and value: the entry itself and its places in the LRU (see the spec beside). */
const ENTRY_OVERHEAD_BYTES = 208;
/** Deadline of a load that states none, ms. */
const LOAD_TIMEOUT_MS = 30_000;
/** Refreshes in the background at once. */
const MAX_REFRESHES = 32;
/** After a refresh that failed, the stale value is served this long before the next attempt, ms. */
const REFRESH_RETRY_MS = 5_000;

class CacheEntry {
  /** Not refreshed before this, monotonic ms. */
  retryAtMs = 0;

  constructor(
    readonly value: unknown,
    readonly bytes: number,
    readonly family: CacheFamily,
    readonly freshUntilMs: number,
    readonly goneAtMs: number,
  ) {}
}

/**
 * Metadata in memory: an LRU with a byte budget and terms, for plain JSON data only (no buffers, ever). Values are
 * kept as private frozen copies, so `get` returns the same object each time and nobody can change it. Keys start with
 * their family: `source:…`. Read and written synchronously; `@nestjs/cache-manager` shares the same entries.
 */
@Injectable()
export class ServerCache implements OnApplicationShutdown {
  private readonly logger = new Logger(ServerCache.name);
  private readonly budgetBytes: number;
  private readonly account: ByteAccount;
  private readonly families = new CacheFamilies();
  private readonly names = new FieldNames();
  private readonly flights: CacheFlights;
  private readonly entries: LRUCache<string, CacheEntry>;
  private readonly refused: Partial<Record<RefusalReason, number>> = {};
  private capBytes: number | null = null;
  private refreshes = 0;
  private refreshFailures = 0;
  private lastAction: CacheAction | null = null;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    accounts: ByteAccounts,
    operations: AsyncOperationsMonitor,
    tasks: BackgroundTasks,
  ) {
    this.budgetBytes = settings.memory.serverCacheBytes;
    this.account = accounts.open('server-cache', this.budgetBytes);
    this.flights = new CacheFlights(operations, tasks, MAX_REFRESHES);
    // Room is made before each set; the LRU's own limit is a second line. It cannot be 0, our budget can.
    this.entries = new LRUCache<string, CacheEntry>({
      maxSize: Math.max(1, this.budgetBytes),
      dispose: (entry) => {
        entry.family.entries -= 1;
        entry.family.bytes -= entry.bytes;
      },
    });
  }

  /** The fresh value, or `undefined`. `null` is a value. Frozen. */
  get<T>(key: string): T | undefined {
    const family = this.families.of(key);
    const entry = this.find(key);
    if (entry === undefined || entry.freshUntilMs <= this.clock.monotonicMs()) {
      family.misses += 1;
      return undefined;
    }
    family.hits += 1;
    return entry.value as T;
  }

  /** The value even when it is stale, with its term. */
  lookup<T>(key: string): CacheLookup<T> | undefined {
    const family = this.families.of(key);
    const entry = this.find(key);
    if (entry === undefined) {
      family.misses += 1;
      return undefined;
    }
    const leftMs = entry.freshUntilMs - this.clock.monotonicMs();
    if (leftMs > 0) family.hits += 1;
    else family.staleHits += 1;
    const expiresAt = leftMs === Infinity ? null : this.clock.now() + leftMs;
    return { value: entry.value as T, stale: leftMs <= 0, expiresAt };
  }

  /**
   * Keeps a copy of `value`. Returns whether it did: what is refused (see {@link RefusalReason}) is counted and takes
   * the older value of the key with it, which would be wrong from now on. Fields that are `undefined` are left out.
   */
  set(key: string, value: unknown, options: SetOptions = {}): boolean {
    this.flights.invalidate(key);
    return this.store(key, value, options);
  }

  /**
   * The fresh value; else the stale one at once while it is refreshed in the background; else what `load` gives, once
   * for all who ask meanwhile. A load that fails is not kept: its error goes to all who wait, unchanged. A load that
   * takes longer than `timeoutMs` rejects with `OperationTimeoutError`.
   */
  async getOrRefresh<T>(
    key: string,
    load: (signal: AbortSignal) => Promise<T>,
    options: RefreshOptions = {},
  ): Promise<T> {
    const found = this.lookup<T>(key);
    if (found !== undefined && !found.stale) return found.value;
    const plan: FlightPlan = {
      key,
      load,
      timeoutMs: options.timeoutMs ?? LOAD_TIMEOUT_MS,
      keep: (value) => (this.store(key, value, options) ? this.entries.peek(key)?.value : value),
    };
    if (found === undefined) return (await this.flights.join(plan, options.signal)) as T;
    this.refresh(plan);
    return found.value;
  }

  /** Returns whether it was there. What is being loaded for the key will not be kept. */
  delete(key: string): boolean {
    this.flights.invalidate(key);
    const deleted = this.entries.delete(key);
    this.settle();
    return deleted;
  }

  /** Deletes every key that starts with `prefix`; returns how many. Walks all keys. */
  deletePrefix(prefix: string): number {
    for (const key of [...this.flights.keys()]) if (key.startsWith(prefix)) this.flights.invalidate(key);
    const doomed = [...this.entries.keys()].filter((key) => key.startsWith(prefix));
    for (const key of doomed) this.entries.delete(key);
    this.settle();
    return doomed.length;
  }

  /** Empties the cache; work under way goes on and may be kept. Returns the bytes freed. */
  clear(cause = 'request'): number {
    const freedBytes = this.usedBytes;
    this.entries.clear();
    this.settle();
    this.record('clear', cause, freedBytes);
    return freedBytes;
  }

  /** Drops the least recently used entries until at least `share` (0 to 1) of the bytes are free. Returns the bytes freed. */
  dropOldest(share: number, cause = 'request'): number {
    const keptBytes = Math.floor(this.usedBytes * (1 - Math.min(1, Math.max(0, share))));
    const freedBytes = this.evictTo(keptBytes, MAX_KEYS);
    this.record('drop-oldest', cause, freedBytes);
    return freedBytes;
  }

  /** Holds the cache at or under `bytes` until `null` lifts it. Returns the bytes freed now. */
  setCap(bytes: number | null, cause = 'request'): number {
    const before = this.capBytes;
    this.capBytes = bytes === null ? null : Math.max(0, Math.floor(bytes));
    const freedBytes = this.evictTo(this.limitBytes, MAX_KEYS);
    if (freedBytes > 0) this.record('cap', cause, freedBytes);
    else if (before !== this.capBytes) {
      this.logger.log(
        `Server cache ${this.capBytes === null ? 'is no longer capped' : `capped at ${this.capBytes} bytes`} (${cause}).`,
      );
    }
    return freedBytes;
  }

  /** Removes what is past its term and its stale time. Walks all entries; returns how many it removed. */
  purgeExpired(): number {
    const nowMs = this.clock.monotonicMs();
    const expired = [...this.entries.entries()].filter(([, entry]) => entry.goneAtMs <= nowMs);
    for (const [key, entry] of expired) this.expire(key, entry);
    this.settle();
    return expired.length;
  }

  stats(): ServerCacheStats {
    return {
      entries: this.entries.size,
      maxEntries: MAX_KEYS,
      usedBytes: this.usedBytes,
      budgetBytes: this.budgetBytes,
      capBytes: this.capBytes,
      hits: this.families.sum('hits'),
      staleHits: this.families.sum('staleHits'),
      misses: this.families.sum('misses'),
      sets: this.families.sum('sets'),
      evictions: this.families.sum('evictions'),
      expirations: this.families.sum('expirations'),
      refused: { ...this.refused },
      loading: this.flights.size,
      coalesced: this.flights.coalesced,
      refreshes: this.refreshes,
      refreshFailures: this.refreshFailures,
      families: this.families.stats(),
      lastAction: this.lastAction,
    };
  }

  /** The weights of all entries summed anew. For tests, and to find drift: always equal to `usedBytes`. Walks all entries. */
  audit(): { readonly entries: number; readonly bytes: number } {
    let bytes = 0;
    for (const entry of this.entries.values()) bytes += entry.bytes;
    return { entries: this.entries.size, bytes };
  }

  onApplicationShutdown(): void {
    this.entries.clear();
    this.account.close();
  }

  private get usedBytes(): number {
    return this.entries.calculatedSize;
  }

  private get limitBytes(): number {
    return Math.min(this.budgetBytes, this.capBytes ?? Infinity);
  }

  private find(key: string): CacheEntry | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || entry.goneAtMs > this.clock.monotonicMs()) return entry;
    this.expire(key, entry);
    this.settle();
    return undefined;
  }

  private expire(key: string, entry: CacheEntry): void {
    entry.family.expirations += 1;
    this.entries.delete(key);
  }

  private store(key: string, value: unknown, options: SetOptions): boolean {
    this.entries.delete(key);
    const family = this.families.of(key);
    const stored = this.insert(key, value, options, family);
    this.settle();
    if (stored !== true) this.refuse(stored, family, key);
    return stored === true;
  }

  private insert(
    key: string,
    value: unknown,
    options: SetOptions,
    family: CacheFamily,
  ): true | RefusalReason {
    if (key === '' || key.length > MAX_KEY_LENGTH) return 'bad-key';
    const ownBytes = ENTRY_OVERHEAD_BYTES + stringBytes(key);
    const kept = keepValue(value, MAX_ENTRY_BYTES - ownBytes, this.names);
    if (typeof kept === 'string') return kept;
    const bytes = ownBytes + kept.bytes;
    if (bytes > this.limitBytes) return 'over-cap';
    this.makeRoom(bytes);
    const freshUntilMs = this.clock.monotonicMs() + term(options.ttlMs ?? Infinity);
    const goneAtMs = freshUntilMs + term(options.staleTtlMs ?? 0);
    this.entries.set(cutLoose(key), new CacheEntry(kept.value, bytes, family, freshUntilMs, goneAtMs), {
      size: bytes,
    });
    family.sets += 1;
    family.entries += 1;
    family.bytes += bytes;
    return true;
  }

  private makeRoom(bytes: number): void {
    const isFull = this.usedBytes + bytes > this.limitBytes;
    const isCrowded = this.entries.size >= MAX_KEYS;
    if (!isFull && !isCrowded) return;
    const keptBytes = Math.min(this.limitBytes - bytes, Math.floor(this.limitBytes * (1 - EVICTION_BATCH)));
    this.evictTo(
      isFull ? keptBytes : Infinity,
      isCrowded ? Math.floor(MAX_KEYS * (1 - EVICTION_BATCH)) : MAX_KEYS,
    );
  }

  /** Evicts by last use. Returns the bytes freed. */
  private evictTo(bytes: number, entries: number): number {
    const beforeBytes = this.usedBytes;
    while (this.usedBytes > bytes || this.entries.size > entries) {
      const entry = this.entries.pop();
      if (entry === undefined) break;
      entry.family.evictions += 1;
    }
    this.settle();
    return beforeBytes - this.usedBytes;
  }

  private refresh(plan: FlightPlan): void {
    const entry = this.entries.peek(plan.key);
    if (entry === undefined || this.clock.monotonicMs() < entry.retryAtMs) return;
    const started = this.flights.refresh(plan, () => {
      this.refreshFailures += 1;
      entry.retryAtMs = this.clock.monotonicMs() + REFRESH_RETRY_MS;
    });
    if (started) this.refreshes += 1;
  }

  private refuse(reason: RefusalReason, family: CacheFamily, key: string): void {
    family.refused += 1;
    this.refused[reason] = (this.refused[reason] ?? 0) + 1;
    if (reason === 'over-cap' || family.loggedRefusals.has(reason)) return;
    family.loggedRefusals.add(reason);
    this.logger.warn(
      `A value for "${key.slice(0, 32)}…" is not kept: ${reason}. Logged once a family and reason.`,
    );
  }

  private record(name: CacheAction['name'], cause: string, freedBytes: number): void {
    this.lastAction = Object.freeze({ name, cause, freedBytes, at: this.clock.now() });
    this.logger.log(`Server cache ${name} (${cause}): ${freedBytes} bytes freed, ${this.usedBytes} held.`);
  }

  /** Brings the byte account up to date. */
  private settle(): void {
    this.account.usedBytes = this.usedBytes;
  }
}

/** A duration that is no number, or negative, is none: nothing may live for ever by mistake. */
const term = (durationMs: number): number => Math.max(0, durationMs) || 0;
