import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode } from '../errors/index.js';
import { lingerOnUnreadBody } from './linger.js';
import { PROBLEM_CATALOGUE } from './problem-catalogue.js';
import { factsOf } from './request-facts.js';

/** Where the codes are explained to people; the `type` of a problem points into it. */
export const PROBLEM_PAGE = '/api/docs/problems';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** One refusal or fault on its way to a client. */
export interface Problem {
  readonly code: ErrorCode;
  readonly detail: string;
  /** Instead of the catalogue's; for limits of HTTP itself (414, 431). */
  readonly status?: number;
  /** Whole seconds; the catalogue's value stands in. */
  readonly retryAfterSeconds?: number;
  /** Further members of the body: figures, never secrets. */
  readonly members?: Readonly<Record<string, string | number | boolean>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Headers that described the answer which the problem replaces. `Vary` and the security headers stay. */
const STALE_HEADERS = [
  'accept-ranges',
  'cache-control',
  'cache-status',
  'content-disposition',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'transfer-encoding',
];

/** The JSON of a problem (RFC 9457). */
export function problemBody(problem: Problem, instance?: string): string {
  const kind = PROBLEM_CATALOGUE[problem.code];
  const retryAfterSeconds = retryAfterOf(problem);
  return JSON.stringify({
    ...problem.members,
    type: `${PROBLEM_PAGE}#${problem.code}`,
    title: kind.title,
    status: problem.status ?? kind.status,
    detail: problem.detail,
    code: problem.code,
    ...(instance === undefined ? {} : { instance }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

/** Writes the answer. The caller has made sure that no header went out yet. */
export function sendProblem(request: IncomingMessage, response: ServerResponse, problem: Problem): void {
  const kind = PROBLEM_CATALOGUE[problem.code];
  const facts = factsOf(request);
  facts.problemCode = problem.code;
  for (const name of STALE_HEADERS) response.removeHeader(name);

  const body = problemBody(problem, `urn:request:${encodeURIComponent(facts.id)}`);
  response.statusCode = problem.status ?? kind.status;
  response.setHeader('Content-Type', PROBLEM_MEDIA_TYPE);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.setHeader(
    'Cache-Control',
    kind.maxAgeSeconds === undefined ? 'no-store' : `public, max-age=${kind.maxAgeSeconds}`,
  );
  const retryAfterSeconds = retryAfterOf(problem);
  if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(retryAfterSeconds));
  for (const [name, value] of Object.entries(problem.headers ?? {})) response.setHeader(name, value);
  response.end(body);
  lingerOnUnreadBody(request);
}

function retryAfterOf(problem: Problem): number | undefined {
  const seconds = problem.retryAfterSeconds ?? PROBLEM_CATALOGUE[problem.code].retryAfterSeconds;
  return seconds === undefined ? undefined : Math.max(1, Math.ceil(seconds));
}
