import { Inject, Injectable, Optional, type OnModuleInit } from '@nestjs/common';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { AbortedError } from '../../../errors/index.js';
import {
  JOB_GATE,
  JOB_QUEUE,
  JobGivenUp,
  JobPostponed,
  type JobGate,
  type JobKind,
  type JobQueue,
  type JobRun,
  type NewJob,
} from '../../../jobs/index.js';
import { enrichmentJobFor } from '../../enrichment/enrichment-job.js';
import type { Bookmark } from '../../model/bookmark.js';
import { BOOKMARK_STORE, type BookmarkStore } from '../../model/bookmark-store.js';
import type { ImportItem } from '../readers/import-entry.js';
import { collectKarakeepLists } from '../readers/read-json-export.js';
import { readImport, recogniseImport } from '../readers/read-import.js';
import { ChunkSize } from './chunk-size.js';
import type { ImportCounts } from './import-counts.js';
import { ImportFiles, type ImportSource } from './import-files.js';
import { IMPORT_JOB_KIND, type ImportPayload } from './import-options.js';
import { ImportReport } from './import-report.js';
import { ImportWriter, START, type ImportCheckpoint } from './import-writer.js';

/** Behind what people create one by one, before what is looked up again. */
const ENRICHMENT_PRIORITY = 200;
const HOUR_MS = 3_600_000;
/** How long a run waits for memory before it makes room for others, and when it comes again, ms. */
const PAUSE_MS = 30_000;
/** Items that a run which goes on passes over between two turns of the loop. */
const SKIPPED_PER_TURN = 2_000;

/** What the operation shows in the end. */
export interface ImportResult {
  readonly importId: string;
  readonly format: string;
  readonly counts: ImportCounts;
}

/**
 * Reads an uploaded file into the store, chunk by chunk. Killed at any point, it goes on behind the last chunk that
 * was committed: the file reads the same again, and the checkpoint is part of each chunk's transaction.
 */
@Injectable()
export class ImportJob implements JobKind<ImportPayload>, OnModuleInit {
  readonly kind = IMPORT_JOB_KIND;
  readonly concurrency = 1;
  readonly timeoutMs = 24 * HOUR_MS;
  /** Metadata is never refused for pressure; between chunks it waits by itself. */
  readonly gate = 'always';
  readonly keepMs = 7 * 24 * HOUR_MS;

  constructor(
    private readonly files: ImportFiles,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    @Inject(JOB_QUEUE) private readonly jobs: JobQueue,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Optional() @Inject(JOB_GATE) private readonly memoryGate: JobGate | null = null,
  ) {}

  onModuleInit(): void {
    this.jobs.define(this);
  }

  async run(job: JobRun<ImportPayload>): Promise<ImportResult> {
    const { importId, format } = job.payload;
    const checkpoint = (job.progress?.checkpoint as ImportCheckpoint | undefined) ?? START;
    if (!checkpoint.finished) {
      const source = await this.files.openSource(importId);
      if (source === null) throw new JobGivenUp('unreadable-import', 'The uploaded file is no longer kept.');
      try {
        return await this.read(job, source, checkpoint);
      } finally {
        await source.close();
      }
    }
    await this.files.removeSource(importId);
    return { importId, format, counts: checkpoint.counts };
  }

  private async read(
    job: JobRun<ImportPayload>,
    source: ImportSource,
    checkpoint: ImportCheckpoint,
  ): Promise<ImportResult> {
    const { importId, format } = job.payload;
    const report = new ImportReport(this.files.reportPath(importId), checkpoint.report);
    try {
      const { store, jobs } = this;
      const enrich = (bookmark: Bookmark): NewJob | null =>
        enrichmentJobFor(bookmark, this.settings, { priority: ENRICHMENT_PRIORITY });
      const writer = new ImportWriter({ store, jobs, enrich, job, report }, checkpoint);
      await this.writeAll(job, source, writer);
      const { counts, report: mark } = writer.checkpoint;
      report.finish(mark, { format, counts });
      await writer.finish({});
      await this.files.removeSource(importId);
      return { importId, format, counts };
    } finally {
      report.close();
    }
  }

  private async writeAll(
    job: JobRun<ImportPayload>,
    source: ImportSource,
    writer: ImportWriter,
  ): Promise<void> {
    const size = new ChunkSize();
    const fileBytes = await source.sizeBytes();
    const done = writer.checkpoint.items;
    let items: ImportItem[] = [];
    let seen = 0;
    const flush = async (): Promise<void> => {
      await this.waitForMemory(job.signal);
      const { length } = items;
      const startedMs = this.clock.monotonicMs();
      await writer.write(items, { fileBytes, readBytes: source.position });
      size.learn(length, this.clock.monotonicMs() - startedMs);
      items = [];
      // the engine answers at once, so that nothing else would get its turn
      await nextTurn();
    };
    for await (const item of await this.itemsOf(job.payload, source)) {
      seen += 1;
      if (seen > done) items.push(item);
      else if (seen % SKIPPED_PER_TURN === 0) await nextTurn();
      if (job.signal.aborted) throw new AbortedError();
      if (items.length >= size.current) await flush();
    }
    if (items.length > 0) await flush();
  }

  private async itemsOf(payload: ImportPayload, source: ImportSource): Promise<AsyncIterable<ImportItem>> {
    const { format, contentType, startedAt } = payload;
    const kind = recogniseImport(await source.head(), { contentType: contentType ?? undefined }, format);
    const lists = format === 'karakeep' ? await collectKarakeepLists(source.chunks()) : undefined;
    return readImport(source.chunks(), kind, { now: startedAt, ...(lists === undefined ? {} : { lists }) });
  }

  /** From `coordinate` up the import stands still; when that lasts, it comes again later with its attempt given back. */
  private async waitForMemory(signal: AbortSignal): Promise<void> {
    const gate = this.memoryGate;
    if (gate === null || gate.mayStart()) return;
    const mayGoOn = await new Promise<boolean>((resolve) => {
      const settle = (answer: boolean): void => {
        detach();
        cancel();
        signal.removeEventListener('abort', onAbort);
        resolve(answer);
      };
      const onAbort = (): void => settle(false);
      const detach = gate.onChange(() => {
        if (gate.mayStart()) settle(true);
      });
      const cancel = this.clock.after(PAUSE_MS, () => settle(false));
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) settle(false);
    });
    if (signal.aborted) throw new AbortedError();
    if (!mayGoOn) throw new JobPostponed(this.clock.now() + PAUSE_MS, 'Memory is short.');
  }
}
