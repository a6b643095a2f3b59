import { Inject, Injectable, Logger } from '@nestjs/common';
import { isPlimsollError } from '../../errors/index.js';
import { ImageMemoryManager } from '../../image-memory/index.js';
import {
  OBJECT_STORE,
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
} from '../../object-storage/index.js';
import { ServerCache } from '../../server-cache/index.js';
import type { Freshness } from './freshness.js';
import { fromObjectInfo, toAttributes, type SourceRecord } from './source-record.js';

/** How long a record stays in the metadata cache, ms (chosen; the store answers afterwards). */
const RECORD_TTL_MS = 3_600_000;

const cacheKey = (key: ObjectKey): string => `source:${key}`;

/** Records of originals and uploads: the metadata cache in front of the store. The one place that invalidates what is derived from a source. */
@Injectable()
export class SourceRecords {
  private readonly logger = new Logger(SourceRecords.name);

  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly cache: ServerCache,
    private readonly imageMemory: ImageMemoryManager,
  ) {}

  /** Without touching the store. */
  peek(key: ObjectKey): SourceRecord | undefined {
    return this.cache.get<SourceRecord>(cacheKey(key));
  }

  /** `undefined` when the store has no such object. A store that cannot answer throws `storage-unavailable`. */
  async find(key: ObjectKey): Promise<SourceRecord | undefined> {
    const cached = this.peek(key);
    if (cached !== undefined) return cached;
    const info = await this.store.head(key);
    const record = info === null ? undefined : fromObjectInfo(info);
    if (record !== undefined) this.remember(record);
    return record;
  }

  /** Is this what is known of the source now? `false` when it was deleted, or has other bytes by now. */
  async isCurrent({ key, sha256 }: SourceRecord): Promise<boolean> {
    const known = await this.find(key).catch(() => undefined);
    return known?.sha256 === sha256;
  }

  /** Takes note of a record. Variants in memory that were made from other bytes are dropped. */
  remember(record: SourceRecord): void {
    // Asked of the variants, not of the record before: that one may have been evicted meanwhile.
    const outdated = this.imageMemory
      .variantsOf(record.key)
      .some(({ entry }) => entry.attributes['sourceSha256'] !== record.sha256);
    if (outdated) this.imageMemory.deleteBySource(record.key);
    this.cache.set(cacheKey(record.key), record, { ttlMs: RECORD_TTL_MS });
  }

  /** The origin confirmed the bytes: the record, the stored object and the variants in memory live on. */
  async refresh(record: SourceRecord, freshness: Freshness): Promise<SourceRecord> {
    const renewed = Object.freeze({ ...record, ...freshness });
    this.remember(renewed);
    for (const { key } of this.imageMemory.variantsOf(record.key)) {
      this.imageMemory.update(key, { freshUntil: renewed.freshUntil, staleUntil: renewed.staleUntil });
    }
    try {
      await this.store.setAttributes(record.key, toAttributes(renewed));
    } catch (error) {
      // All that is lost is that the origin will be asked again after a restart.
      const reason = error instanceof Error ? error.message : String(error);
      if (!isPlimsollError(error, 'read-only'))
        this.logger.warn(`Freshness of ${record.key} is not kept: ${reason}`);
    }
    return renewed;
  }

  /** Forgets what the caches derived from a source; the store is left alone. */
  forget(key: ObjectKey): void {
    this.cache.delete(cacheKey(key));
    this.imageMemory.deleteBySource(key);
  }

  /** Removes the source itself and what was derived from it in memory; a read-only store keeps the source. */
  async remove(key: ObjectKey): Promise<boolean> {
    this.forget(key);
    try {
      return await this.store.delete(key);
    } catch (error) {
      if (isPlimsollError(error, 'read-only')) return false;
      throw error;
    } finally {
      // Once more, for what was read between the two.
      this.forget(key);
    }
  }

  /** Makes the record of an object that was just stored and remembers it. */
  adopt(info: ObjectInfo, facts: Parameters<typeof toAttributes>[0]): SourceRecord {
    const record: SourceRecord = Object.freeze({
      ...facts,
      key: info.key,
      sha256: info.sha256,
      bytes: info.bytes,
      contentType: info.contentType,
      createdAt: info.createdAt,
    });
    this.remember(record);
    return record;
  }
}
