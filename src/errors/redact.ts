/**
 * A URL fit for logs, operations, events and metrics: no query, no fragment, no user information
 * (tokens travel in them). What does not parse is cut to its first 64 characters before any `?`.
 */
export function redactUrl(url: string): string {
  try {
    const parsed = new URL(url);
    return `${parsed.protocol}//${parsed.host}${parsed.pathname}${parsed.search === '' ? '' : '?…'}`;
  } catch {
    const bare = url.split(/[?#]/, 1)[0] ?? '';
    return bare.replace(/\/\/[^/@]*@/, '//').slice(0, 64);
  }
}
