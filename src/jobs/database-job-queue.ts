import type { BeforeApplicationShutdown, OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { Transaction } from 'kysely';
import type { Cancel, Clock } from '../clock/index.js';
import type { Database, Tables } from '../database/index.js';
import type { JobDispatcher } from './job-dispatcher.js';
import type { JobKinds } from './job-kinds.js';
import type { JobGate, JobPage, JobQueue, JobQueueSnapshot } from './job-queue.js';
import type { JobRows, ListJobs } from './job-rows.js';
import type { JobTally } from './job-tally.js';
import type { JobUpkeep, OrphanCheck } from './job-upkeep.js';
import type { JobKind, JobView, NewJob } from './job.js';
import type { RunningJobs } from './running-jobs.js';

/** How long shutdown waits for handlers that were told to end, ms: rooms get 5 s to close. */
const SHUTDOWN_GRACE_MS = 3_000;

/** Chosen: metrics and health may both ask within a moment. */
const COUNTS_KEPT_MS = 2_000;

const MOST_LISTED = 200;

/** Parts of the queue; `assembleJobQueue` makes them. */
export interface JobQueueParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly rows: JobRows;
  readonly kinds: JobKinds;
  readonly running: RunningJobs;
  readonly dispatcher: JobDispatcher;
  readonly upkeep: JobUpkeep;
  readonly tally: JobTally;
  readonly gate: JobGate | undefined;
  readonly isOrphan: OrphanCheck;
  /** Writes nothing: no job is taken, run or put back. */
  readonly readOnly: boolean;
}

/** The queue on rows of the database. Runs from the start of the application until its shutdown. @internal */
export class DatabaseJobQueue
  implements JobQueue, OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private detachGate: Cancel = () => undefined;
  private counts: { readonly at: number; readonly byKind: Promise<JobQueueSnapshot['byKind']> } | null = null;

  constructor(private readonly parts: JobQueueParts) {}

  define<P>(kind: JobKind<P>): void {
    this.parts.kinds.define(kind);
    this.parts.dispatcher.nudge(kind.kind);
  }

  async enqueue(job: NewJob, within?: Transaction<Tables>): Promise<JobView> {
    const { rows, database, tally } = this.parts;
    const { view, isNew } = await rows.enqueue(job, within ?? database.queries);
    if (isNew) tally.enqueued += 1;
    this.wake(within, [job]);
    return view;
  }

  async enqueueAll(jobs: readonly NewJob[], within?: Transaction<Tables>): Promise<number> {
    const count = await this.parts.rows.enqueueAll(jobs, within);
    this.parts.tally.enqueued += count;
    this.wake(within, jobs);
    return count;
  }

  find(id: string): Promise<JobView | null> {
    return this.parts.rows.find(id);
  }

  async list(options: ListJobs): Promise<JobPage> {
    const limit = Math.min(MOST_LISTED, Math.max(1, Math.trunc(options.limit)));
    return this.parts.rows.list({ ...options, limit });
  }

  async cancel(id: string): Promise<boolean> {
    const was = await this.parts.rows.cancel(id);
    if (was === 'running') this.parts.running.cancel(id);
    if (was === 'waiting') this.parts.tally.cancelled += 1;
    return was !== null;
  }

  async retry(id: string): Promise<JobView | null> {
    const job = await this.parts.rows.retry(id);
    if (job !== null) this.parts.dispatcher.nudge(job.kind);
    return job;
  }

  pause(reason: string): () => void {
    const resume = this.parts.kinds.hold(reason);
    return () => {
      resume();
      this.parts.dispatcher.nudge();
    };
  }

  async snapshot(): Promise<JobQueueSnapshot> {
    const { kinds, running, tally } = this.parts;
    const byKind = await this.countRows();
    const { holders } = kinds;
    return {
      paused: holders.length > 0,
      holders,
      running: running.size,
      counters: tally.view(running.lingering),
      byKind,
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    const { upkeep, dispatcher, gate, isOrphan, readOnly } = this.parts;
    if (readOnly) return;
    await upkeep.start(isOrphan, () => dispatcher.nudge());
    this.detachGate = gate?.onChange(() => dispatcher.nudge()) ?? this.detachGate;
    dispatcher.start();
  }

  /** Tells what runs to end, first of all: it has until the last request is answered, and a bounded time after. */
  async onModuleDestroy(): Promise<void> {
    const { upkeep, dispatcher, running } = this.parts;
    this.detachGate();
    upkeep.stop();
    const stopped = dispatcher.stop();
    running.stopAll();
    await stopped;
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.parts.running.idle(SHUTDOWN_GRACE_MS);
  }

  /** The rows of a transaction can be seen after its commit only, of which nobody tells. */
  private wake(within: Transaction<Tables> | undefined, jobs: readonly NewJob[]): void {
    if (within !== undefined) this.parts.dispatcher.expect();
    else for (const kind of new Set(jobs.map((job) => job.kind))) this.parts.dispatcher.nudge(kind);
  }

  private countRows(): Promise<JobQueueSnapshot['byKind']> {
    const now = this.parts.clock.monotonicMs();
    if (this.counts !== null && now - this.counts.at < COUNTS_KEPT_MS) return this.counts.byKind;
    const byKind = this.readCounts();
    this.counts = { at: now, byKind };
    byKind.catch(() => {
      this.counts = null;
    });
    return byKind;
  }

  private async readCounts(): Promise<JobQueueSnapshot['byKind']> {
    const byKind: Record<string, { waiting: number; running: number; failed: number; done: number }> = {};
    for (const { kind } of this.parts.kinds.all())
      byKind[kind] = { waiting: 0, running: 0, failed: 0, done: 0 };
    for (const { kind, state, count } of await this.parts.rows.count()) {
      const counts = (byKind[kind] ??= { waiting: 0, running: 0, failed: 0, done: 0 });
      if (state !== 'cancelled') counts[state] = count;
    }
    return byKind;
  }
}
