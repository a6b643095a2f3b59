import { isAbort, isPlimsollError, PlimsollError, type ErrorCode } from '../../errors/index.js';
import { hostVerdict, originStatusOf } from './politeness/host-fault.js';

/**
 * What a failed look at a page means for its bookmark. Abort, timeout, refusal and "not found" are four things, and
 * a shortage of ours is a fifth.
 *
 * - `aborted`: the job was stopped; nothing is known, nothing is written.
 * - `deferred`: this server could not look (memory, a full queue, a store); comes again, counts for nothing.
 * - `forbidden`: this server must not look there (its own address, a private one); it does not try again by itself.
 * - `missing`: the origin says that there is nothing (404, 410).
 * - `failing`: no host, no answer, a broken one; tried again by the queue, and it is held against the link.
 * - `throttled`: the host asks for patience (429, 503 with a time); not held against the link.
 * - `walled`: something answers that does not let us see the page; not held against the link.
 * - `fault`: an error of this server.
 */
export type FailureKind =
  'aborted' | 'deferred' | 'forbidden' | 'missing' | 'failing' | 'throttled' | 'walled' | 'fault';

export interface Failure {
  readonly kind: FailureKind;
  readonly code: ErrorCode;
  /** Of the origin; `null` when there was none. */
  readonly status: number | null;
  /** How long to wait at least, ms, where the error says so. */
  readonly retryAfterMs: number | null;
}

const KINDS: Readonly<Partial<Record<ErrorCode, FailureKind>>> = {
  'memory-pressure': 'deferred',
  'server-busy': 'deferred',
  'shutting-down': 'deferred',
  'too-many-requests': 'deferred',
  'storage-unavailable': 'deferred',
  'database-unavailable': 'deferred',
  'url-not-allowed': 'forbidden',
  'unsupported-url-scheme': 'forbidden',
  'invalid-parameter': 'forbidden',
  'origin-not-found': 'missing',
  'origin-gone': 'missing',
  'origin-unreachable': 'failing',
  'origin-timeout': 'failing',
  'operation-timeout': 'failing',
  'origin-refused': 'walled',
  'too-many-redirects': 'walled',
  'source-too-large': 'walled',
};

export function failureOf(error: unknown): Failure {
  if (isAbort(error)) return { kind: 'aborted', code: 'internal-error', status: null, retryAfterMs: null };
  if (!isPlimsollError(error)) {
    return { kind: 'fault', code: 'internal-error', status: null, retryAfterMs: null };
  }
  const status = originStatusOf(error) ?? null;
  const seconds = error.retryAfterSeconds;
  const { retryAfterMs = seconds === undefined ? null : seconds * 1_000 } = error.details;
  return {
    kind: error.code === 'origin-error' ? originError(error, status) : (KINDS[error.code] ?? 'fault'),
    code: error.code,
    status,
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : null,
  };
}

function originError(error: PlimsollError, status: number | null): FailureKind {
  if (status === 429 || (status === 503 && error.retryAfterSeconds !== undefined)) return 'throttled';
  return hostVerdict(error) === 'answer' ? 'walled' : 'failing';
}
