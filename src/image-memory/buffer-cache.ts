import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock/index.js';
import type { DisposeReason, EventBus, RejectReason } from '../events/index.js';
import type { ByteAccount, ByteAccounts } from '../process-memory/index.js';
import { weighEntry, type FreshnessPatch, type ImageEntry } from './image-entry.js';
import { SourceIndex } from './source-index.js';

export interface BufferCacheOptions {
  readonly budgetBytes: number;
  /** Largest buffer that is kept (`MAX_IMAGE_SIZE_BYTES`). */
  readonly maxEntryBytes: number;
  readonly clock: Clock;
  readonly bus: Pick<EventBus, 'emit'>;
  readonly accounts: Pick<ByteAccounts, 'open'>;
}

export interface SetOptions {
  /**
   * The caller gives its buffer away. It is then kept as it is, without a copy, but only when it owns its whole
   * memory; a view of something larger is copied all the same.
   */
  readonly adopt?: boolean;
}

export interface BufferCacheSnapshot {
  readonly entries: number;
  readonly usedBytes: number;
  readonly budgetBytes: number;
  /** The cap that the ladder holds, `null` without one. */
  readonly capBytes: number | null;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly rejections: number;
  readonly disposed: Readonly<Record<DisposeReason, number>>;
}

/** A slot outlives its entry's freshness: renewing it is neither a use nor a replacement. */
interface Slot {
  entry: ImageEntry;
  readonly weightBytes: number;
}

/** Name of the cache's byte account. */
export const IMAGE_CACHE_ACCOUNT = 'image-cache';

/**
 * Pictures in memory: LRU within a budget of bytes. Each kept buffer is a private copy of exactly its size, so that
 * what is counted is what is held: a small view would pin the slab or the download that it was cut from.
 *
 * Emits `image-disposed` for whatever leaves and `buffer-rejected` for whatever is not let in, after the cache has
 * come to rest, so that a listener may call it. Never throws on a refusal.
 */
export class BufferCache {
  readonly budgetBytes: number;
  private readonly lru: LRUCache<string, Slot>;
  private readonly bySource = new SourceIndex();
  private readonly account: ByteAccount;
  private readonly disposed: Record<DisposeReason, number> = {
    evict: 0,
    delete: 0,
    replace: 0,
    flush: 0,
    expire: 0,
  };
  private departures: { key: string; size: number; reason: DisposeReason }[] = [];
  private reason: DisposeReason = 'delete';
  private capBytes: number | null = null;
  private hits = 0;
  private misses = 0;
  private rejections = 0;

  constructor(private readonly options: BufferCacheOptions) {
    this.budgetBytes = options.budgetBytes;
    this.account = options.accounts.open(IMAGE_CACHE_ACCOUNT, options.budgetBytes);
    this.lru = new LRUCache({
      // The library refuses 0; nothing gets past `limitBytes` in that case.
      maxSize: Math.max(1, options.budgetBytes),
      sizeCalculation: (slot) => slot.weightBytes,
      dispose: (slot, key, why) => this.noteDeparture(key, slot, why),
    });
  }

  /** Bytes that count against the budget: entries, keys and overhead. */
  get usedBytes(): number {
    return this.lru.calculatedSize;
  }

  get size(): number {
    return this.lru.size;
  }

  /** What it may hold now: the budget, or the cap if that is lower. */
  get limitBytes(): number {
    return Math.min(this.budgetBytes, this.capBytes ?? Infinity);
  }

  /** The entry, as a use: it becomes the youngest. Past `staleUntil` it is dropped and counts as a miss. */
  get(key: string): ImageEntry | undefined {
    const slot = this.lru.get(key);
    if (slot !== undefined && this.options.clock.now() < slot.entry.staleUntil) {
      this.hits += 1;
      return slot.entry;
    }
    this.misses += 1;
    if (slot !== undefined) this.remove([key], 'expire');
    return undefined;
  }

  /** The entry without counting it as used. */
  peek(key: string): ImageEntry | undefined {
    const slot = this.lru.peek(key);
    return slot !== undefined && this.options.clock.now() < slot.entry.staleUntil ? slot.entry : undefined;
  }

  /**
   * Keeps a copy of the entry and makes room for it. `false` when it is too large for the limit or the budget
   * (`size-limit`) or for the cap that the ladder holds (`pressure`); an older entry under the key is then gone too.
   */
  set(key: string, entry: ImageEntry, options: SetOptions = {}): boolean {
    const weightBytes = weighEntry(key, entry);
    const refusal = this.refusalOf(entry.bytes.length, weightBytes);
    if (refusal !== undefined) {
      this.remove([key], 'replace');
      this.rejections += 1;
      this.options.bus.emit('buffer-rejected', { key, size: entry.bytes.length, reason: refusal });
      return false;
    }
    const kept = Object.freeze({
      ...entry,
      bytes: options.adopt === true ? ownWhole(entry.bytes) : copyOf(entry.bytes),
      attributes: Object.freeze({ ...entry.attributes }),
    });
    const replacedBytes = this.lru.peek(key)?.weightBytes ?? 0;
    if (replacedBytes > 0) this.lru.get(key); // the youngest now, so that making room does not evict it first
    this.shrinkTo(this.limitBytes - weightBytes + replacedBytes);
    this.lru.set(key, { entry: kept, weightBytes });
    this.bySource.add(kept.sourceKey, key);
    this.settle();
    return true;
  }

  /** Changes the freshness of an entry. No use, no event, no change of weight. `false` when it is not there. */
  update(key: string, patch: FreshnessPatch): boolean {
    const slot = this.lru.peek(key);
    if (slot === undefined) return false;
    slot.entry = Object.freeze({
      ...slot.entry,
      freshUntil: patch.freshUntil ?? slot.entry.freshUntil,
      staleUntil: patch.staleUntil ?? slot.entry.staleUntil,
    });
    return true;
  }

  delete(key: string): boolean {
    return this.remove([key], 'delete') > 0;
  }

  /** Drops everything that was made from this source; returns how many entries went. */
  deleteBySource(sourceKey: string): number {
    return this.remove(this.bySource.keysOf(sourceKey), 'delete');
  }

  /** The entries made from this source that may still be served; not counted as used. */
  variantsOf(sourceKey: string): readonly { readonly key: string; readonly entry: ImageEntry }[] {
    return this.bySource.keysOf(sourceKey).flatMap((key) => {
      const entry = this.peek(key);
      return entry === undefined ? [] : [{ key, entry }];
    });
  }

  /** Drops everything; returns the bytes freed. The cap stays. */
  clear(): number {
    const freedBytes = this.usedBytes;
    this.reason = 'flush';
    this.lru.clear();
    this.reason = 'delete';
    this.settle();
    return freedBytes;
  }

  /** Evicts by last use until at most `bytes` are held; returns the bytes freed. */
  evictTo(bytes: number): number {
    const beforeBytes = this.usedBytes;
    this.shrinkTo(bytes);
    this.settle();
    return beforeBytes - this.usedBytes;
  }

  /** Holds the cache at or under `bytes` until the next call; `null` lifts it. Evicts nothing by itself. */
  setCap(bytes: number | null): void {
    this.capBytes = bytes;
  }

  snapshot(): BufferCacheSnapshot {
    return {
      entries: this.size,
      usedBytes: this.usedBytes,
      budgetBytes: this.budgetBytes,
      capBytes: this.capBytes,
      hits: this.hits,
      misses: this.misses,
      evictions: this.disposed.evict,
      rejections: this.rejections,
      disposed: { ...this.disposed },
    };
  }

  /** Drops everything and closes the account; the cache is not used afterwards. */
  close(): void {
    this.clear();
    this.account.close();
  }

  /**
   * What does not hold, one sentence each: for tests, after every step.
   *
   * @internal
   */
  brokenInvariants(): readonly string[] {
    const broken: string[] = [];
    let sumBytes = 0;
    let indexed = 0;
    for (const [key, { entry, weightBytes }] of this.lru.entries()) {
      sumBytes += weightBytes;
      if (entry.bytes.buffer.byteLength !== entry.bytes.byteLength)
        broken.push(`${key} is a view of a larger buffer`);
      if (weighEntry(key, entry) !== weightBytes) broken.push(`${key} no longer weighs what was counted`);
      if (!Object.isFrozen(entry) || !Object.isFrozen(entry.attributes)) broken.push(`${key} is not frozen`);
      if (this.bySource.keysOf(entry.sourceKey).includes(key)) indexed += 1;
    }
    if (sumBytes !== this.usedBytes)
      broken.push(`entries weigh ${sumBytes}, the counter says ${this.usedBytes}`);
    if (this.account.usedBytes !== sumBytes)
      broken.push(`the account says ${this.account.usedBytes}, not ${sumBytes}`);
    if (sumBytes > this.budgetBytes)
      broken.push(`${sumBytes} bytes are over the budget of ${this.budgetBytes}`);
    if (indexed !== this.size || this.bySource.size !== this.size)
      broken.push('the index by source is not exact');
    return broken;
  }

  private refusalOf(sizeBytes: number, weightBytes: number): RejectReason | undefined {
    if (sizeBytes > this.options.maxEntryBytes || weightBytes > this.budgetBytes) return 'size-limit';
    return weightBytes > this.limitBytes ? 'pressure' : undefined;
  }

  private remove(keys: readonly string[], reason: DisposeReason): number {
    this.reason = reason;
    const removed = keys.filter((key) => this.lru.delete(key)).length;
    this.reason = 'delete';
    this.settle();
    return removed;
  }

  private shrinkTo(bytes: number): void {
    while (this.lru.size > 0 && this.lru.calculatedSize > bytes) this.lru.pop();
  }

  private noteDeparture(key: string, { entry }: Slot, why: LRUCache.DisposeReason): void {
    const reason = why === 'evict' ? 'evict' : why === 'set' ? 'replace' : this.reason;
    this.bySource.remove(entry.sourceKey, key);
    this.disposed[reason] += 1;
    this.departures.push({ key, size: entry.bytes.length, reason });
  }

  /** Brings the account up to date, then tells who left. */
  private settle(): void {
    this.account.usedBytes = this.usedBytes;
    if (this.departures.length === 0) return;
    const departures = this.departures;
    this.departures = [];
    for (const departure of departures) this.options.bus.emit('image-disposed', departure);
  }
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  copy.set(bytes);
  return copy;
}

const ownWhole = (bytes: Buffer): Buffer =>
  bytes.buffer.byteLength === bytes.byteLength ? bytes : copyOf(bytes);
