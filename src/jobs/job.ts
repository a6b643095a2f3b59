import type { Transaction } from 'kysely';
import type { Tables } from '../database/index.js';

export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

export interface JobProgress {
  readonly done: number;
  /** Absent while unknown. */
  readonly total?: number;
  /** Counters of the kind, such as `created` and `duplicates`. */
  readonly counts?: Readonly<Record<string, number>>;
  /** Where to go on after a crash; opaque to the queue. All of it together is JSON of at most 16 KiB. */
  readonly checkpoint?: unknown;
}

/** A job as everyone may see it. Times are epoch ms. */
export interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly state: JobState;
  /** Attempts in a row that did not get further; interrupted ones count, postponed ones do not. */
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly runAt: number;
  readonly progress: JobProgress | null;
  /** What the handler returned, JSON of at most 64 KiB; lists leave it out (`null`). */
  readonly result: unknown;
  /** Why it failed, or why it waits again. */
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly finishedAt: number | null;
}

export interface NewJob {
  readonly kind: string;
  /** JSON of at most 64 KiB. */
  readonly payload: unknown;
  /** While a job with this key has not ended, `enqueue` answers with that one. */
  readonly dedupeKey?: string;
  /** Smaller runs first; 100 by default. */
  readonly priority?: number;
  /** Epoch ms; now by default. */
  readonly runAt?: number;
  /** 5 by default. */
  readonly maxAttempts?: number;
}

/** What a handler works with. */
export interface JobRun<P> {
  readonly id: string;
  readonly payload: P;
  /** 1 at the first attempt. */
  readonly attempt: number;
  /** The last progress that was saved, also by a run that a crash ended. */
  readonly progress: JobProgress | null;
  /** Aborts on shutdown, on cancel, and when the claim was lost. */
  readonly signal: AbortSignal;
  /**
   * Durable when it resolves; also renews the claim. Of calls that come while one is being written only the last is
   * written. With `within` it is written by that transaction and appears with it, or not at all; await it there, so that
   * the transaction rolls back when the claim was lost. Inside a transaction never without `within`.
   * Progress whose `done` has grown makes this attempt count as the first again.
   *
   * @throws JobClaimLost when the run goes on elsewhere, or is over
   * @throws RangeError over 16 KiB
   */
  saveProgress(progress: JobProgress, within?: Transaction<Tables>): Promise<void>;
}

/**
 * Thrown by a handler: not a failure of the job, which comes again at `runAt` (epoch ms) with its attempt given back.
 * The reason is shown to people.
 */
export class JobPostponed extends Error {
  constructor(
    readonly runAt: number,
    reason: string,
  ) {
    super(reason);
    this.name = 'JobPostponed';
  }
}

/** Thrown by a handler: trying again would not help. Code and message are shown to people. */
export class JobGivenUp extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'JobGivenUp';
  }
}

export interface JobKind<P> {
  readonly kind: string;
  /** How many of this kind run at once in this process. */
  readonly concurrency: number;
  /** Deadline of one attempt, ms. */
  readonly timeoutMs: number;
  /** `memory`: not started from `coordinate` up, as the gate says; `always`: small work that is never refused for pressure. */
  readonly gate: 'memory' | 'always';
  /** Jobs that ended are kept for this long, ms. */
  readonly keepMs: number;
  /**
   * Ends soon after `job.signal` aborts. May run again after a crash: what it did before must be found in `progress`
   * or be harmless to do twice. A `PlimsollError` shows its code and message to people, any other error neither.
   */
  run(job: JobRun<P>): Promise<unknown>;
}
