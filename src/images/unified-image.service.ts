import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import { PlimsollError } from '../errors/index.js';
import { ImageMemoryManager, type ImageEntry } from '../image-memory/index.js';
import {
  OBJECT_STORE,
  type ByteRange,
  type ObjectInfo,
  type ObjectStore,
  type OpenObject,
} from '../object-storage/index.js';
import type { CacheOutcome } from './delivery/response-headers.js';
import { etagOf } from './delivery/etag.js';
import type { ImageRequest } from './image-request.js';
import { RequestCharges } from './request-charges.js';
import type { RequestContext, RequestTiming } from './request-context.js';
import type { Freshness } from './sources/freshness.js';
import { SourceLoader, type LoadedSource } from './sources/source-loader.js';
import { sourceKey, type SourceRecord } from './sources/source-record.js';
import { FormatChooser, type VariantChoice } from './variants/format-chooser.js';
import { nearestVariant } from './variants/nearest-variant.js';
import { VariantMaker, variantObjectKey } from './variants/variant-maker.js';

/** The store said it had a variant and could not read it. */
const LOST = new Error('The stored variant is gone.');

/** An answer as data: bytes in memory, or a stored object to be streamed. */
export interface ImageAnswer extends Freshness {
  readonly outcome: CacheOutcome;
  readonly contentType: string;
  readonly etag: string;
  readonly bytes: number;
  readonly body:
    | { readonly kind: 'buffer'; readonly buffer: Buffer }
    | { readonly kind: 'stored'; readonly open: (range?: ByteRange) => Promise<OpenObject | null> };
  /** Key in the buffer cache when it was answered from, or into, memory. */
  readonly variantKey: string | undefined;
  readonly facts: ObjectInfo['attributes'];
  readonly record: SourceRecord;
}

/**
 * One image request, as data (DESIGN section 5): variant in memory, in the store, else made from the original,
 * which is in the store, else fetched. Sharing happens twice: one fetch per source, one transform per variant.
 */
@Injectable()
export class UnifiedImageService {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly charges: RequestCharges,
    private readonly imageMemory: ImageMemoryManager,
    private readonly sources: SourceLoader,
    private readonly formats: FormatChooser,
    private readonly maker: VariantMaker,
  ) {}

  /**
   * `known` is the source where the caller has it already; it is then not looked for.
   *
   * @throws PlimsollError with the codes of the fetcher, the probe, the decoder and of admission; `image-not-found`
   *   for an unknown upload and for a derived picture that is gone: whoever made it makes it again
   */
  async get(
    request: ImageRequest,
    context: RequestContext,
    timing: RequestTiming,
    known?: LoadedSource,
  ): Promise<ImageAnswer> {
    const usable = known ?? (await this.sources.findUsable(request.source));
    if (usable !== undefined) {
      const stored = await this.fromCaches(request, usable, context, timing);
      if (stored !== undefined) return stored;
    }
    await this.charges.charge(context);
    const standIn = this.refuseOrStandIn(request, usable);
    if (standIn !== undefined) return standIn;
    const loaded = usable ?? (await this.sources.load(request.source, context.signal, timing));
    if (this.passesThrough(request, loaded.record))
      return this.original(request, loaded, context, timing, usable === undefined);
    if (usable === undefined) {
      // The variant may have outlived the record: a restart, or a revalidated source.
      const stored = await this.fromCaches(request, loaded, context, timing);
      if (stored !== undefined) return stored;
    }
    return this.make(request, loaded, context, timing);
  }

  /** What the stored variant or original already answers, without any work on images. */
  private async fromCaches(
    request: ImageRequest,
    loaded: LoadedSource,
    context: RequestContext,
    timing: RequestTiming,
  ): Promise<ImageAnswer | undefined> {
    const { record, stale } = loaded;
    if (this.passesThrough(request, record)) return this.original(request, loaded, context, timing);
    const choices = this.formats.choices(request, record, context.accept);
    for (const { key } of choices) {
      // Who has to load it counts the miss.
      const entry = this.imageMemory.peek(key) === undefined ? undefined : this.imageMemory.get(key);
      if (entry !== undefined) return fromEntry(entry, record, key, { kind: 'memory', stale });
    }
    const startedMs = this.clock.monotonicMs();
    for (const { key } of choices) {
      const info = await this.store.head(variantObjectKey(key));
      const answer = info === null ? undefined : await this.fromStore(key, info, loaded, context);
      timing.add('store', this.clock.monotonicMs() - startedMs);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  /** A stored variant: into memory when somebody waits for it and the line allows, else streamed past it. */
  private async fromStore(
    key: string,
    info: ObjectInfo,
    { record, stale }: LoadedSource,
    { signal, class: work }: RequestContext,
  ): Promise<ImageAnswer | undefined> {
    const lease =
      work === 'background'
        ? null
        : this.imageMemory.tryReserve({ bytes: info.bytes, class: work, label: 'store read', job: false });
    if (lease === null)
      return fromStored(info, record, key, stale, (range) => this.store.openRead(info.key, range));
    try {
      const { entry } = await this.imageMemory.getOrLoad(key, () => this.readStored(info, record), {
        signal,
      });
      // It may have been deleted after it was found and before it was read.
      if (!(await this.sources.isCurrent(record))) this.imageMemory.delete(key);
      return fromEntry(entry, record, key, { kind: 'store', stale });
    } catch (error) {
      if (error === LOST) return undefined;
      throw error;
    } finally {
      lease.release();
    }
  }

  /** @throws LOST when the store has dropped it */
  private async readStored(info: ObjectInfo, record: SourceRecord): Promise<ImageEntry> {
    const read = await this.store.read(info.key);
    if (read === null) throw LOST;
    return Object.freeze({
      bytes: read.bytes,
      contentType: read.info.contentType,
      etag: etagOf(read.info.sha256),
      sourceKey: record.key,
      freshUntil: record.freshUntil,
      staleUntil: record.staleUntil,
      attributes: read.info.attributes,
    });
  }

  private async make(
    request: ImageRequest,
    loaded: LoadedSource,
    context: RequestContext,
    timing: RequestTiming,
  ): Promise<ImageAnswer> {
    const choice = this.formats.choices(request, loaded.record, context.accept).at(-1) as VariantChoice;
    const { key } = choice;
    const { stale } = loaded;
    const order = { source: request.source, choice, class: context.class };
    if (context.class === 'background') {
      // Not shared: whoever waits for an answer must not wait in the line of background work.
      const entry = await this.maker.make(order, loaded, context.signal, timing);
      return fromEntry(entry, loaded.record, key, { kind: 'miss', collapsed: false, stale });
    }
    const { entry, from } = await this.imageMemory.getOrLoad(
      key,
      (work) => this.maker.make(order, loaded, work, timing),
      { signal: context.signal },
    );
    return fromEntry(
      entry,
      loaded.record,
      key,
      from === 'memory'
        ? { kind: 'memory', stale }
        : { kind: 'miss', collapsed: from === 'coalesced', stale },
    );
  }

  /** Under pressure nothing is decoded: a nearby variant in memory stands in, else the work is refused before it starts. */
  private refuseOrStandIn(request: ImageRequest, usable: LoadedSource | undefined): ImageAnswer | undefined {
    if (this.imageMemory.shouldAllowImageOperations()) return undefined;
    if (usable !== undefined && this.passesThrough(request, usable.record)) return undefined;
    const key = sourceKey(request.source);
    const nearest = nearestVariant(this.imageMemory.variantsOf(key), request.parameters);
    if (nearest !== undefined && usable !== undefined) {
      return fromEntry(nearest.entry, usable.record, undefined, { kind: 'nearby' });
    }
    throw this.imageMemory.refusal();
  }

  /** `format=original` gives the stored bytes on; an SVG is never passed on as such. */
  private passesThrough(request: ImageRequest, record: SourceRecord): boolean {
    return request.parameters.format === 'original' && record.header.format !== 'svg';
  }

  /** `fetched`: this very request has fetched it. */
  private async original(
    request: ImageRequest,
    loaded: LoadedSource,
    context: RequestContext,
    timing: RequestTiming,
    fetched = false,
  ): Promise<ImageAnswer> {
    const present = loaded.bytes !== undefined || (await this.isStored(loaded.record));
    if (!present) return this.fetchAgain(request, context, timing);
    const { record, stale, bytes } = loaded;
    return {
      outcome: fetched ? { kind: 'miss' } : { kind: 'store', stale },
      contentType: record.contentType,
      etag: etagOf(record.sha256),
      bytes: record.bytes,
      body:
        bytes === undefined
          ? { kind: 'stored', open: (range) => this.store.openRead(record.key, range) }
          : { kind: 'buffer', buffer: bytes },
      variantKey: undefined,
      facts: {
        width: record.header.width,
        height: record.header.height,
        pages: record.header.pages,
        format: record.header.format,
        hasAlpha: record.header.hasAlpha,
      },
      record,
      freshUntil: record.freshUntil,
      staleUntil: record.staleUntil,
    };
  }

  /** Looked at before the head of the answer is out; afterwards nothing could be mended. */
  private async isStored(record: SourceRecord): Promise<boolean> {
    const local = await this.sources.open(record);
    local?.release();
    return local !== null;
  }

  /** The store has evicted, lost or dropped an original whose record was still known. */
  private async fetchAgain(
    request: ImageRequest,
    context: RequestContext,
    timing: RequestTiming,
  ): Promise<ImageAnswer> {
    if (!this.imageMemory.shouldAllowImageOperations()) throw this.imageMemory.refusal();
    await this.charges.charge(context);
    const again = await this.sources.reload(request.source, context.signal, timing);
    if (again.bytes === undefined && !(await this.isStored(again.record)))
      throw new PlimsollError('storage-unavailable', 'The stored image cannot be read; ask again.', {
        retryAfterSeconds: 5,
      });
    return this.original(request, again, context, timing, true);
  }
}

function fromEntry(
  entry: ImageEntry,
  record: SourceRecord,
  key: string | undefined,
  outcome: CacheOutcome,
): ImageAnswer {
  return {
    outcome,
    contentType: entry.contentType,
    etag: entry.etag,
    bytes: entry.bytes.length,
    body: { kind: 'buffer', buffer: entry.bytes },
    variantKey: key,
    facts: entry.attributes,
    record,
    freshUntil: record.freshUntil,
    staleUntil: record.staleUntil,
  };
}

function fromStored(
  info: ObjectInfo,
  record: SourceRecord,
  key: string,
  stale: boolean,
  open: (range?: ByteRange) => Promise<OpenObject | null>,
): ImageAnswer {
  return {
    outcome: { kind: 'store', stale },
    contentType: info.contentType,
    etag: etagOf(info.sha256),
    bytes: info.bytes,
    body: { kind: 'stored', open },
    variantKey: key,
    facts: info.attributes,
    record,
    freshUntil: record.freshUntil,
    staleUntil: record.staleUntil,
  };
}
