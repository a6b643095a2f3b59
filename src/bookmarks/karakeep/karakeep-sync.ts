import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { AbortedError, isPlimsollError, type PlimsollError } from '../../errors/index.js';
import { ImageMemoryManager } from '../../image-memory/index.js';
import {
  JOB_QUEUE,
  JobGivenUp,
  JobPostponed,
  type JobKind,
  type JobQueue,
  type JobRun,
} from '../../jobs/index.js';
import { KarakeepClient } from './karakeep-client.js';
import { KarakeepStates, type KarakeepRun, type KarakeepState } from './karakeep-state.js';
import { KarakeepWriter, type PageOutcome } from './karakeep-writer.js';
import type { KarakeepPage } from './karakeep-shapes.js';

export const KARAKEEP_KIND = 'karakeep-sync';

export interface KarakeepPayload {
  readonly mode: 'pull' | 'sweep';
}

/** A pull reads this far behind the newest that it knows: clocks differ, and a transaction may have been slow. */
const OVERLAP_MS = 3_600_000;

/** Ids that a sweep remembers; about 100 bytes each. A larger set is kept up to date, its deletions are not followed. */
const MAX_IDS = 500_000;

/** What one page needs while it is read, bytes: the largest that is taken, as bytes, text and objects. */
const PAGE_LEASE_BYTES = 16 * 1024 ** 2;

/** More pages mean that the cursor turns in a circle. */
const MAX_PAGES = 20_000;

const REST_MS = 60_000;

interface Sums {
  seen: number;
  created: number;
  updated: number;
  skipped: number;
  newestAt: number;
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
    const sums: Sums = { seen: 0, created: 0, updated: 0, skipped: 0, newestAt: state.newestAt };
    const ids = mode === 'sweep' ? new Set<string>() : null;
    await this.readPages(job, state, sums, ids);
    const { newestAt, ...counts } = sums;
    const { removed, refused } = ids === null ? { removed: 0, refused: null } : await this.removeMissing(ids);
    const run: KarakeepRun = { mode, at: this.clock.now(), ...counts, removed, refused };
    await this.states.write({ newestAt, sweptAt: ids === null ? state.sweptAt : run.at, lastRun: run });
    return run;
  }

  private async readPages(
    job: JobRun<KarakeepPayload>,
    state: KarakeepState,
    sums: Sums,
    ids: Set<string> | null,
  ): Promise<void> {
    let cursor: string | null = null;
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      if (job.signal.aborted) throw new AbortedError('The sync was stopped.');
      const page = await this.readPage(cursor, job.signal);
      const outcome = await this.writer.write(page);
      add(sums, page, outcome);
      if (ids !== null && ids.size < MAX_IDS) for (const id of outcome.externalIds) ids.add(id);
      await job.saveProgress({
        done: sums.seen,
        counts: { created: sums.created, updated: sums.updated, skipped: sums.skipped },
      });
      cursor = page.nextCursor;
      if (cursor === null || page.bookmarks.length + page.unreadable === 0) return;
      if (ids === null && outcome.unchanged && oldestOf(page) < state.newestAt - OVERLAP_MS) return;
    }
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

  private async removeMissing(
    ids: ReadonlySet<string>,
  ): Promise<{ readonly removed: number; readonly refused: string | null }> {
    if (ids.size >= MAX_IDS)
      return { removed: 0, refused: `Deletions are followed up to ${MAX_IDS} bookmarks only.` };
    return this.writer.removeMissing(ids);
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

function add(sums: Sums, page: KarakeepPage, outcome: PageOutcome): void {
  sums.seen += page.bookmarks.length + page.unreadable;
  sums.created += outcome.created;
  sums.updated += outcome.updated;
  sums.skipped += outcome.skipped;
  for (const { createdAt } of page.bookmarks) {
    const at = Date.parse(createdAt);
    if (at > sums.newestAt) sums.newestAt = at;
  }
}

function oldestOf({ bookmarks }: KarakeepPage): number {
  return Math.min(
    ...bookmarks.map(({ createdAt }) => Date.parse(createdAt)).filter((at) => !Number.isNaN(at)),
  );
}

const statusOf = (error: PlimsollError): unknown => error.details?.['status'];
