import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { ReadStream } from 'node:fs';
import { PassThrough, type Writable } from 'node:stream';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { PlimsollError } from '../../../errors/index.js';
import { JOB_QUEUE, type JobQueue } from '../../../jobs/index.js';
import { BOOKMARK_STORE, type BookmarkStore } from '../../model/bookmark-store.js';
import type { FormatHints } from '../readers/detect-format.js';
import type { ImportFormat } from '../readers/import-entry.js';
import { recogniseImport } from '../readers/read-import.js';
import { dryRun, type DryRunReport } from './dry-run.js';
import { ImportFiles, storageFault } from './import-files.js';
import { IMPORT_JOB_KIND, type ImportOptions, type ImportPayload } from './import-options.js';

/**
 * Fills the writable with the file and resolves when it has ended, with what is known about it; `onHints` is called
 * before the first byte.
 */
export type ReceiveFile = (sink: Writable, onHints: (hints: FormatHints) => void) => Promise<void>;

export interface ImportStarted {
  /** Of the job: `/api/operations/<id>`. */
  readonly operationId: string;
  /** Of the file and its report. */
  readonly importId: string;
  readonly format: ImportFormat;
  readonly bytes: number;
}

/** Takes files of bookmarks in. What it acknowledges is on disk, whole, and will be read even after a crash. */
@Injectable()
export class ImportService {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    @Inject(JOB_QUEUE) private readonly jobs: JobQueue,
    private readonly files: ImportFiles,
  ) {}

  /**
   * Resolves once the file is durable and its job is enqueued. Whatever fails before leaves nothing behind.
   *
   * @throws PlimsollError `read-only`, `unreadable-import`, `storage-unavailable`, `database-unavailable`, and what
   *   `receive` throws
   */
  async start(receive: ReceiveFile, options: ImportOptions): Promise<ImportStarted> {
    if (this.settings.values.READ_ONLY)
      throw new PlimsollError(
        'read-only',
        'This server runs read-only and imports nothing; dryRun=true still reads.',
      );
    const importId = randomUUID();
    const part = await this.files.receive(importId);
    try {
      let hints: FormatHints = {};
      await receive(part.writable, (found) => (hints = found)).catch((error: unknown) => {
        throw isOfDisk(error) ? storageFault(error) : error;
      });
      const { format } = recogniseImport(await part.head(), hints, options.format);
      const { bytes } = await part.commit();
      const operationId = await this.enqueue(importId, format, hints, options);
      return { operationId, importId, format, bytes };
    } finally {
      await part.discard();
    }
  }

  /**
   * Reads the file while it comes and writes nothing.
   *
   * @throws PlimsollError `unreadable-import`, `database-unavailable`, and what `receive` throws
   */
  async dryRun(receive: ReceiveFile, options: ImportOptions, signal: AbortSignal): Promise<DryRunReport> {
    const stream = new PassThrough();
    let hints: FormatHints = {};
    const received = receive(stream, (found) => (hints = found)).catch((error: unknown) => {
      // the reader waits for bytes that will not come
      stream.destroy(error as Error);
      throw error;
    });
    const parts = { store: this.store, now: this.clock.now(), signal };
    const read = dryRun(stream.iterator({ destroyOnReturn: false }), () => hints, options, parts).then(
      (report) => {
        // a reader may know enough before the end: the rest is taken all the same, or its sender would see no answer
        stream.resume();
        return report;
      },
      (error: unknown) => {
        stream.destroy();
        throw error;
      },
    );
    const [sent, report] = await Promise.allSettled([received, read]);
    // a reader that gave up breaks the upload off: its reason is the one to tell
    if (report.status === 'rejected')
      throw sent.status === 'rejected' && isOurs(sent.reason) ? sent.reason : report.reason;
    if (sent.status === 'rejected') throw sent.reason;
    return report.value;
  }

  /** The per-item report of an import, JSON lines. @throws PlimsollError `operation-not-found` */
  report(importId: string): Promise<ReadStream> {
    return this.files.openReport(importId);
  }

  private async enqueue(
    importId: string,
    format: ImportFormat,
    hints: FormatHints,
    { folders, tags, verbose }: ImportOptions,
  ): Promise<string> {
    const payload: ImportPayload = {
      importId,
      format,
      contentType: hints.contentType?.slice(0, 200) ?? null,
      folders,
      tags,
      verbose,
      startedAt: this.clock.now(),
    };
    try {
      return (await this.jobs.enqueue({ kind: IMPORT_JOB_KIND, payload })).id;
    } catch (error) {
      await this.files.removeSource(importId);
      throw error;
    }
  }
}

const isOurs = (error: unknown): boolean => error instanceof PlimsollError;

const DISK_CODES: ReadonlySet<unknown> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EACCES',
  'EMFILE',
  'ENFILE',
]);

const isOfDisk = (error: unknown): boolean => DISK_CODES.has((error as { code?: unknown } | null)?.code);
