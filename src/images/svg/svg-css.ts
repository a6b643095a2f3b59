/** What CSS could fetch, run or hide something with; a sheet that holds any of it is dropped whole. */
const FORBIDDEN =
  /\\|@(?!media\b)|expression\s*\(|javascript:|-moz-binding|behavior\s*:|image-set\s*\(|(?:^|[^-\w])(?:image|src|element|cross-fade)\s*\(/i;

const LOCAL_URL = /^url\(\s*(['"]?)#[\w.:-]+\1\s*\)$/i;

/**
 * `css` without comments, and only if it reaches nothing outside: `url()` may name a fragment of the same document.
 * Escapes are refused instead of understood. `undefined` when it has to go.
 */
export function safeCss(css: string): string | undefined {
  const bare = css.replace(/\/\*[^]*?(?:\*\/|$)/g, ' ');
  if (FORBIDDEN.test(bare)) return undefined;
  const urls = bare.match(/url\s*\([^)]*\)?/gi) ?? [];
  return urls.every((url) => LOCAL_URL.test(url)) ? bare : undefined;
}
