import type { IncomingHttpHeaders } from 'node:http';
import { PlimsollError } from '../errors/index.js';
import { ACCEPTED_CODINGS } from './content-decoder.js';
import type { FetchOutcome, FetchRequest, FetchSink, FreshnessHeaders, Validators } from './fetch-types.js';
import { single, type OriginAnswer } from './origin-exchange.js';
import { statusFault } from './origin-faults.js';
import { resolveRedirect } from './source-url.js';
import { USER_AGENT } from './user-agent.js';

/** Most redirects that are followed (DESIGN section 6). */
const MAX_REDIRECTS = 5;

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What RFC 9110 section 5.5 lets into a field value. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]{1,1024}$/;

const FRESHNESS_HEADERS = [
  'cache-control',
  'expires',
  'date',
  'age',
  'etag',
  'last-modified',
  'pragma',
] as const;

/** Longest `Content-Type` that is passed on, characters; the type is sniffed from the bytes anyway (chosen). */
const MAX_CONTENT_TYPE_CHARS = 256;

/** What is sent: no cookie, no credentials, no referrer. */
export function requestHeaders(request: FetchRequest<FetchSink>): Record<string, string> {
  const headers: Record<string, string> = {
    'user-agent': USER_AGENT,
    accept: request.accept,
    'accept-encoding': ACCEPTED_CODINGS,
  };
  const { etag, lastModified } = sendableValidators(request);
  if (etag !== undefined) headers['if-none-match'] = etag;
  if (lastModified !== undefined) headers['if-modified-since'] = lastModified;
  return headers;
}

/** Validators that fit into a header; they were an origin's and may hold anything. */
function sendableValidators({ validators }: FetchRequest<FetchSink>): Validators {
  const { etag, lastModified } = validators ?? {};
  return {
    ...(etag !== undefined && HEADER_VALUE.test(etag) && { etag }),
    ...(lastModified !== undefined && HEADER_VALUE.test(lastModified) && { lastModified }),
  };
}

/** Whether the answer leads to another URL. */
export const isRedirect = (status: number): boolean => REDIRECT_STATUSES.has(status);

/**
 * Where the answer leads.
 *
 * @param seen the URLs of this fetch so far, `from` included.
 * @throws PlimsollError `too-many-redirects` past the fifth and in a circle, `url-not-allowed` to another scheme,
 *   `origin-error` without a location that can be read.
 */
export function redirectTarget(answer: OriginAnswer<FetchSink>, from: URL, seen: ReadonlySet<string>): URL {
  const location = single(answer.headers.location);
  if (location === undefined) {
    throw new PlimsollError(
      'origin-error',
      `The origin answered ${answer.status} without saying where to go.`,
    );
  }
  const target = resolveRedirect(location, from);
  if (seen.has(target.href)) {
    throw new PlimsollError('too-many-redirects', 'The origin redirects in a circle.');
  }
  if (seen.size > MAX_REDIRECTS) {
    throw new PlimsollError('too-many-redirects', `The origin redirected more than ${MAX_REDIRECTS} times.`);
  }
  return target;
}

/**
 * The final answer as an outcome.
 *
 * @throws PlimsollError the fault that its status stands for.
 */
export function toOutcome<S extends FetchSink>(
  answer: OriginAnswer<S>,
  url: URL,
  request: FetchRequest<S>,
): FetchOutcome<S> {
  const finalUrl = url.href;
  const headers = freshnessHeaders(answer.headers);
  if (answer.body !== undefined) {
    const contentType = single(answer.headers['content-type'])?.slice(0, MAX_CONTENT_TYPE_CHARS);
    return { ...answer.body, contentType, headers, finalUrl };
  }
  const { etag, lastModified } = sendableValidators(request);
  if (answer.status === 304 && (etag !== undefined || lastModified !== undefined)) {
    return { kind: 'not-modified', headers, finalUrl };
  }
  throw statusFault(answer.status, single(answer.headers['retry-after']));
}

function freshnessHeaders(headers: IncomingHttpHeaders): FreshnessHeaders {
  const kept: { -readonly [K in keyof FreshnessHeaders]: FreshnessHeaders[K] } = {};
  for (const name of FRESHNESS_HEADERS) {
    // undici gives a list where a header came in several lines (RFC 9110 section 5.3).
    const value = headers[name] as string | readonly string[] | undefined;
    if (value !== undefined) kept[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return Object.freeze(kept);
}
