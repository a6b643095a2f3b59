import { createHash } from 'node:crypto';

/** Longest key for sorting by title, UTF-16 units: PostgreSQL indexes at most 2 704 bytes, these are at most 400. */
const TITLE_KEY_LENGTH = 100;

/** The last code point: bookmarks without a title follow all others. */
const UNTITLED = '\u{10FFFF}';

/** Of a normalised URL, lower-case hex. */
export function urlKey(normalisedUrl: string): string {
  return createHash('sha256').update(normalisedUrl).digest('hex');
}

export function titleKey(title: string | null): string {
  const key = (title ?? '')
    .slice(0, 2 * TITLE_KEY_LENGTH)
    .normalize('NFKC')
    .trim()
    .toLowerCase();
  return key === '' ? UNTITLED : wellFormed(key.slice(0, TITLE_KEY_LENGTH));
}

/** `www.example.com` as `com.example.www.`: a domain is a prefix of all below it. */
export function hostKey(host: string): string {
  return `${host.toLowerCase().replace(/\.$/, '').split('.').reverse().join('.')}.`;
}

/** The range of keys of a domain and all below it. */
export function hostRange(host: string): { readonly from: string; readonly below: string } {
  const from = hostKey(host);
  // The character after the dot.
  return { from, below: `${from.slice(0, -1)}/` };
}

/** What both engines can keep: PostgreSQL refuses NUL, UTF-8 knows no half of a surrogate pair. */
export function storable(text: string): string {
  return wellFormed(text.includes('\0') ? text.replaceAll('\0', '') : text);
}

function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}
