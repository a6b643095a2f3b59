import type { Selectable } from 'kysely';
import type { JobsTable } from '../database/index.js';
import { parseJson } from './job-json.js';
import type { JobOutcome } from './job-outcome.js';
import type { JobProgress, JobState, JobView } from './job.js';

/**
 * `error_code` of a running row that someone cancelled: whoever runs it reads it with the next heartbeat. The state
 * stays `running` until the handler has ended, so that the job cannot run twice at once.
 */
export const CANCEL_REQUESTED = 'cancel-requested';

/** Columns that a list reads: no payload, no result. */
export const LISTED_COLUMNS = [
  'id',
  'kind',
  'state',
  'attempts',
  'max_attempts',
  'run_at',
  'progress',
  'error_code',
  'error_message',
  'created_at',
  'updated_at',
  'finished_at',
] as const;

type ListedRow = Pick<Selectable<JobsTable>, (typeof LISTED_COLUMNS)[number]>;

/** A row as everyone may see it. */
export function toJobView(row: ListedRow & { readonly result?: string | null }): JobView {
  const showsError = row.error_code !== null && row.error_code !== CANCEL_REQUESTED;
  return {
    id: row.id,
    kind: row.kind,
    state: row.state as JobState,
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    runAt: row.run_at,
    progress: parseJson(row.progress) as JobProgress | null,
    result: parseJson(row.result ?? null),
    error: showsError ? { code: row.error_code ?? '', message: row.error_message ?? '' } : null,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    finishedAt: row.finished_at,
  };
}

/** How an outcome is written down, lease and attempts apart. */
export function outcomeColumns(
  outcome: JobOutcome,
  now: number,
): Readonly<Record<string, string | number | null>> {
  switch (outcome.kind) {
    case 'done':
      return {
        state: 'done',
        result: outcome.result,
        error_code: null,
        error_message: null,
        finished_at: now,
      };
    case 'failed':
      return {
        state: 'failed',
        error_code: outcome.code,
        error_message: outcome.message,
        finished_at: now,
      };
    case 'cancelled':
      return { state: 'cancelled', error_code: null, error_message: null, finished_at: now };
    case 'again':
    case 'postponed':
      return {
        state: 'waiting',
        run_at: outcome.runAt,
        error_code: outcome.code,
        error_message: outcome.message,
      };
  }
}
