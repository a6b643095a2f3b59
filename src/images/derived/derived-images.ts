import { Inject, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { CLOCK, type Clock } from '../../clock/index.js';
import { SETTINGS, type Settings } from '../../config/index.js';
import {
  ImageMemoryManager,
  SMALLEST_ESTIMATE_BYTES,
  type ImageHeader,
  type LeaseClass,
} from '../../image-memory/index.js';
import {
  OBJECT_STORE,
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
} from '../../object-storage/index.js';
import { parseImageQuery } from '../parameters/parse-image-query.js';
import { probeHeader, probeLimits } from '../probe/probe-header.js';
import { sharp } from '../sharp-engine.js';
import type { Freshness } from '../sources/freshness.js';
import { CONTENT_TYPES, toAttributes, type SourceRecord } from '../sources/source-record.js';
import { SourceRecords } from '../sources/source-records.js';
import { StoreWriter } from '../sources/store-writer.js';
import { imageFailure } from '../transform/image-failure.js';
import { planTransform } from '../transform/plan-transform.js';
import { transformImage } from '../transform/transform-image.js';
import { NativeWork } from '../work/native-work.js';

/** For whom the work is done, and until when anybody wants it. */
export interface DerivedWork {
  readonly class: LeaseClass;
  readonly signal: AbortSignal;
}

/** A picture as a PNG that fits into a square, and what it was. */
export interface NormalisedPicture {
  /** A private buffer of exactly its length. */
  readonly png: Buffer;
  readonly width: number;
  readonly height: number;
  /** Of the source, before it was made smaller; an SVG has the size that it states. */
  readonly source: Pick<ImageHeader, 'format' | 'width' | 'height'>;
}

/**
 * Pictures that another room chooses or draws, as sources of `UnifiedImageService` (`{ kind: 'derived', key }`): that
 * room makes them, here they are decoded under the memory line, kept, and dropped with all that was made of them.
 */
@Injectable()
export class DerivedImages {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly imageMemory: ImageMemoryManager,
    private readonly native: NativeWork,
    private readonly records: SourceRecords,
    private readonly writer: StoreWriter,
  ) {}

  /**
   * Decodes the picture (its first frame) and makes a PNG of it, at most `side` pixels wide and high; an SVG is drawn
   * at that size. Type, dimensions and memory are looked at before a pixel is decoded.
   *
   * @throws PlimsollError `not-an-image`, `undecodable-image`, `image-too-many-pixels` (also over `maxPixels`);
   *   MemoryPressureError, MemoryBudgetExceededError, PlimsollError `server-busy`; OperationTimeoutError, AbortedError
   */
  async normalise(
    bytes: Buffer,
    bounds: { readonly side: number; readonly maxPixels: number },
    work: DerivedWork,
  ): Promise<NormalisedPicture> {
    const limits = probeLimits(this.settings);
    const maxPixels = Math.min(limits.maxPixels, bounds.maxPixels);
    const header = await probeHeader(bytes, { ...limits, maxPixels });
    const side = String(bounds.side);
    const { parameters } = parseImageQuery(
      [
        ['w', side],
        ['h', side],
        ['fit', 'inside'],
        ['animated', '0'],
        ['format', 'png'],
      ],
      this.settings,
    );
    const plan = planTransform(header, parameters, 'png', this.settings);
    const {
      bytes: png,
      width,
      height,
    } = await this.lease('derived picture', this.native.estimate(header, plan.operation), work, () =>
      transformImage(bytes, plan),
    );
    return { png, width, height, source: header };
  }

  /**
   * Runs small native work that its caller bounds (a picture of a few hundred pixels) under the smallest lease there is.
   *
   * @throws what {@link normalise} throws
   */
  async run<T>(label: string, work: DerivedWork, use: (engine: typeof sharp) => Promise<T>): Promise<T> {
    return this.lease(label, SMALLEST_ESTIMATE_BYTES, work, async () => {
      try {
        return await use(sharp);
      } catch (error) {
        throw imageFailure(error);
      }
    });
  }

  /** Keeps the picture in the store, behind the answer, and drops what was made of the one before. */
  async keep(
    key: ObjectKey,
    bytes: Buffer,
    freshness: Freshness,
    attributes: ObjectInfo['attributes'] = {},
  ): Promise<SourceRecord> {
    const record = await this.adopt(key, bytes, freshness);
    await this.writer.write(key, bytes, {
      contentType: record.contentType,
      attributes: { ...attributes, ...toAttributes(record) },
      sha256: record.sha256,
    });
    return record;
  }

  /**
   * Makes the picture known without storing it: for what is made again more cheaply than read. Who asks for it
   * brings the bytes. Also renews the freshness of one that is known.
   *
   * @throws PlimsollError `not-an-image`, `undecodable-image`
   */
  async adopt(key: ObjectKey, bytes: Buffer, freshness: Freshness): Promise<SourceRecord> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    // A drawing of our own is no matter of IMAGE_SVG, which is about those of others.
    const header = await probeHeader(bytes, { ...probeLimits(this.settings), svg: true });
    const record = this.records.adopt(
      {
        key,
        bytes: bytes.length,
        sha256,
        contentType: CONTENT_TYPES[header.format],
        createdAt: this.clock.now(),
        attributes: {},
      },
      { header, ...freshness },
    );
    for (const { key: variant } of this.imageMemory.variantsOf(key)) {
      this.imageMemory.update(variant, freshness);
    }
    return record;
  }

  /** What is known of a kept picture; waits for a write that is under way. Store faults are thrown. */
  async find(key: ObjectKey): Promise<SourceRecord | undefined> {
    const known = this.records.peek(key);
    if (known !== undefined) return known;
    await this.writer.settled(key);
    return this.records.find(key);
  }

  /** The kept bytes; `undefined` when the store has lost them. @throws those of admission */
  async read(record: SourceRecord, work: DerivedWork): Promise<Buffer | undefined> {
    await this.writer.settled(record.key);
    const order = { bytes: record.bytes, class: work.class, label: 'derived read', signal: work.signal };
    return this.imageMemory.withReservation({ ...order, job: false }, async () => {
      const read = await this.store.read(record.key);
      return read?.bytes;
    });
  }

  /** The picture stays, for longer. */
  async renew(record: SourceRecord, freshness: Freshness): Promise<void> {
    await this.records.refresh(record, freshness);
  }

  /** Without asking the store. */
  peek(key: ObjectKey): SourceRecord | undefined {
    return this.records.peek(key);
  }

  /** Forgets the record and what was made of it in memory; the store is left alone. */
  forget(key: ObjectKey): void {
    this.records.forget(key);
  }

  /** Removes the picture and what was made of it. @returns whether the store had it */
  async remove(key: ObjectKey): Promise<boolean> {
    await this.writer.settled(key);
    return this.records.remove(key);
  }

  private async lease<T>(
    label: string,
    bytes: number,
    work: DerivedWork,
    native: () => Promise<T>,
  ): Promise<T> {
    const lease = await this.imageMemory.reserve({
      bytes,
      class: work.class,
      label,
      signal: work.signal,
      job: true,
    });
    return this.native.runUnder(lease, 'image.derive', work.signal, native);
  }
}
