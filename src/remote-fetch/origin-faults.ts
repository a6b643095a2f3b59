import type { IncomingHttpHeaders } from 'node:http';
import { PlimsollError, isPlimsollError, type ErrorCode } from '../errors/index.js';
import { single } from './header-values.js';

/** Failures that an origin is to blame for; everything else is decided here. */
const ORIGIN_FAULTS: readonly ErrorCode[] = [
  'origin-not-found',
  'origin-gone',
  'origin-refused',
  'origin-error',
  'origin-unreachable',
  'origin-timeout',
  'too-many-redirects',
  'source-too-large',
];

/** Whether the origin is to blame for this error. */
export const isOriginFault = (error: unknown): error is PlimsollError =>
  isPlimsollError(error, ...ORIGIN_FAULTS);

/**
 * The fault of an origin with the host that it happened at, after redirects, as `details.host` (with its port, as
 * `URL.host` writes it). Every other error passes as it is.
 */
export function atHost(error: unknown, url: URL): unknown {
  if (!isOriginFault(error) || error.details['host'] !== undefined) return error;
  const { code, message, cause, details, retryAfterSeconds, logMessage, stack } = error;
  // Copied: a part of a string would keep the whole URL, and failures are remembered.
  const host = Buffer.from(url.host).toString();
  const located = new PlimsollError(code, message, {
    cause,
    details: { ...details, host },
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(logMessage !== undefined && { logMessage }),
  });
  return Object.assign(located, { stack });
}

/** Most seconds of an origin's `Retry-After` that are believed where it stretches a remembered failure. */
const MAX_RETRY_AFTER_SECONDS = 300;

/** Most of a `Retry-After` that is reported in `details.retryAfterMs` (chosen: a day). */
const MAX_REPORTED_RETRY_AFTER_MS = 86_400_000;

/**
 * The fault that an origin's status stands for; every status but the ones that carry a body, a redirect or a 304.
 * Its `details` hold `originStatus`, and `retryAfterMs` where the origin sent a `Retry-After` that can be read.
 */
export function statusFault(status: number, headers: IncomingHttpHeaders): PlimsollError {
  const retryAfterMs = readRetryAfterMs(headers);
  const details = { originStatus: status, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  if (status === 404)
    return new PlimsollError('origin-not-found', 'The origin has no such source (404).', { details });
  if (status === 410)
    return new PlimsollError('origin-gone', 'The source is gone from its origin (410).', { details });
  if (status === 401 || status === 403) {
    return new PlimsollError('origin-refused', `The origin refused access to the source (${status}).`, {
      details,
    });
  }
  return new PlimsollError('origin-error', `The origin answered ${status}.`, {
    details,
    ...(retryAfterMs !== undefined && {
      retryAfterSeconds: Math.min(Math.ceil(retryAfterMs / 1000), MAX_RETRY_AFTER_SECONDS),
    }),
  });
}

/** Both forms of RFC 9110 section 10.2.3. A date counts from the answer's own `Date`: two clocks would not agree. */
function readRetryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const value = single(headers['retry-after'])?.trim();
  if (value === undefined) return undefined;
  const waitMs = /^\d{1,9}$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - Date.parse(single(headers.date) ?? '');
  return Number.isFinite(waitMs) ? Math.min(Math.max(waitMs, 0), MAX_REPORTED_RETRY_AFTER_MS) : undefined;
}

/** Faults of this machine, not of the origin: out of file descriptors, ports or memory. */
const OUR_OWN: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/**
 * The fault that a broken connection stands for: without a connection the origin is unreachable, with one it broke off.
 *
 * @param sent whether the request went out on an open connection.
 */
export function connectionFault(cause: Error, sent: boolean): PlimsollError {
  if (OUR_OWN.has(errorCode(cause))) {
    return new PlimsollError('server-busy', 'The server has no connection to spare; try again later.', {
      cause,
      retryAfterSeconds: 2,
    });
  }
  const logMessage = `${errorCode(cause)}: ${cause.message}`;
  return sent
    ? new PlimsollError('origin-error', 'The origin broke off or sent an answer that is not valid HTTP.', {
        cause,
        logMessage,
      })
    : new PlimsollError('origin-unreachable', 'No connection to the origin could be opened.', {
        cause,
        logMessage,
      });
}

const errorCode = (error: Error): string => ('code' in error ? String(error.code) : error.name);

export const sourceTooLarge = (maxBytes: number): PlimsollError =>
  new PlimsollError('source-too-large', `The source has more bytes than the ${maxBytes} allowed.`, {
    details: { maxBytes },
  });
