import { HttpException } from '@nestjs/common';
import { isAbort, isPlimsollError, type ErrorCode } from '../errors/index.js';
import type { Problem } from './problem.js';

/** A problem, and whether its error is a fault of ours that the log must hold. */
export interface MappedError {
  readonly problem: Problem;
  readonly isFault: boolean;
}

/** How a status that some library chose reads in our vocabulary. */
const CODE_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid-parameter',
  401: 'missing-token',
  403: 'invalid-token',
  404: 'route-not-found',
  405: 'method-not-allowed',
  408: 'request-timeout',
  413: 'body-too-large',
  415: 'unsupported-media-type',
  429: 'too-many-requests',
};

/** Turns whatever was thrown into what a client may know of it. */
export function toProblem(error: unknown, requestId: string, isDraining: boolean): MappedError {
  if (isPlimsollError(error)) {
    return {
      problem: {
        code: error.code,
        detail: error.message,
        members: error.details,
        ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
        ...(error.code === 'missing-token'
          ? { headers: { 'WWW-Authenticate': 'Bearer realm="plimsoll"' } }
          : {}),
      },
      isFault: error.code === 'internal-error' || error.code === 'storage-unavailable',
    };
  }
  const status = clientFaultStatus(error);
  if (status !== undefined) return { problem: fromStatus(status, error), isFault: false };
  // While the client still listens, only our own shutdown may abort its work.
  if (isAbort(error) && isDraining) {
    return {
      problem: { code: 'shutting-down', detail: 'The work was stopped before it could finish.' },
      isFault: false,
    };
  }
  return {
    problem: {
      code: 'internal-error',
      detail: `The server failed at this request; its log has more under the request id ${requestId}.`,
    },
    isFault: true,
  };
}

/** The 4xx of an `HttpException`, of `http-errors` and of Express; anything else is no client's fault. */
function clientFaultStatus(error: unknown): number | undefined {
  const status =
    error instanceof HttpException
      ? error.getStatus()
      : error instanceof Error && 'status' in error && 'expose' in error
        ? error.status
        : error instanceof URIError
          ? 400
          : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

function fromStatus(status: number, error: unknown): Problem {
  const code = CODE_BY_STATUS[status] ?? 'invalid-parameter';
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof URIError) {
    return { code: 'invalid-parameter', detail: 'The path holds a malformed percent-encoding.' };
  }
  if (cause instanceof SyntaxError) return { code: 'invalid-body', detail: 'The body is not valid JSON.' };
  const detail =
    error instanceof Error && error.message !== '' ? error.message : 'The request cannot be served.';
  return { code, detail, ...(CODE_BY_STATUS[status] === undefined ? { status } : {}) };
}
