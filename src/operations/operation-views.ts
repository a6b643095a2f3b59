import type { OperationView } from '../async-ops/index.js';
import type { JobView } from '../jobs/index.js';
import { redactJson } from './redact-json.js';

/** A background job as clients see it. Times are ISO 8601. */
export interface JobEntry {
  readonly id: string;
  readonly kind: string;
  readonly state: JobView['state'];
  readonly attempts: number;
  readonly maxAttempts: number;
  /** When a waiting one is due. */
  readonly runAt: string | null;
  readonly progress: {
    readonly done: number;
    readonly total: number | null;
    readonly counts: unknown;
  } | null;
  readonly result: unknown;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly finishedAt: string | null;
}

/** Work of a request, or of the server itself, that runs now or ended lately. */
export interface RunningEntry {
  readonly id: string;
  /** The room that asked. */
  readonly context: string;
  readonly kind: string;
  readonly state: OperationView['state'];
  readonly startedAt: string;
  readonly durationMs: number;
  readonly timeoutMs: number | null;
  readonly error: string | null;
  readonly metadata: OperationView['metadata'];
}

/** Where a job goes on after a crash is its own affair: the checkpoint is left out. */
export function toJobEntry(job: JobView): JobEntry {
  const { id, kind, state, attempts, maxAttempts, progress, result, error } = job;
  return {
    id,
    kind,
    state,
    attempts,
    maxAttempts,
    runAt: state === 'waiting' ? iso(job.runAt) : null,
    progress:
      progress === null
        ? null
        : {
            done: progress.done,
            total: progress.total ?? null,
            counts: redactJson(progress.counts ?? {}),
          },
    result: redactJson(result),
    error: error === null ? null : { code: error.code, message: redactJson(error.message) as string },
    createdAt: iso(job.createdAt),
    updatedAt: iso(job.updatedAt),
    finishedAt: job.finishedAt === null ? null : iso(job.finishedAt),
  };
}

export function toRunningEntry(operation: OperationView): RunningEntry {
  const { id, context, name, state, startedAt, durationMs, timeoutMs, error, metadata } = operation;
  return {
    id: String(id),
    context,
    kind: name,
    state,
    startedAt: iso(startedAt),
    durationMs: Math.round(durationMs),
    timeoutMs,
    error,
    metadata,
  };
}

const iso = (at: number): string => new Date(at).toISOString();
