import { Inject, Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import { BackgroundTasks } from '../../async-ops/index.js';
import { SETTINGS, type Settings } from '../../config/index.js';
import { PlimsollError } from '../../errors/index.js';
import { ImageMemoryManager } from '../../image-memory/index.js';
import { OBJECT_STORE, type ObjectKey, type ObjectStore } from '../../object-storage/index.js';
import { CONTENT_TYPES, FOREVER, toAttributes, type SourceRecord } from '../sources/source-record.js';
import { SourceRecords } from '../sources/source-records.js';
import { probeHeader, probeLimits } from '../probe/probe-header.js';
import { decodeCheck, decodeCheckOperation } from '../transform/decode-check.js';
import { NativeWork } from '../work/native-work.js';
import { VariantPurger } from '../variants/variant-purger.js';

/** 128 random bits, as 22 characters of base64url: cannot be guessed, fits a URL. */
const ID_BYTES = 16;

export const UPLOAD_ID = /^[\w-]{22}$/;

/** Takes images in, and out again. What it acknowledges is on disk, whole, and has been decoded once. */
@Injectable()
export class UploadService {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly records: SourceRecords,
    private readonly imageMemory: ImageMemoryManager,
    private readonly native: NativeWork,
    private readonly purger: VariantPurger,
    private readonly tasks: BackgroundTasks,
  ) {}

  /**
   * Streams an image into the store. `receive` fills the writable it is handed and resolves when it has ended.
   * Resolves once the upload is durable.
   *
   * @throws PlimsollError `not-an-image`, `undecodable-image`, `image-too-many-pixels`, `read-only`,
   *   `storage-unavailable`, a refusal of admission, and what `receive` throws
   */
  async accept(
    receive: (sink: Writable) => Promise<void>,
    signal: AbortSignal,
  ): Promise<{ id: string; record: SourceRecord }> {
    if (this.settings.values.READ_ONLY) {
      throw new PlimsollError('read-only', 'This server runs read-only and takes no uploads.');
    }
    const spool = await this.store.createSpool();
    try {
      await receive(spool.writable);
      const header = await probeHeader(spool.path, probeLimits(this.settings));
      await this.decode(spool.path, header, signal);
      const id = randomBytes(ID_BYTES).toString('base64url');
      const facts = { header, freshUntil: FOREVER, staleUntil: FOREVER };
      const info = await this.store.commit(spool, `uploads/${id}`, {
        contentType: CONTENT_TYPES[header.format],
        attributes: toAttributes(facts),
        durable: true,
      });
      return { id, record: this.records.adopt(info, facts) };
    } finally {
      await spool.discard();
    }
  }

  /**
   * Removes an upload; its variants go from memory at once and from the store behind the answer.
   *
   * @throws PlimsollError `image-not-found`, `read-only`
   */
  async remove(id: string): Promise<void> {
    if (this.settings.values.READ_ONLY) {
      throw new PlimsollError('read-only', 'This server runs read-only and deletes nothing.');
    }
    const key: ObjectKey = `uploads/${id}`;
    if (!(await this.records.remove(key)))
      throw new PlimsollError('image-not-found', 'No image with this id is stored here.');
    this.tasks.detach(this.purger.purge(key), 'images.purge-variants');
  }

  /** An image is valid only when its pixels decoded: headers of HEIC or truncated files pass every cheaper check. */
  private async decode(path: string, header: SourceRecord['header'], signal: AbortSignal): Promise<void> {
    const operation = decodeCheckOperation(header);
    const request = {
      bytes: this.imageMemory.estimate(header, operation),
      class: 'interactive' as const,
      label: `check ${header.format}`,
      job: true,
      signal,
    };
    const lease = await this.imageMemory.reserve(request);
    await this.native.runUnder(lease, 'image.check', signal, () => decodeCheck(path, header));
  }
}
