import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { ImageEntry, LeaseClass, OutputFormat } from '../../image-memory/index.js';
import type { ObjectKey } from '../../object-storage/index.js';
import { etagOf } from '../delivery/etag.js';
import type { ImageSource } from '../image-request.js';
import type { RequestTiming } from '../request-context.js';
import { SourceLoader, type LoadedSource } from '../sources/source-loader.js';
import type { SourceRecord } from '../sources/source-record.js';
import { StoreWriter } from '../sources/store-writer.js';
import { transformImage, type TransformResult } from '../transform/transform-image.js';
import type { VariantChoice } from './format-chooser.js';
import { NativeWork } from '../work/native-work.js';

/** One variant to be made: what from, how, and under which key it is kept. */
export interface VariantOrder {
  readonly source: ImageSource;
  readonly choice: VariantChoice;
  readonly class: LeaseClass;
}

/** Attributes that a variant carries in the store and in memory. */
export interface VariantFacts {
  readonly [name: string]: string | number | boolean;
  readonly width: number;
  readonly height: number;
  readonly pages: number;
  readonly format: OutputFormat;
  readonly hasAlpha: boolean;
  /** Of the original it was made from. */
  readonly sourceSha256: string;
  readonly sourceKey: string;
}

export const variantObjectKey = (key: string): ObjectKey => `variants/${key}`;

/** Makes variants and keeps them in the store; who asked keeps them in memory. */
@Injectable()
export class VariantMaker {
  constructor(
    private readonly native: NativeWork,
    private readonly sources: SourceLoader,
    private readonly writer: StoreWriter,
  ) {}

  /**
   * @throws what {@link NativeWork.run} throws; PlimsollError `undecodable-image`
   */
  async make(
    order: VariantOrder,
    loaded: LoadedSource,
    signal: AbortSignal,
    timing: RequestTiming,
  ): Promise<ImageEntry> {
    const { plan } = order.choice;
    const result = await this.native.run(
      {
        name: 'image.transform',
        source: order.source,
        loaded,
        operation: plan.operation,
        class: order.class,
        signal,
        timing,
      },
      (input) => transformImage(input, plan),
    );
    return this.keep(order, loaded.record, result);
  }

  private async keep(
    order: VariantOrder,
    record: SourceRecord,
    result: TransformResult,
  ): Promise<ImageEntry> {
    const facts: VariantFacts = Object.freeze({
      width: result.width,
      height: result.height,
      pages: result.pages,
      format: result.format,
      hasAlpha: result.hasAlpha,
      sourceSha256: record.sha256,
      sourceKey: record.key,
    });
    const sha256 = createHash('sha256').update(result.bytes).digest('hex');
    const entry: ImageEntry = Object.freeze({
      bytes: result.bytes,
      contentType: result.contentType,
      etag: etagOf(sha256),
      sourceKey: record.key,
      freshUntil: record.freshUntil,
      staleUntil: record.staleUntil,
      attributes: facts,
    });
    // What was deleted while it was in work must not come back.
    if (!(await this.sources.isCurrent(record))) return entry;
    await this.writer.write(variantObjectKey(order.choice.key), result.bytes, {
      contentType: result.contentType,
      attributes: facts,
      sha256,
    });
    return entry;
  }
}
