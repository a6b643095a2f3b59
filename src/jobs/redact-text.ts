import { redactUrl } from '../errors/index.js';

const URLS = /\bhttps?:\/\/[^\s"'<>]+/gi;

/** A text whose URLs have lost query, fragment and user information, cut to `maxLength` characters. */
export function redactText(text: string, maxLength = 1_000): string {
  const bare = text.slice(0, maxLength * 4).replace(URLS, (url) => redactUrl(url));
  return bare.length <= maxLength ? bare : `${bare.slice(0, maxLength - 1)}…`;
}
