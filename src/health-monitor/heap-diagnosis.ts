import { writeFileSync } from 'node:fs';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import { formatBytes } from '../config/index.js';
import { ImageMemoryManager } from '../image-memory/index.js';
import { HeapInspector, MemorySampler } from '../process-memory/index.js';
import { DiagnosisFolder, type DiagnosisFile } from './diagnosis-folder.js';
import { DiagnosisStatistics, type HeapDiagnosisStatistics } from './diagnosis-statistics.js';
import {
  refuseSnapshot,
  SNAPSHOT_HEAP_RATIO,
  type SnapshotFigures,
  type SnapshotRefusal,
} from './snapshot-verdict.js';

export interface WrittenSnapshot {
  readonly kind: 'snapshot';
  readonly file: DiagnosisFile;
  readonly figures: SnapshotFigures;
}

export interface RefusedSnapshot {
  readonly kind: 'statistics';
  readonly file: DiagnosisFile;
  readonly figures: SnapshotFigures;
  readonly refusal: SnapshotRefusal;
  /** One public sentence. */
  readonly reason: string;
  readonly statistics: HeapDiagnosisStatistics;
}

/** What a request for a diagnosis brought. */
export type DiagnosisReport = WrittenSnapshot | RefusedSnapshot;

/**
 * A heap snapshot for whoever looks for a leak, but only when it fits under the line: else it would kill the process
 * that it should explain. When it does not fit, statistics and the reason take its place.
 */
@Injectable()
export class HeapDiagnosis {
  private readonly logger = new Logger(HeapDiagnosis.name);
  private running: Promise<DiagnosisReport> | undefined;

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly sampler: MemorySampler,
    private readonly imageMemory: ImageMemoryManager,
    private readonly inspector: HeapInspector,
    private readonly statistics: DiagnosisStatistics,
    private readonly folder: DiagnosisFolder,
  ) {}

  /**
   * Writes one diagnosis; who asks while one is written gets the same. A snapshot stops the process for seconds.
   * `trigger` says in the log who asked.
   *
   * @throws PlimsollError `read-only`, `storage-unavailable`.
   */
  run(trigger: string): Promise<DiagnosisReport> {
    this.running ??= this.diagnose(trigger).finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async diagnose(trigger: string): Promise<DiagnosisReport> {
    await this.folder.prepare();
    const figures = this.figures();
    const refusal = refuseSnapshot(figures);
    // Nothing may start between the verdict and the writing: no `await` here.
    return refusal === null
      ? this.writeSnapshot(trigger, figures)
      : this.writeStatistics(trigger, figures, refusal);
  }

  private async writeSnapshot(trigger: string, figures: SnapshotFigures): Promise<DiagnosisReport> {
    let tookMs = 0;
    const file = await this.folder.keep('heapsnapshot', this.clock.now(), (path) => {
      const startedMs = this.clock.monotonicMs();
      this.inspector.writeSnapshot(path);
      tookMs = this.clock.monotonicMs() - startedMs;
    });
    this.logger.warn(
      `Heap snapshot ${file.name} written (${trigger}): ${formatBytes(file.bytes)}, the process stood for ${Math.round(tookMs)} ms.`,
    );
    return { kind: 'snapshot', file, figures };
  }

  private async writeStatistics(
    trigger: string,
    figures: SnapshotFigures,
    refusal: SnapshotRefusal,
  ): Promise<DiagnosisReport> {
    const at = this.clock.now();
    const reason = reasonOf(refusal, figures);
    const statistics = this.statistics.collect();
    const content = { at: new Date(at).toISOString(), trigger, refusal, reason, figures, ...statistics };
    const file = await this.folder.keep('json', at, (path) =>
      writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`),
    );
    this.logger.warn(`No heap snapshot (${trigger}). ${reason} Statistics: ${file.name}.`);
    return { kind: 'statistics', file, figures, refusal, reason, statistics };
  }

  /** As of now: the sample moves the ladder first. */
  private figures(): SnapshotFigures {
    const sample = this.sampler.sample();
    const { level, lineBytes, ledger } = this.imageMemory.snapshot();
    return {
      level,
      lineBytes,
      rssBytes: sample.rssBytes + sample.childrenRssBytes,
      reservedBytes: ledger.reservedBytes,
      heapUsedBytes: sample.heapUsedBytes,
      fresh: sample.ok,
    };
  }
}

function reasonOf(refusal: SnapshotRefusal, figures: SnapshotFigures): string {
  const { level, lineBytes, rssBytes, reservedBytes, heapUsedBytes } = figures;
  switch (refusal) {
    case 'no-reading':
      return 'Memory cannot be read at the moment, so nobody knows whether a heap snapshot fits.';
    case 'level':
      return `The memory level is ${level}; a heap snapshot is written at normal and coordinate only.`;
    case 'no-room': {
      const leftBytes = Math.max(0, lineBytes - rssBytes - reservedBytes);
      return (
        `A heap snapshot needs ${SNAPSHOT_HEAP_RATIO} times the heap in use, ` +
        `${formatBytes(SNAPSHOT_HEAP_RATIO * heapUsedBytes)}; under the memory line ${formatBytes(leftBytes)} are left.`
      );
    }
  }
}
