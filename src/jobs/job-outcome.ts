import { isPlimsollError, type ErrorCode } from '../errors/index.js';
import { backoffMs } from './job-backoff.js';
import { boundedJson, MAX_RESULT_BYTES } from './job-json.js';
import { JobGivenUp, JobPostponed } from './job.js';
import { redactText } from './redact-text.js';

/** Why a run was told to stop before its handler was through. */
export type StopReason = 'cancelled' | 'shutdown' | 'claim-lost';

/**
 * How a run ended, as it is written down.
 * - `again`: the attempt failed, another one comes at `runAt`
 * - `postponed`: the same, but the attempt is given back
 */
export type JobOutcome =
  | { readonly kind: 'done'; readonly result: string }
  | {
      readonly kind: 'again' | 'postponed';
      readonly runAt: number;
      readonly code: string | null;
      readonly message: string | null;
    }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'cancelled' };

/** What the handler did. `stuck`: it did not end after it was told to. */
export type HandlerEnd =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'stuck' };

export interface RunFacts {
  readonly end: HandlerEnd;
  readonly stop: StopReason | null;
  /** Set when the deadline of the attempt has passed, ms. */
  readonly timedOutAfterMs: number | null;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly now: number;
  readonly random: () => number;
}

/** Troubles of this server, not of the job: it waits for better times, however often. */
const ENVIRONMENT: readonly ErrorCode[] = ['memory-pressure', 'shutting-down', 'database-unavailable'];

/** Wait for such times when the error does not say, ms; up to twice as long, so that not all come at once. */
const ENVIRONMENT_PAUSE_MS = 15_000;

/** Time in which a process that is told to end is gone, ms: nobody else runs what its handler still holds. */
const STUCK_PAUSE_MS = 5_000;

/** Decides what becomes of a job after a run. Pure. */
export function outcomeOf(facts: RunFacts): JobOutcome {
  const { end, stop, now } = facts;
  if (end.kind === 'returned') return { kind: 'done', result: resultOf(end.value) };
  if (stop === 'cancelled') return { kind: 'cancelled' };
  if (end.kind === 'threw' && end.error instanceof JobPostponed) {
    return {
      kind: 'postponed',
      runAt: end.error.runAt,
      code: 'postponed',
      message: redactText(end.error.message),
    };
  }
  if (end.kind === 'threw' && end.error instanceof JobGivenUp)
    return { kind: 'failed', code: end.error.code, message: redactText(end.error.message) };
  if (stop === 'shutdown') {
    const runAt = end.kind === 'stuck' ? now + STUCK_PAUSE_MS : now;
    return { kind: 'postponed', runAt, code: null, message: null };
  }
  if (facts.timedOutAfterMs !== null) return timedOut(facts, facts.timedOutAfterMs);
  return failed(facts, end.kind === 'threw' ? end.error : undefined);
}

function timedOut(facts: RunFacts, timeoutMs: number): JobOutcome {
  const code = 'operation-timeout';
  const message = `The attempt did not end within ${timeoutMs} ms.`;
  // What still runs must not run a second time beside itself; a person may ask again.
  if (facts.end.kind === 'stuck') return { kind: 'failed', code, message };
  return attemptFailed(facts, code, message, 0);
}

function failed(facts: RunFacts, error: unknown): JobOutcome {
  if (!isPlimsollError(error))
    return attemptFailed(facts, 'internal-error', 'A fault of the server; its log says more.', 0);
  const pauseMs = (error.retryAfterSeconds ?? 0) * 1_000;
  const message = redactText(error.message);
  if (!ENVIRONMENT.includes(error.code)) return attemptFailed(facts, error.code, message, pauseMs);
  const waitMs = Math.max(pauseMs, ENVIRONMENT_PAUSE_MS) * (1 + facts.random());
  return { kind: 'postponed', runAt: facts.now + Math.round(waitMs), code: error.code, message };
}

function attemptFailed(facts: RunFacts, code: string, message: string, atLeastMs: number): JobOutcome {
  if (facts.attempts >= facts.maxAttempts) return { kind: 'failed', code, message };
  const pauseMs = Math.max(atLeastMs, backoffMs(facts.attempts, facts.random));
  return { kind: 'again', runAt: facts.now + pauseMs, code, message };
}

/** The work is done: a result that cannot be kept is left out, and says so. */
function resultOf(value: unknown): string {
  try {
    return boundedJson(value, MAX_RESULT_BYTES, 'The result of a job');
  } catch (error) {
    return JSON.stringify({
      omitted: error instanceof RangeError ? error.message : 'The result is no JSON.',
    });
  }
}
