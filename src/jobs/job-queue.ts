import type { JobKind, JobState, JobView, NewJob } from './job.js';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/index.js';

/** What this process did since it started. */
export interface JobCounters {
  readonly enqueued: number;
  readonly claimed: number;
  readonly done: number;
  /** Attempts that failed and are tried again. */
  readonly retried: number;
  readonly postponed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Runs that a crash or a lost lease had interrupted, put back here. */
  readonly takenUp: number;
  /** Runs whose claim went to another process. */
  readonly claimsLost: number;
  /** Handlers that did not end when told, and those of them that still run. */
  readonly abandoned: number;
  readonly lingering: number;
  readonly pruned: number;
  readonly polls: number;
  readonly pollErrors: number;
}

export interface JobQueueSnapshot {
  readonly paused: boolean;
  /** Reasons of the holders that have not resumed. */
  readonly holders: readonly string[];
  /** In this process; `byKind` counts the rows of all processes, at most 2 s old. */
  readonly running: number;
  readonly counters: JobCounters;
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
  /**
   * Durable when it resolves. With `within` the job appears with that transaction, or not at all; inside a
   * transaction never without.
   *
   * @throws RangeError when the payload is over 64 KiB: a fault of the caller
   */
  enqueue(job: NewJob, within?: Transaction<Tables>): Promise<JobView>;
  /** Many at once, all or none, in one statement up to 200; returns how many were new. */
  enqueueAll(jobs: readonly NewJob[], within?: Transaction<Tables>): Promise<number>;
  find(id: string): Promise<JobView | null>;
  /**
   * Newest first, without results.
   *
   * @throws PlimsollError `invalid-cursor`
   */
  list(options: {
    readonly kind?: string;
    readonly state?: JobState;
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<JobPage>;
  /** `false` when it has ended already, or there is none. A running job is asked through its signal and may still end as `done`. */
  cancel(id: string): Promise<boolean>;
  /**
   * Puts a failed or cancelled job back with all its attempts and its progress. Answers with the job that has taken its
   * `dedupeKey` meanwhile, if any; `null` when there is none to put back.
   */
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
