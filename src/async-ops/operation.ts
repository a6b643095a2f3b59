/** What an operation carries for people to read; URLs in it are redacted. Keep it small. */
export type OperationMetadata = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * - `running`: its waiter waits.
 * - `completed`, `failed`: it settled in time.
 * - `timeout`: its deadline passed; the waiter was rejected, the work told to stop.
 * - `aborted`: its caller gave up; the waiter was rejected, the work told to stop.
 * - `detached`: the waiter is gone as above, but native work that cannot be stopped goes on.
 */
export type OperationState = 'running' | 'completed' | 'failed' | 'timeout' | 'aborted' | 'detached';

/** How the waiter's part ended. */
export type OperationOutcome = Exclude<OperationState, 'running' | 'detached'>;

/** One operation as it is listed. */
export interface OperationView {
  readonly id: number;
  /** The room that asked, e.g. `images`. */
  readonly context: string;
  readonly name: string;
  readonly state: OperationState;
  /** Why a `detached` one lost its waiter; else the same as `state`, `null` while it runs. */
  readonly outcome: OperationOutcome | null;
  /** Epoch ms. */
  readonly startedAt: number;
  /** Until now, or until it was over; for native work until the work itself was over. */
  readonly durationMs: number;
  readonly timeoutMs: number | null;
  /** The stable code of the error, or its name. */
  readonly error: string | null;
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
}

/** Counts of one name, or of all. */
export interface OperationCounts {
  readonly started: number;
  readonly running: number;
  readonly detached: number;
  readonly completed: number;
  readonly failed: number;
  readonly timeout: number;
  readonly aborted: number;
}

/** Counts and times of one name. */
export interface NamedOperationCounts extends OperationCounts {
  readonly context: string;
  readonly name: string;
  /** Waiting time of all that ended, and the longest, ms. */
  readonly totalMs: number;
  readonly maxMs: number;
  readonly lastError: string | null;
  readonly lastErrorAt: number | null;
}
