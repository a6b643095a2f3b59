import type { Transaction } from 'kysely';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tables } from '../../../database/index.js';
import { isPlimsollError } from '../../../errors/index.js';
import type { JobProgress, JobQueue, JobRun, NewJob } from '../../../jobs/index.js';
import type { Bookmark } from '../../model/bookmark.js';
import type { BookmarkDraft, BookmarkStore, InsertOutcome } from '../../model/bookmark-store.js';
import type { ImportEntry, ImportItem, ImportProblem } from '../readers/import-entry.js';
import { draftOf, isProblem } from './draft-of.js';
import { NO_COUNTS, Tally, type CountName, type ImportCounts } from './import-counts.js';
import type { ImportPayload } from './import-options.js';
import type { ImportReport, ReportLine, ReportMark } from './import-report.js';

/** Where an import stands; written by the transaction of each chunk. */
export interface ImportCheckpoint {
  /** Items of the file that are done. */
  readonly items: number;
  readonly report: ReportMark;
  readonly counts: ImportCounts;
  readonly finished: boolean;
}

export const START: ImportCheckpoint = {
  items: 0,
  report: { bytes: 0, full: false },
  counts: NO_COUNTS,
  finished: false,
};

/** What the writer works with. */
export interface WriterParts {
  readonly store: BookmarkStore;
  readonly jobs: JobQueue;
  /** The job that enriches a new bookmark; `null` when nothing is fetched by itself. */
  readonly enrich: (bookmark: Bookmark) => NewJob | null;
  readonly job: JobRun<ImportPayload>;
  readonly report: ImportReport;
}

interface Prepared {
  readonly entry: ImportEntry;
  readonly draft: BookmarkDraft;
}

const COUNTED_AS = { created: 'created', merged: 'merged', existing: 'unchanged' } as const satisfies Record<
  InsertOutcome['outcome'],
  CountName
>;

/** Commits chunks of items: bookmarks, enrichment jobs, report and checkpoint all appear together, or none does. */
export class ImportWriter {
  constructor(
    private readonly parts: WriterParts,
    private checkpointNow: ImportCheckpoint,
  ) {}

  get checkpoint(): ImportCheckpoint {
    return this.checkpointNow;
  }

  /**
   * A draft that the database refuses does not take its neighbours with it: the items are then written one by one.
   *
   * @throws PlimsollError `database-unavailable`, `storage-unavailable`: nothing of the present transaction was written
   */
  async write(items: readonly ImportItem[], figures: ImportCounts): Promise<void> {
    const problems: ImportProblem[] = [];
    const prepared: Prepared[] = [];
    for (const item of items) {
      const found = item.kind === 'entry' ? draftOf(item, this.parts.job.payload) : item;
      if (isProblem(found)) problems.push(found);
      else prepared.push({ entry: item as ImportEntry, draft: found });
    }
    // what was computed so far had its turn; the engine begins a new one
    await nextTurn();
    try {
      if (prepared.length === 0) await this.save(this.after(items.length, problems, [], []), figures);
      else await this.insert(prepared, items.length, problems, figures);
    } catch (error) {
      const [only] = prepared;
      if (only === undefined || !isOfOneDraft(error)) throw error;
      if (items.length === 1) await this.save(this.afterFailure(only.entry), figures);
      else for (const item of items) await this.write([item], figures);
    }
  }

  /** Marks the import as done, so that a run after a crash has nothing left to do. */
  async finish(figures: ImportCounts): Promise<void> {
    await this.save({ ...this.checkpointNow, finished: true }, figures);
  }

  private async insert(
    prepared: readonly Prepared[],
    itemCount: number,
    problems: readonly ImportProblem[],
    figures: ImportCounts,
  ): Promise<void> {
    let next = this.checkpointNow;
    await this.parts.store.insert(
      prepared.map(({ draft }) => draft),
      'merge',
      async (queries, outcomes) => {
        next = this.after(itemCount, problems, prepared, outcomes);
        await this.enqueueEnrichment(outcomes, queries);
        await this.parts.job.saveProgress(progressOf(next, figures), queries);
      },
    );
    this.checkpointNow = next;
  }

  private async save(next: ImportCheckpoint, figures: ImportCounts): Promise<void> {
    await this.parts.job.saveProgress(progressOf(next, figures));
    this.checkpointNow = next;
  }

  private async enqueueEnrichment(
    outcomes: readonly InsertOutcome[],
    queries: Transaction<Tables>,
  ): Promise<void> {
    const { enrich, jobs } = this.parts;
    const wanted = outcomes.flatMap(({ outcome, bookmark }) => {
      if (outcome !== 'created' || bookmark.enrichment.state !== 'pending') return [];
      return enrich(bookmark) ?? [];
    });
    if (wanted.length > 0) await jobs.enqueueAll(wanted, queries);
  }

  /** The checkpoint behind a chunk; its lines are in the report when this returns. */
  private after(
    itemCount: number,
    problems: readonly ImportProblem[],
    prepared: readonly Prepared[],
    outcomes: readonly InsertOutcome[],
  ): ImportCheckpoint {
    const { checkpointNow: before } = this;
    const tally = new Tally(before.counts);
    const lines: ReportLine[] = [];
    for (const { kind: _kind, ...problem } of problems) {
      tally.skip(problem.reason);
      lines.push({ outcome: 'skipped', ...problem });
    }
    for (const [index, { outcome, bookmark }] of outcomes.entries()) {
      const { entry } = prepared[index] as Prepared;
      const counted = COUNTED_AS[outcome];
      tally.add(counted);
      if (entry.cut !== undefined) tally.add('cut');
      const isTold = this.parts.job.payload.verbose || counted === 'merged' || entry.cut !== undefined;
      if (isTold) lines.push(lineOf(counted, entry, { id: bookmark.id }));
    }
    lines.sort((one, other) => Number(one['ordinal']) - Number(other['ordinal']));
    return {
      items: before.items + itemCount,
      report: this.parts.report.write(before.report, lines),
      counts: tally.toCounts(),
      finished: false,
    };
  }

  private afterFailure(entry: ImportEntry): ImportCheckpoint {
    const { checkpointNow: before } = this;
    const tally = new Tally(before.counts);
    tally.add('failed');
    const line = lineOf('failed', entry, { reason: 'refused-by-database' });
    return {
      items: before.items + 1,
      report: this.parts.report.write(before.report, [line]),
      counts: tally.toCounts(),
      finished: false,
    };
  }
}

function lineOf(outcome: CountName, entry: ImportEntry, more: ReportLine): ReportLine {
  const { ordinal, line, url, title, cut, extra } = entry;
  return {
    outcome,
    ordinal,
    ...(line === undefined ? {} : { line }),
    url: url.slice(0, 500),
    ...(title === undefined ? {} : { title: title.slice(0, 200) }),
    ...(cut === undefined ? {} : { cut }),
    ...(extra === undefined ? {} : { extra }),
    ...more,
  };
}

function progressOf(checkpoint: ImportCheckpoint, figures: ImportCounts): JobProgress {
  return { done: checkpoint.items, counts: { ...checkpoint.counts, ...figures }, checkpoint };
}

/** A fault that trying the chunk as a whole again would not mend, and that is not of the engine or the disk. */
function isOfOneDraft(error: unknown): boolean {
  if (isPlimsollError(error))
    return !['database-unavailable', 'storage-unavailable', 'shutting-down'].includes(error.code);
  return /constraint|unique|value too long|invalid (?:byte|input)|datatype mismatch/i.test(
    error instanceof Error ? error.message : '',
  );
}
