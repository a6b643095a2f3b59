import type { JobKind, JobState, JobView, NewJob } from './job.js';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/index.js';

export interface JobQueueSnapshot {
  readonly paused: boolean;
  readonly running: number;
  readonly byKind: Readonly<
    Record<
      string,
      { readonly waiting: number; readonly running: number; readonly failed: number; readonly done: number }
    >
  >;
}

export interface JobPage {
  readonly jobs: readonly JobView[];
  readonly nextCursor: string | null;
}

/**
 * Background work that survives a kill: a job is a row, claimed by a lease, never run twice at once, taken up again
 * at start or when its lease has run out. Attempts are at least once: handlers are idempotent.
 */
export interface JobQueue {
  /** Declares a kind before the application has started; jobs of kinds that nobody declared stay where they are. */
  define<P>(kind: JobKind<P>): void;
  /** Durable when it resolves. With `within` the job appears with that transaction, or not at all. */
  enqueue(job: NewJob, within?: Transaction<Tables>): Promise<JobView>;
  /** Many at once, in one statement; returns how many were new. */
  enqueueAll(jobs: readonly NewJob[], within?: Transaction<Tables>): Promise<number>;
  find(id: string): Promise<JobView | null>;
  list(options: {
    readonly kind?: string;
    readonly state?: JobState;
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<JobPage>;
  /** `false` when it has ended already. A running job is asked through its signal. */
  cancel(id: string): Promise<boolean>;
  /** Puts a failed or cancelled job back. `null` when there is none. */
  retry(id: string): Promise<JobView | null>;
  /** Claims nothing new while any holder has not resumed. */
  pause(reason: string): () => void;
  snapshot(): Promise<JobQueueSnapshot>;
}

/** Injection token of the {@link JobQueue}. */
export const JOB_QUEUE = Symbol('JOB_QUEUE');

/** Says whether background work may start: `image-memory` answers, which this room does not know. */
export interface JobGate {
  /** `false` from `coordinate` up. */
  mayStart(): boolean;
  /** Calls back on every change of the answer; returns the detacher. */
  onChange(listener: () => void): () => void;
}

/** Injection token of the {@link JobGate}; bound by the composition root, open without one. */
export const JOB_GATE = Symbol('JOB_GATE');
