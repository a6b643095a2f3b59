import type { Clock } from '../clock/index.js';
import type { Generations } from './generations.js';
import { isEvictable, type ObjectIndex } from './object-index.js';
import { shardNumber, type ObjectId } from './object-paths.js';
import type { ObjectRecord } from './object-record.js';
import type { StoreSnapshot } from './object-store.js';
import type { RecordCache } from './record-cache.js';
import type { VerifiedMemo } from './verified-memo.js';

/** One data file: what a write replaces or a removal takes away. */
export interface DataFile {
  readonly generation: string;
  readonly bytes: number;
}

/** How often a last use goes to disk, at most, for one object. */
const USE_PERIOD_MS = 10 * 60_000;

/**
 * What this process knows about the files: the index of what can be made again, totals of uploads (which are
 * not indexed, so that their number costs no memory), recent records, verified checksums. Writers tell it after
 * each rename; until the start-up scan has ended it knows a part only, and says so.
 */
export class StoreCatalogue {
  private scanned = false;
  /** Uploads that this process wrote, and those that the scan found. */
  private readonly ownUploads = { count: 0, bytes: 0 };
  private foundUploads = { count: 0, bytes: 0 };
  /** Shards of uploads that the scan has counted. */
  private countedShards = 0;

  constructor(
    readonly index: ObjectIndex,
    readonly records: RecordCache,
    readonly verified: VerifiedMemo,
    private readonly generations: Generations,
    private readonly clock: Clock,
  ) {}

  /** Whether the index holds everything. */
  get complete(): boolean {
    return this.scanned;
  }

  /** Whether the object is certainly not there, without a look at the disk. */
  knownMissing(id: ObjectId): boolean {
    return this.scanned && isEvictable(id.kind) && !this.index.has(id.hash);
  }

  /** New bytes have been committed, in place of `old`. */
  published(id: ObjectId, record: ObjectRecord, old: readonly DataFile[]): void {
    this.records.set(id.hash, record);
    this.verified.add(record.generation);
    if (isEvictable(id.kind)) {
      this.index.set(id, record.generation, record.bytes, this.index.nextUse(this.clock.now()));
      return;
    }
    for (const file of old) this.discount(id, file);
    add(this.ownUploads, 1, record.bytes);
  }

  /** The record has been removed from disk. */
  removed(id: ObjectId, old: readonly DataFile[]): void {
    this.records.delete(id.hash);
    if (isEvictable(id.kind)) this.index.delete(id.hash);
    else for (const file of old) this.discount(id, file);
  }

  /** The index names a generation that the disk does not have. */
  forget(id: ObjectId, generation: string): void {
    if (this.index.get(id.hash)?.generation === generation) this.index.delete(id.hash);
  }

  /** Notes a use; `true` when it should also go to disk. */
  used(id: ObjectId, record: ObjectRecord): boolean {
    if (!isEvictable(id.kind)) return false;
    const now = this.clock.now();
    const before = this.index.touch(id.hash, now);
    if (before === null) {
      if (this.scanned) return false;
      this.index.set(id, record.generation, record.bytes, this.index.nextUse(now));
      return true;
    }
    return Math.floor(before / USE_PERIOD_MS) !== Math.floor(now / USE_PERIOD_MS);
  }

  /** A scan starts, perhaps again after one that failed: it counts all uploads of earlier starts. */
  scanBegins(): void {
    this.countedShards = 0;
    this.foundUploads = { count: 0, bytes: 0 };
  }

  /** The scan met an object that it had not heard of. */
  found(id: ObjectId, file: DataFile, lastUseMs: number): void {
    if (isEvictable(id.kind)) {
      const known = this.index.has(id.hash);
      if (!known) this.index.set(id, file.generation, file.bytes, Math.min(lastUseMs, this.clock.now()));
    } else if (!this.generations.isOwn(file.generation)) {
      add(this.foundUploads, 1, file.bytes);
    }
  }

  /** The scan is through with a shard of uploads; they come in ascending order. */
  countedShard(shard: number): void {
    this.countedShards = shard + 1;
  }

  scanEnded(): void {
    this.scanned = true;
    this.countedShards = Infinity;
  }

  totals(): StoreSnapshot['objects'] {
    return {
      uploads: {
        count: this.ownUploads.count + this.foundUploads.count,
        bytes: this.ownUploads.bytes + this.foundUploads.bytes,
      },
      originals: this.index.totals('originals'),
      variants: this.index.totals('variants'),
    };
  }

  private discount(id: ObjectId, file: DataFile): void {
    if (this.generations.isOwn(file.generation)) add(this.ownUploads, -1, -file.bytes);
    else if (shardNumber(id.hash) < this.countedShards) add(this.foundUploads, -1, -file.bytes);
  }
}

function add(totals: { count: number; bytes: number }, count: number, bytes: number): void {
  totals.count += count;
  totals.bytes += bytes;
}
