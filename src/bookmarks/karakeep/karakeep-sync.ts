import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { AbortedError, isPlimsollError, type PlimsollError } from '../../errors/index.js';
import { ImageMemoryManager } from '../../image-memory/index.js';
import {
  JOB_QUEUE,
  JobGivenUp,
  JobPostponed,
  type JobKind,
  type JobProgress,
  type JobQueue,
  type JobRun,
} from '../../jobs/index.js';
import { KarakeepClient } from './karakeep-client.js';
import { KarakeepSeen } from './karakeep-seen.js';
import { KarakeepStates, type KarakeepRun, type KarakeepState } from './karakeep-state.js';
import { KarakeepWriter, type PageOutcome, type Removal } from './karakeep-writer.js';
import type { KarakeepPage } from './karakeep-shapes.js';

export const KARAKEEP_KIND = 'karakeep-sync';

export interface KarakeepPayload {
  readonly mode: 'pull' | 'sweep';
}

/** A pull reads this far behind the newest that it knows: clocks differ, and a transaction may have been slow. */
const OVERLAP_MS = 3_600_000;

/** What one page needs while it is read, bytes: the largest that is taken, as bytes, text and objects. */
const PAGE_LEASE_BYTES = 16 * 1024 ** 2;

/** More pages mean that the cursor turns in a circle. */
const MAX_PAGES = 20_000;

const REST_MS = 60_000;

interface Sums {
  readonly seen: number;
  readonly created: number;
  readonly updated: number;
  readonly skipped: number;
  readonly newestAt: number;
}

/**
 * Where a run stands. `read`: all pages, oldest last; `catch-up`: once more from the top, for what was saved, or saved
 * again, after the run began and so has moved past it; `remove`: what is no longer there. Kept with the job: a sweep
 * that is put off or interrupted goes on here.
 */
interface Course {
  readonly stage: 'read' | 'catch-up' | 'remove';
  /** Of the next page; `null`: the first. */
  readonly cursor: string | null;
  readonly pages: number;
  readonly sums: Sums;
  /** Epoch ms by Karakeep's clock: the newest `createdAt` when the run began. */
  readonly topAt: number | null;
  readonly removed: number;
}

/**
 * Brings bookmarks over from Karakeep. Its API knows no "changed since": a pull reads the newest until it meets what it
 * knows, a sweep reads all, and so learns of edits and deletions.
 */
@Injectable()
export class KarakeepSync implements JobKind<KarakeepPayload>, OnModuleInit {
  readonly kind = KARAKEEP_KIND;
  readonly concurrency = 1;
  readonly timeoutMs = 3_600_000;
  readonly gate = 'memory';
  readonly keepMs = 7 * 86_400_000;

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(JOB_QUEUE) private readonly jobs: JobQueue,
    private readonly client: KarakeepClient,
    private readonly writer: KarakeepWriter,
    private readonly states: KarakeepStates,
    private readonly seen: KarakeepSeen,
    private readonly imageMemory: ImageMemoryManager,
  ) {}

  onModuleInit(): void {
    this.jobs.define(this);
  }

  async run(job: JobRun<KarakeepPayload>): Promise<KarakeepRun> {
    try {
      return await this.sync(job);
    } catch (error) {
      throw this.judged(error);
    }
  }

  private async sync(job: JobRun<KarakeepPayload>): Promise<KarakeepRun> {
    const { mode } = job.payload;
    const state = await this.states.read();
    let course = courseOf(job, state);
    if (mode === 'sweep' && course.pages === 0) await this.seen.clear(job.signal);
    while (course.stage !== 'remove') {
      if (job.signal.aborted) throw new AbortedError('The sync was stopped.');
      course = await this.takePage(job, course, state);
      await job.saveProgress(progressOf(course));
    }
    const { removed, refused } =
      mode === 'sweep' ? await this.remove(job, course) : { removed: 0, refused: null };
    const { newestAt, ...counts } = course.sums;
    const run: KarakeepRun = { mode, at: this.clock.now(), ...counts, removed, refused };
    await this.states.write({ newestAt, sweptAt: mode === 'sweep' ? run.at : state.sweptAt, lastRun: run });
    if (mode === 'sweep') await this.seen.clear(job.signal);
    return run;
  }

  /** Reads and writes one page; what it did is harmless to do twice. */
  private async takePage(
    job: JobRun<KarakeepPayload>,
    course: Course,
    state: KarakeepState,
  ): Promise<Course> {
    const isSweep = job.payload.mode === 'sweep';
    const page = await this.readPage(course.cursor, job.signal);
    const outcome = await this.writer.write(page);
    if (isSweep) await this.seen.mark(job.id, outcome.externalIds);
    const isEmpty = page.bookmarks.length + page.unreadable === 0;
    const next: Course = {
      ...course,
      cursor: page.nextCursor,
      pages: course.pages + 1,
      sums: added(course.sums, page, outcome, course.stage),
      topAt: course.topAt ?? newestOf(page),
    };
    const isOver = next.cursor === null || isEmpty || next.pages >= MAX_PAGES;
    if (!isSweep) {
      const isKnown = outcome.unchanged && oldestOf(page) < state.newestAt - OVERLAP_MS;
      return isOver || isKnown ? { ...next, stage: 'remove' } : next;
    }
    if (course.stage === 'read') return isOver ? { ...next, stage: 'catch-up', cursor: null } : next;
    return isOver || oldestOf(page) < (next.topAt ?? 0) ? { ...next, stage: 'remove', cursor: null } : next;
  }

  private async remove(job: JobRun<KarakeepPayload>, course: Course): Promise<Removal> {
    const { removed: before, pages } = course;
    if (pages >= MAX_PAGES)
      return { removed: before, refused: 'The pages of Karakeep do not end; nothing was removed.' };
    const { removed, refused } = await this.writer.removeMissing(job.id, job.signal, (queries, count) =>
      job.saveProgress(progressOf({ ...course, removed: before + count }), queries),
    );
    return { removed: before + removed, refused };
  }

  /** A page is read under a lease of its own: the line is asked before the bytes come. */
  private async readPage(cursor: string | null, signal: AbortSignal): Promise<KarakeepPage> {
    const lease = this.imageMemory.tryReserve({
      bytes: PAGE_LEASE_BYTES,
      class: 'background',
      label: 'page of Karakeep',
      job: false,
    });
    if (lease === null) throw this.imageMemory.refusal();
    try {
      return await this.client.page(cursor, signal);
    } finally {
      lease.release();
    }
  }

  /** Pressure and a busy server are waited for, a wrong key is not: trying again would not help. */
  private judged(error: unknown): unknown {
    if (!isPlimsollError(error)) return error;
    if (error.code === 'memory-pressure' || error.code === 'server-busy')
      return new JobPostponed(this.clock.now() + REST_MS, 'Memory is short.');
    if (error.code === 'karakeep-not-configured') return new JobGivenUp(error.code, error.message);
    if (error.code !== 'karakeep-error') return error;
    switch (statusOf(error)) {
      case 401:
      case 403:
        return new JobGivenUp(error.code, error.message);
      case 429:
        return new JobPostponed(this.clock.now() + REST_MS, 'Karakeep asks for patience.');
      default:
        return error;
    }
  }
}

/** From the start, unless an earlier run of this sweep has said where it stood. A pull is short: it begins anew. */
function courseOf(job: JobRun<KarakeepPayload>, { newestAt }: KarakeepState): Course {
  const kept = job.progress?.checkpoint as Course | undefined;
  if (job.payload.mode === 'sweep' && kept !== undefined) return kept;
  const sums: Sums = { seen: 0, created: 0, updated: 0, skipped: 0, newestAt };
  return { stage: 'read', cursor: null, pages: 0, sums, topAt: null, removed: 0 };
}

function progressOf(course: Course): JobProgress {
  const { created, updated, skipped } = course.sums;
  // Each page and each removal is a step forward, so that a long sweep does not run out of attempts.
  return {
    done: course.sums.seen + course.removed,
    counts: { created, updated, skipped, removed: course.removed },
    checkpoint: course,
  };
}

/** What is read a second time is counted by what changed alone. */
function added(sums: Sums, page: KarakeepPage, outcome: PageOutcome, stage: Course['stage']): Sums {
  const isFirst = stage === 'read';
  return {
    seen: sums.seen + (isFirst ? page.bookmarks.length + page.unreadable : outcome.created),
    created: sums.created + outcome.created,
    updated: sums.updated + outcome.updated,
    skipped: sums.skipped + (isFirst ? outcome.skipped : 0),
    newestAt: Math.max(sums.newestAt, newestOf(page) ?? 0),
  };
}

/** Epoch ms; `null` when no bookmark of the page says a time. */
function newestOf(page: KarakeepPage): number | null {
  const times = timesOf(page);
  return times.length === 0 ? null : Math.max(...times);
}

/** Epoch ms; infinite when no bookmark of the page says a time. */
const oldestOf = (page: KarakeepPage): number => Math.min(...timesOf(page));

const timesOf = ({ bookmarks }: KarakeepPage): number[] =>
  bookmarks.map(({ createdAt }) => Date.parse(createdAt)).filter((at) => !Number.isNaN(at));

const statusOf = (error: PlimsollError): unknown => error.details?.['status'];
