import { Inject, Injectable, Logger } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { AsyncOperationsMonitor, BackgroundTasks } from '../../async-ops/index.js';
import { CLOCK, type Clock } from '../../clock/index.js';
import { SETTINGS, type Settings } from '../../config/index.js';
import { isPlimsollError, PlimsollError, redactUrl, type ErrorCode } from '../../errors/index.js';
import { ImageMemoryManager, isAtLeast, SingleFlight } from '../../image-memory/index.js';
import {
  OBJECT_STORE,
  type ObjectKey,
  type LocalObject,
  type ObjectStore,
  type Spool,
} from '../../object-storage/index.js';
import { RemoteFetcher, type FetchOutcome } from '../../remote-fetch/index.js';
import { ServerCache } from '../../server-cache/index.js';
import type { ImageSource } from '../image-request.js';
import { probeHeader, probeLimits } from '../probe/probe-header.js';
import type { RequestTiming } from '../request-context.js';
import { freshnessOf } from './freshness.js';
import { CONTENT_TYPES, sourceKey, toAttributes, type SourceRecord } from './source-record.js';
import { SourceRecords } from './source-records.js';
import { StoreWriter } from './store-writer.js';

type RemoteSource = Extract<ImageSource, { kind: 'remote' }>;

/** A source that exists, and its bytes when this very request fetched them, or brings them, and they are small. */
export interface LoadedSource {
  readonly record: SourceRecord;
  readonly bytes?: Buffer;
  /** The origin's freshness has run out and it was not asked, or did not answer. */
  readonly stale: boolean;
}

/** What the fetcher asks origins for: what the decoder reads, the rest as a last choice. */
const ACCEPT =
  'image/avif,image/webp,image/png,image/jpeg,image/gif,image/tiff,image/svg+xml;q=0.8,*/*;q=0.5';

/** Faults of the bytes that will not heal until the origin changes them: remembered as briefly as a failed fetch. */
const BAD_BYTES: readonly ErrorCode[] = ['not-an-image', 'undecodable-image', 'image-too-many-pixels'];

/** Finds the original of a request: in the store, else by one guarded fetch that all who ask at once share. */
@Injectable()
export class SourceLoader {
  private readonly logger = new Logger(SourceLoader.name);
  private readonly flights: SingleFlight;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly records: SourceRecords,
    private readonly writer: StoreWriter,
    private readonly fetcher: RemoteFetcher,
    private readonly cache: ServerCache,
    private readonly operations: AsyncOperationsMonitor,
    private readonly tasks: BackgroundTasks,
    private readonly imageMemory: ImageMemoryManager,
  ) {
    this.flights = new SingleFlight(clock);
  }

  /**
   * The record if it is known and needs no fetch before it is used. A stale one is revalidated behind the answer,
   * which is also how an origin that is down is bridged: up to `staleUntil`, never longer.
   */
  async findUsable(source: ImageSource): Promise<LoadedSource | undefined> {
    const record = await this.find(sourceKey(source));
    if (record === undefined) return undefined;
    const now = this.clock.now();
    if (now < record.freshUntil) return { record, stale: false };
    if (now >= record.staleUntil || source.kind === 'upload') return undefined;
    // Who made it sees to it that it is made again.
    if (source.kind === 'derived') return { record, stale: true };
    // Background work pauses from `coordinate` up; what is stale meanwhile is served as such.
    if (!isAtLeast(this.imageMemory.level(), 'coordinate')) {
      this.tasks.detach(this.revalidate(source, record), 'image.revalidate');
    }
    return { record, stale: true };
  }

  /**
   * The source, fetched if need be.
   *
   * @throws PlimsollError `image-not-found` for an unknown upload, or a derived picture that is gone; the fetcher's codes for a remote source.
   */
  async load(source: ImageSource, signal: AbortSignal, timing: RequestTiming): Promise<LoadedSource> {
    const usable = await this.findUsable(source);
    if (usable !== undefined) return usable;
    if (source.kind !== 'remote')
      throw new PlimsollError('image-not-found', 'No image with this id is stored here.');
    const known = await this.find(sourceKey(source));
    const startedMs = this.clock.monotonicMs();
    try {
      const { value } = await this.flights.run(
        sourceKey(source),
        (work) => this.fetchAndKeep(source, known, work),
        { signal },
      );
      return value;
    } finally {
      timing.add('fetch', this.clock.monotonicMs() - startedMs);
    }
  }

  /** A record that left the metadata cache while its object is still being written is found once it is there. */
  private async find(key: ObjectKey): Promise<SourceRecord | undefined> {
    const cached = this.records.peek(key);
    if (cached !== undefined) return cached;
    await this.writer.settled(key);
    return this.records.find(key);
  }

  /** Loads again after the store has lost or dropped the bytes. */
  async reload(source: ImageSource, signal: AbortSignal, timing: RequestTiming): Promise<LoadedSource> {
    this.records.forget(sourceKey(source));
    return this.load(source, signal, timing);
  }

  /** The stored bytes as a file, verified, once their write has ended; `null` when the store has lost them. */
  async open(record: SourceRecord): Promise<LocalObject | null> {
    await this.writer.settled(record.key);
    return this.store.openLocal(record.key);
  }

  /** See {@link SourceRecords.isCurrent}. */
  async isCurrent(record: SourceRecord): Promise<boolean> {
    return this.records.isCurrent(record);
  }

  /** Remembers for a short while that the bytes of this source cannot be used; the stored original goes. */
  async condemn(source: ImageSource, error: PlimsollError): Promise<void> {
    if (source.kind === 'upload') return;
    if (source.kind === 'remote') this.rememberBad(source, error);
    await this.writer.settled(sourceKey(source));
    await this.records.remove(sourceKey(source));
  }

  private async revalidate(source: RemoteSource, record: SourceRecord): Promise<void> {
    try {
      await this.flights.run(sourceKey(source), (work) => this.fetchAndKeep(source, record, work), {});
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.logger.debug(`Revalidation of ${redactUrl(source.url)} failed: ${reason}`);
    }
  }

  private async fetchAndKeep(
    source: RemoteSource,
    known: SourceRecord | undefined,
    signal: AbortSignal,
  ): Promise<LoadedSource> {
    this.throwIfRememberedBad(source);
    const outcome = await this.fetch(source, known, signal);
    try {
      return await this.keep(source, known, outcome);
    } catch (error) {
      if (isPlimsollError(error, ...BAD_BYTES)) this.rememberBad(source, error);
      throw error;
    } finally {
      if (outcome.kind === 'sink') await outcome.sink.discard();
    }
  }

  private async fetch(
    source: RemoteSource,
    known: SourceRecord | undefined,
    signal: AbortSignal,
  ): Promise<FetchOutcome<Spool>> {
    const { IMAGE_TIMEOUT_MS, IMAGE_STREAM_THRESHOLD_BYTES, MAX_IMAGE_SIZE_BYTES, QUEUE_DEADLINE_MS } =
      this.settings.values;
    const validators = known === undefined ? undefined : validatorsOf(known);
    try {
      return await this.operations.monitoredAsync(
        'images',
        'image.fetch',
        (work) =>
          this.fetcher.fetch<Spool>({
            url: source.url,
            accept: ACCEPT,
            maxBytes: MAX_IMAGE_SIZE_BYTES,
            memoryThresholdBytes: IMAGE_STREAM_THRESHOLD_BYTES,
            openSink: () => this.store.createSpool(),
            timeoutMs: IMAGE_TIMEOUT_MS,
            queueTimeoutMs: QUEUE_DEADLINE_MS,
            signal: work,
            ...(validators === undefined ? {} : { validators }),
          }),
        { metadata: { url: source.url }, signal },
      );
    } catch (error) {
      if (known !== undefined && isPlimsollError(error, 'origin-not-found', 'origin-gone')) {
        await this.writer.settled(known.key);
        await this.records.remove(known.key);
      }
      throw error;
    }
  }

  private async keep(
    source: RemoteSource,
    known: SourceRecord | undefined,
    outcome: FetchOutcome<Spool>,
  ): Promise<LoadedSource> {
    const freshness = freshnessOf(outcome.headers, this.clock.now(), this.settings);
    if (outcome.kind === 'not-modified') {
      if (known === undefined)
        throw new PlimsollError('origin-error', 'The origin answered 304 to an unconditional request.');
      return { record: await this.records.refresh(known, freshness), stale: false };
    }
    const input = outcome.kind === 'memory' ? outcome.bytes : outcome.sink.path;
    const header = await probeHeader(input, probeLimits(this.settings));
    const facts = {
      header,
      ...freshness,
      ...(outcome.headers.etag === undefined ? {} : { etag: outcome.headers.etag }),
      ...(outcome.headers['last-modified'] === undefined
        ? {}
        : { lastModified: outcome.headers['last-modified'] }),
    };
    const key = sourceKey(source);
    const options = { contentType: CONTENT_TYPES[header.format], attributes: toAttributes(facts) };
    if (outcome.kind === 'sink') {
      const info = await this.store.commit(outcome.sink, key, options);
      if (!info.stored) throw noRoom(header.bytes);
      return { record: this.records.adopt(info, facts), stale: false };
    }
    await this.writer.write(key, outcome.bytes, options);
    const info = {
      key,
      bytes: outcome.bytes.length,
      sha256: createHash('sha256').update(outcome.bytes).digest('hex'),
      contentType: options.contentType,
      createdAt: this.clock.now(),
      attributes: options.attributes,
    };
    return { record: this.records.adopt(info, facts), bytes: outcome.bytes, stale: false };
  }

  private rememberBad(source: RemoteSource, error: PlimsollError): void {
    const ttlMs = this.settings.values.NEGATIVE_CACHE_TTL_MS;
    if (ttlMs > 0) this.cache.set(badKey(source), { code: error.code, message: error.message }, { ttlMs });
  }

  private throwIfRememberedBad(source: RemoteSource): void {
    const bad = this.cache.get<{ code: ErrorCode; message: string }>(badKey(source));
    if (bad !== undefined) throw new PlimsollError(bad.code, bad.message);
  }
}

const noRoom = (bytes: number): PlimsollError =>
  new PlimsollError(
    'storage-unavailable',
    `The store has no room for this source of ${bytes} bytes (STORE_MAX_BYTES).`,
    { retryAfterSeconds: 30 },
  );

const badKey = (source: RemoteSource): string => `bad-source:${sourceKey(source)}`;

function validatorsOf(record: SourceRecord): { etag?: string; lastModified?: string } | undefined {
  if (record.etag === undefined && record.lastModified === undefined) return undefined;
  return {
    ...(record.etag === undefined ? {} : { etag: record.etag }),
    ...(record.lastModified === undefined ? {} : { lastModified: record.lastModified }),
  };
}
