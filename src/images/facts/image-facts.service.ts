import { Inject, Injectable } from '@nestjs/common';
import { ImageMemoryManager, SingleFlight } from '../../image-memory/index.js';
import { CLOCK, type Clock } from '../../clock/index.js';
import { ServerCache } from '../../server-cache/index.js';
import type { ImageSource } from '../image-request.js';
import { RequestCharges } from '../request-charges.js';
import type { RequestContext, RequestTiming } from '../request-context.js';
import { SourceLoader, type LoadedSource } from '../sources/source-loader.js';
import { FOREVER, type SourceRecord } from '../sources/source-record.js';
import { makePlaceholder, placeholderOperation, type Placeholder } from '../transform/placeholder.js';
import { NativeWork } from '../work/native-work.js';

/** What a client may know of a source. Sizes are as displayed: EXIF orientation applied. */
export interface ImageMetadata {
  readonly format: string;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
  readonly pages: number;
  readonly hasAlpha: boolean;
  readonly orientation: number;
  readonly bytes: number;
  readonly sha256: string;
  /** When it was stored, ISO 8601. */
  readonly storedAt: string;
  /** When its freshness ends, ISO 8601; `null` for an upload, which never changes. */
  readonly freshUntil: string | null;
}

/** A placeholder stays in the metadata cache this long, ms; it costs a decode and depends on the bytes alone. */
const PLACEHOLDER_TTL_MS = 7 * 86_400_000;

/** EXIF orientations from 5 on lie on their side. */
const FIRST_SIDEWAYS_ORIENTATION = 5;

/** Metadata and placeholders of sources. */
@Injectable()
export class ImageFactsService {
  private readonly flights: SingleFlight;

  constructor(
    @Inject(CLOCK) clock: Clock,
    private readonly charges: RequestCharges,
    private readonly imageMemory: ImageMemoryManager,
    private readonly sources: SourceLoader,
    private readonly cache: ServerCache,
    private readonly native: NativeWork,
  ) {
    this.flights = new SingleFlight(clock);
  }

  async metadata(
    source: ImageSource,
    context: RequestContext,
    timing: RequestTiming,
  ): Promise<{ metadata: ImageMetadata; record: SourceRecord }> {
    const { record } = await this.load(source, context, timing);
    return { metadata: toMetadata(record), record };
  }

  async placeholder(
    source: ImageSource,
    context: RequestContext,
    timing: RequestTiming,
  ): Promise<{ placeholder: Placeholder; record: SourceRecord }> {
    const loaded = await this.load(source, context, timing);
    const key = `placeholder:${loaded.record.sha256}`;
    const cached = this.cache.get<Placeholder>(key);
    if (cached !== undefined) return { placeholder: cached, record: loaded.record };
    if (!this.imageMemory.shouldAllowImageOperations()) throw this.imageMemory.refusal();
    const { value } = await this.flights.run(
      key,
      (signal) => this.make(source, loaded, { ...context, signal }, timing),
      {
        signal: context.signal,
      },
    );
    this.cache.set(key, value, { ttlMs: PLACEHOLDER_TTL_MS });
    return { placeholder: value, record: loaded.record };
  }

  private make(
    source: ImageSource,
    loaded: LoadedSource,
    { class: work, signal }: RequestContext,
    timing: RequestTiming,
  ): Promise<Placeholder> {
    const { header } = loaded.record;
    const operation = placeholderOperation(header);
    return this.native.run(
      { name: 'image.placeholder', source, loaded, operation, class: work, signal, timing },
      (input) => makePlaceholder(input, header),
    );
  }

  private async load(
    source: ImageSource,
    context: RequestContext,
    timing: RequestTiming,
  ): Promise<LoadedSource> {
    const usable = await this.sources.findUsable(source);
    if (usable !== undefined) return usable;
    await this.charges.charge(context);
    return this.sources.load(source, context.signal, timing);
  }
}

export function toMetadata(record: SourceRecord): ImageMetadata {
  const { header } = record;
  const sideways = header.orientation >= FIRST_SIDEWAYS_ORIENTATION;
  return {
    format: header.format,
    contentType: record.contentType,
    width: sideways ? header.height : header.width,
    height: sideways ? header.width : header.height,
    pages: header.pages,
    hasAlpha: header.hasAlpha,
    orientation: header.orientation,
    bytes: record.bytes,
    sha256: record.sha256,
    storedAt: new Date(record.createdAt).toISOString(),
    freshUntil: record.freshUntil === FOREVER ? null : new Date(record.freshUntil).toISOString(),
  };
}
