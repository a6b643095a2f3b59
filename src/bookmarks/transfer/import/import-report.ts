import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { ImportCounts } from './import-counts.js';
import { storageFault } from './import-files.js';

/** Report of one import; past this only counts go on (chosen: some 200 000 lines). */
export const MAX_REPORT_BYTES = 32 * 1024 ** 2;

export type ReportLine = Readonly<Record<string, unknown>>;

/** How far the report is known to be true, and whether it has ended before the import. */
export interface ReportMark {
  readonly bytes: number;
  readonly full: boolean;
}

/**
 * The per-item report, JSON lines. Written at a known position inside the transaction that the lines tell of, so that
 * a transaction that is tried again, or an import that goes on after a crash, writes each line once. These few
 * kilobytes go to the file at once (page cache): a wait for the thread pool, behind pictures, would hold the
 * transaction open.
 */
export class ImportReport {
  private readonly file: number;

  /** Cuts off what a crash left behind the mark. @throws PlimsollError `storage-unavailable` */
  constructor(
    path: string,
    mark: ReportMark,
    private readonly maxBytes = MAX_REPORT_BYTES,
  ) {
    try {
      this.file = openSync(path, mark.bytes === 0 ? 'w' : 'r+');
      ftruncateSync(this.file, mark.bytes);
    } catch (error) {
      throw storageFault(error);
    }
  }

  /** Writes the lines while they fit. @returns the mark behind them @throws PlimsollError `storage-unavailable` */
  write(mark: ReportMark, lines: readonly ReportLine[]): ReportMark {
    if (mark.full || lines.length === 0) return mark;
    const bytes = linesOf(lines);
    if (mark.bytes + bytes.length <= this.maxBytes)
      return { bytes: this.put(mark.bytes, bytes), full: false };
    return { bytes: this.put(mark.bytes, linesOf([{ truncated: true }])), full: true };
  }

  /** The last line. */
  finish(mark: ReportMark, summary: { readonly format: string; readonly counts: ImportCounts }): void {
    this.put(mark.bytes, linesOf([{ summary }]));
  }

  close(): void {
    closeSync(this.file);
  }

  private put(position: number, bytes: Buffer): number {
    try {
      let written = 0;
      while (written < bytes.length)
        written += writeSync(this.file, bytes, written, bytes.length - written, position + written);
    } catch (error) {
      throw storageFault(error);
    }
    return position + bytes.length;
  }
}

const linesOf = (lines: readonly ReportLine[]): Buffer =>
  Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
