import { PlimsollError } from '../errors/index.js';
import { parseUrl } from '../url/index.js';

/** Longest source URL, characters, before and after parsing (chosen: twice what proxies pass in a request line's query). */
export const MAX_SOURCE_URL_CHARS = 4_096;

const tooLong = (): PlimsollError =>
  new PlimsollError(
    'invalid-parameter',
    `The source URL must not be longer than ${MAX_SOURCE_URL_CHARS} characters.`,
  );

/**
 * Parses a source URL once, by the WHATWG rules that the connection follows too, so that what is checked is
 * what is fetched. The fragment is dropped; the query stays, it belongs to the identity of a source.
 *
 * @throws PlimsollError `invalid-parameter` when it is no absolute URL or longer than {@link MAX_SOURCE_URL_CHARS},
 *   `unsupported-url-scheme` for anything but http and https, `url-not-allowed` when it carries credentials.
 */
export function parseSourceUrl(text: string): URL {
  if (text.length > MAX_SOURCE_URL_CHARS) throw tooLong();
  const url = parseUrl(text);
  if (url === undefined) {
    throw new PlimsollError('invalid-parameter', 'The source URL must be an absolute http or https URL.');
  }
  assertHttp(url);
  url.hash = '';
  if (url.href.length > MAX_SOURCE_URL_CHARS) throw tooLong();
  return url;
}

/** The canonical text of a source URL: one text for one source. Throws as {@link parseSourceUrl}. */
export function normaliseSourceUrl(text: string): string {
  return parseSourceUrl(text).href;
}

/**
 * Where an origin redirects to, resolved against the URL that answered.
 *
 * @throws PlimsollError `origin-error` when the location cannot be read; `url-not-allowed` when it leads to
 *   another scheme or carries credentials: the client's own URL was fine, so this is not its mistake.
 */
export function resolveRedirect(location: string, from: URL): URL {
  const target = location.length > MAX_SOURCE_URL_CHARS ? undefined : parseUrl(location, from);
  if (target === undefined) {
    throw new PlimsollError('origin-error', 'The origin redirected to something that is not a URL.');
  }
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    throw new PlimsollError('url-not-allowed', 'The origin redirected to a URL that is not http or https.');
  }
  assertNoCredentials(target);
  target.hash = '';
  return target;
}

/** The port that a URL names, or the default of its scheme. */
export function effectivePort(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

/** The host of a URL as it is compared: without the brackets of IPv6 and without the dot of a rooted name. */
export function bareHost(url: URL): string {
  const host = url.hostname;
  return host.startsWith('[') ? host.slice(1, -1) : host.replace(/\.$/, '');
}

function assertHttp(url: URL): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new PlimsollError('unsupported-url-scheme', 'The source URL must start with http:// or https://.');
  }
  assertNoCredentials(url);
}

function assertNoCredentials(url: URL): void {
  if (url.username !== '' || url.password !== '') {
    throw new PlimsollError('url-not-allowed', 'The source URL must not carry a user name or password.');
  }
}
