import type { IncomingHttpHeaders } from 'node:http';
import { PlimsollError } from '../errors/index.js';
import type { ReadBody } from './body-reader.js';
import type { ReceivedBody } from './body-receiver.js';
import { ACCEPTED_CODINGS } from './content-decoder.js';
import type {
  AnswerHead,
  FetchOutcome,
  FetchSink,
  FreshnessHeaders,
  HeadHeaders,
  ReadOutcome,
  SourceRequest,
  Validators,
} from './fetch-types.js';
import { pickHeaders, single } from './header-values.js';
import type { OriginAnswer } from './origin-exchange.js';
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
] as const satisfies readonly (keyof FreshnessHeaders)[];

const HEAD_HEADERS = [
  'retry-after',
  'link',
  'etag',
  'last-modified',
  'x-robots-tag',
  'content-language',
  'cache-control',
  'expires',
  'date',
  'age',
] as const satisfies readonly (keyof HeadHeaders)[];

/** Longest header of a head, characters (chosen: a dozen `Link` targets). */
const MAX_HEAD_HEADER_CHARS = 4_096;

/** Longest `Content-Type` that is passed on, characters; the type is sniffed from the bytes anyway (chosen). */
const MAX_CONTENT_TYPE_CHARS = 256;

/** What is sent: no cookie, no credentials, no referrer. */
export function requestHeaders(request: SourceRequest): Record<string, string> {
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
function sendableValidators({ validators }: SourceRequest): Validators {
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
export function redirectTarget(answer: OriginAnswer<unknown>, from: URL, seen: ReadonlySet<string>): URL {
  const location = single(answer.headers.location);
  if (location === undefined) {
    throw new PlimsollError(
      'origin-error',
      `The origin answered ${answer.status} without saying where to go.`,
      { details: { originStatus: answer.status } },
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
  answer: OriginAnswer<ReceivedBody<S>>,
  url: URL,
  request: SourceRequest,
): FetchOutcome<S> {
  const finalUrl = url.href;
  const headers = pickHeaders(answer.headers, FRESHNESS_HEADERS, Infinity);
  if (answer.body !== undefined) {
    return { ...answer.body, contentType: contentType(answer.headers), headers, finalUrl };
  }
  if (isNotModified(answer, request)) return { kind: 'not-modified', headers, finalUrl };
  throw statusFault(answer.status, answer.headers);
}

/** What a reader is told of an answer before its body. */
export function toHead(status: number, headers: IncomingHttpHeaders, url: URL): AnswerHead {
  return {
    status,
    finalUrl: url.href,
    contentType: contentType(headers),
    headers: pickHeaders(headers, HEAD_HEADERS, MAX_HEAD_HEADER_CHARS),
  };
}

/**
 * The final answer as the outcome of a reading.
 *
 * @param declined whether its body was not wanted.
 * @throws PlimsollError the fault that its status stands for.
 */
export function toReadOutcome(
  answer: OriginAnswer<ReadBody>,
  url: URL,
  request: SourceRequest,
  declined: boolean,
): ReadOutcome {
  const head = toHead(answer.status, answer.headers, url);
  if (declined) return { kind: 'declined', head };
  if (answer.body !== undefined) {
    return { kind: 'read', head, ...answer.body, truncated: answer.body.end === 'max-bytes' };
  }
  if (isNotModified(answer, request)) return { kind: 'not-modified', head };
  throw statusFault(answer.status, answer.headers);
}

function isNotModified(answer: OriginAnswer<unknown>, request: SourceRequest): boolean {
  const { etag, lastModified } = sendableValidators(request);
  return answer.status === 304 && (etag !== undefined || lastModified !== undefined);
}

const contentType = (headers: IncomingHttpHeaders): string | undefined =>
  single(headers['content-type'])?.slice(0, MAX_CONTENT_TYPE_CHARS);
