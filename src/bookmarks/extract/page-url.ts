import { parseUrl } from '../../url/index.js';
import { flatten } from './page-text.js';

/** Longest URL that is kept, characters: what `remote-fetch` takes at most. */
export const MAX_URL_CHARS = 4_096;

/** What templates and scripts leave where a URL was meant. */
const NO_URLS: ReadonlySet<string> = new Set([
  '',
  '#',
  '/',
  'null',
  'undefined',
  'none',
  'false',
  'true',
  'nan',
]);

/** A template that nobody filled in. */
const TEMPLATE = /\{\{|\$\{|\{%|\{\w+\}|\[object |<%|%>|%[A-Z]+_[A-Z_]+%/;

/**
 * An address of a page as an absolute http or https URL.
 *
 * @returns `undefined` for other schemes, for credentials, for what is no URL or a placeholder of one
 */
export function resolvePageUrl(raw: string | undefined, base: string): string | undefined {
  if (raw === undefined || raw.length > MAX_URL_CHARS * 2) return undefined;
  const text = raw.trim();
  if (NO_URLS.has(text.toLowerCase()) || TEMPLATE.test(text)) return undefined;
  const url = parseUrl(text, base);
  if (url === undefined) return undefined;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  if (url.username !== '' || url.password !== '' || url.href.length > MAX_URL_CHARS) return undefined;
  return flatten(url.href);
}

/** The address that relative ones count from: the first `<base href>`, itself relative to the page. */
export function baseOf(baseHref: string | undefined, pageUrl: string): string {
  return resolvePageUrl(baseHref === '/' ? `${new URL(pageUrl).origin}/` : baseHref, pageUrl) ?? pageUrl;
}
