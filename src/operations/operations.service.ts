import { Inject, Injectable } from '@nestjs/common';
import { AsyncOperationsMonitor } from '../async-ops/index.js';
import { PlimsollError } from '../errors/index.js';
import { JOB_QUEUE, type JobQueue, type JobView } from '../jobs/index.js';
import { toJobEntry, toRunningEntry, type JobEntry, type RunningEntry } from './operation-views.js';
import type { OperationsQuery } from './operations-query.js';

export interface OperationsPage {
  /** Newest first; results are shown one by one only. */
  readonly jobs: readonly JobEntry[];
  /** What runs now and is no job; on the first page. */
  readonly running: readonly RunningEntry[];
  readonly nextCursor: string | null;
}

/** Operations of the monitor that stand for a job; the job is listed. */
const JOBS_CONTEXT = 'jobs';

/** Ids of the monitor are numbers, those of jobs UUIDs. */
const RUNNING_ID = /^[1-9]\d{0,14}$/;
const JOB_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What the server is at, for people: jobs, and what else runs. */
@Injectable()
export class OperationsService {
  constructor(
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    private readonly operations: AsyncOperationsMonitor,
  ) {}

  /** @throws PlimsollError `invalid-cursor`, `database-unavailable` */
  async list({ kind, state, limit, cursor }: OperationsQuery): Promise<OperationsPage> {
    const page = await this.queue.list({
      limit,
      ...(kind === undefined ? {} : { kind }),
      ...(state === undefined ? {} : { state }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const showsRunning = cursor === undefined && (state === undefined || state === 'running');
    return {
      jobs: page.jobs.map(toJobEntry),
      running: showsRunning ? this.running(kind, limit) : [],
      nextCursor: page.nextCursor,
    };
  }

  /** @throws PlimsollError `operation-not-found`, `database-unavailable` */
  async find(id: string): Promise<JobEntry | RunningEntry> {
    if (!RUNNING_ID.test(id)) return toJobEntry(await this.job(id));
    const operation = this.operations.get(Number(id));
    if (operation === undefined) throw notFound();
    return toRunningEntry(operation);
  }

  /**
   * Asks a job to stop; it is over when its state says so.
   *
   * @throws PlimsollError `operation-ended` when there is nothing to stop, `invalid-parameter` when it is no job, and as above
   */
  async cancel(id: string): Promise<JobEntry> {
    this.assertJob(id, 'cancelled');
    await this.job(id);
    const isAsked = await this.queue.cancel(id);
    const job = await this.job(id);
    if (!isAsked) throw hasEnded(job, 'Only one that waits or runs can be cancelled');
    return toJobEntry(job);
  }

  /**
   * Puts a failed or cancelled job back. One that waits or runs stays as it is: asking twice is asking once.
   *
   * @throws PlimsollError `operation-ended` when it is done, and as above
   */
  async retry(id: string): Promise<JobEntry> {
    this.assertJob(id, 'tried again');
    await this.job(id);
    const job = (await this.queue.retry(id)) ?? (await this.job(id));
    if (job.finishedAt !== null) throw hasEnded(job, 'Only a failed or cancelled one can be tried again');
    return toJobEntry(job);
  }

  private running(kind: string | undefined, limit: number): RunningEntry[] {
    return (['running', 'detached'] as const)
      .flatMap((state) => this.operations.list({ state, limit: 500 }))
      .filter(({ context, name }) => context !== JOBS_CONTEXT && (kind === undefined || name === kind))
      .slice(0, limit)
      .map(toRunningEntry);
  }

  private async job(id: string): Promise<JobView> {
    const job = JOB_ID.test(id) ? await this.queue.find(id) : null;
    if (job === null) throw notFound();
    return job;
  }

  private assertJob(id: string, done: string): void {
    if (!RUNNING_ID.test(id)) return;
    if (this.operations.get(Number(id)) === undefined) throw notFound();
    throw new PlimsollError('invalid-parameter', `id: only background jobs can be ${done}.`);
  }
}

const notFound = (): PlimsollError =>
  new PlimsollError('operation-not-found', 'There is no operation with this id, or it is forgotten by now.');

const hasEnded = ({ state }: JobView, allowed: string): PlimsollError =>
  new PlimsollError('operation-ended', `The operation is ${state}. ${allowed}.`, { details: { state } });
