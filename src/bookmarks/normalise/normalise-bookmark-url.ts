import { PlimsollError } from '../../errors/index.js';
import { parseUrl } from '../../url/index.js';
import { LIMITS } from '../model/bookmark.js';
import { isTrackingParameter } from './tracking-parameters.js';

/** Version of the rules below; stored with each bookmark, so that a later change can find what it must do again. */
export const NORMALISER_VERSION = 1;

export interface NormalisedUrl {
  /** As it was given, trimmed, line breaks gone: what is shown and fetched. */
  readonly url: string;
  /** The identity: two bookmarks with the same one are one. */
  readonly normalisedUrl: string;
  /** Host name in lower case and punycode, without port, root dot and `www.`; for filters and search. */
  readonly host: string;
  /** {@link NORMALISER_VERSION}. */
  readonly version: number;
}

/**
 * Reads a URL that someone wants to keep. Every way into the store goes through here, so that create, import and
 * edit agree on what a duplicate is. The text is taken as it stands: who reads it from a query has decoded it once.
 *
 * The identity keeps what may lead to another page and drops what cannot:
 * - scheme and `www.` stay. Either may be another site, and only a request could tell; a duplicate annoys, a wrong
 *   merge loses a bookmark.
 * - host in lower case and punycode, root dot and default port dropped; dot segments resolved.
 * - percent-encoding: what need not be encoded is decoded, hex in upper case, a bare `%` becomes `%25`.
 * - slashes at the end of the path are dropped: sites answer both, or redirect one to the other.
 * - tracking parameters are dropped, empty ones too. The others are sorted by name: servers read them into a map.
 *   Where a name is repeated its order counts, and stays.
 * - the fragment is a place on the page and dropped, unless it is a route (`#!…`, `#/…`); text directives never stay.
 *
 * Applying it to its own result changes nothing.
 *
 * @throws PlimsollError `invalid-bookmark-url` with a sentence that says what is wrong
 */
export function normaliseBookmarkUrl(input: string): NormalisedUrl {
  const text = input.trim().replace(/[\t\n\r]+/g, '');
  assertReadable(text);
  const parsed = parse(text);
  const host = hostOf(parsed);
  const port = parsed.port === '' ? '' : `:${parsed.port}`;
  const path = settleEscapes(parsed.pathname).replace(/\/+$/, '') || '/';
  const normalisedUrl = `${parsed.protocol}//${host}${port}${path}${identityQuery(parsed.search, host)}${identityFragment(parsed.hash)}`;
  if (normalisedUrl.length > LIMITS.url || parsed.href.length > LIMITS.url) throw tooLong();
  return Object.freeze({
    url: flat(text),
    normalisedUrl: flat(normalisedUrl),
    host: flat(displayHost(host)),
    version: NORMALISER_VERSION,
  });
}

const refuse = (message: string): PlimsollError => new PlimsollError('invalid-bookmark-url', message);

const tooLong = (): PlimsollError =>
  refuse(
    `The URL must not be longer than ${LIMITS.url} characters, letters beyond ASCII counted as they are encoded.`,
  );

/** What no URL holds, told apart so that a person can mend it. */
function assertReadable(text: string): void {
  if (text === '') throw refuse('The URL is empty; it must be an absolute http or https URL.');
  if (text.length > LIMITS.url) throw tooLong();
  if (text.includes('\0')) throw refuse('The URL must not contain a NUL character.');
  if (/[\u0001-\u001f\u007f]/.test(text)) throw refuse('The URL must not contain control characters.');
  if (/\p{Surrogate}/u.test(text))
    throw refuse('The URL must be well-formed Unicode; it contains half of a surrogate pair.');
  if (/\s/.test(text)) throw refuse('The URL must not contain spaces; write them as %20.');
}

function parse(text: string): URL {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') {
    throw refuse('The URL must start with http:// or https://; other schemes cannot be kept.');
  }
  // Stricter than browsers, which read a host even out of "http:example.org" and "http:///example.org".
  const authority = /^https?:\/\/([^/?#\\]*)/i.exec(text)?.[1];
  if (authority === undefined || authority === '') throw refuse('The URL has no host.');
  if (authority.includes('@'))
    throw refuse('The URL must not carry a user name or password; remove what stands before the @.');
  const url = parseUrl(text);
  if (url === undefined) throw refuse('The URL has no valid host or port.');
  return url;
}

/** @throws PlimsollError `invalid-bookmark-url` for empty labels, which some resolvers read in another way */
function hostOf({ hostname }: URL): string {
  const host = hostname.replace(/\.$/, '');
  if (host === '' || host.startsWith('.') || host.endsWith('.') || host.includes('..'))
    throw refuse('The URL has no valid host or port.');
  return host;
}

function displayHost(host: string): string {
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  return /^www\.[^.]+\./.test(bare) ? bare.slice('www.'.length) : bare;
}

/** RFC 3986 section 6.2.2: what is unreserved stands plain, everything else encoded with upper-case hex. */
function settleEscapes(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%([0-9a-f]{2})?/gi, (_escape, hex: string | undefined) => {
    if (hex === undefined) return '%25';
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : `%${hex.toUpperCase()}`;
  });
}

function identityQuery(search: string, host: string): string {
  const kept = search
    .slice(1)
    .split('&')
    .map((pair) => ({ pair: settleEscapes(pair), name: nameOf(settleEscapes(pair)) }))
    .filter(({ pair, name }) => pair !== '' && !isTrackingParameter(name, host))
    .sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
  return kept.length === 0 ? '' : `?${kept.map(({ pair }) => pair).join('&')}`;
}

function nameOf(pair: string): string {
  const equalsAt = pair.indexOf('=');
  return equalsAt === -1 ? pair : pair.slice(0, equalsAt);
}

function identityFragment(hash: string): string {
  if (!hash.startsWith('#!') && !hash.startsWith('#/')) return '';
  const directivesAt = hash.indexOf(':~:');
  const route = settleEscapes(directivesAt === -1 ? hash : hash.slice(0, directivesAt));
  // The entrance of an application is its page.
  return /^#!?\/?$/.test(route) ? '' : route;
}

/** A copy of its own: a slice would keep the whole import, or page, that it was cut from. */
const flat = (text: string): string => Buffer.from(text).toString();
