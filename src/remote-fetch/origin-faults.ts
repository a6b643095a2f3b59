import { PlimsollError } from '../errors/index.js';

/** Most seconds of an origin's `Retry-After` that are believed. */
const MAX_RETRY_AFTER_SECONDS = 300;

/** The fault that an origin's status stands for; every status but the ones that carry a body, a redirect or a 304. */
export function statusFault(status: number, retryAfter: string | undefined): PlimsollError {
  const details = { originStatus: status };
  if (status === 404)
    return new PlimsollError('origin-not-found', 'The origin has no such source (404).', { details });
  if (status === 410)
    return new PlimsollError('origin-gone', 'The source is gone from its origin (410).', { details });
  if (status === 401 || status === 403) {
    return new PlimsollError('origin-refused', `The origin refused access to the source (${status}).`, {
      details,
    });
  }
  const seconds = parseRetryAfter(retryAfter);
  return new PlimsollError('origin-error', `The origin answered ${status}.`, {
    details,
    ...(seconds !== undefined && { retryAfterSeconds: seconds }),
  });
}

/** Seconds only: the form with a date depends on two clocks. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{1,9}$/.test(value)) return undefined;
  return Math.min(Number(value), MAX_RETRY_AFTER_SECONDS);
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
