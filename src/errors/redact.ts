/**
 * A URL fit for logs, operations, events and metrics: no query, no fragment, no user information
 * (tokens travel in them). Of a URL without a host (`data:`, `javascript:`) only the scheme is left. What does not
 * parse is cut to its first 64 characters before any `?`.
 */
export function redactUrl(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.host === '') return `${parsed.protocol}…`;
    return `${parsed.protocol}//${parsed.host}${parsed.pathname}${parsed.search === '' ? '' : '?…'}`;
  } catch {
    const bare = url.split(/[?#]/, 1)[0] ?? '';
    // Up to the last @: where user information ends cannot be told in what is malformed.
    return bare.replace(/\/\/.*@/, '//').slice(0, 64);
  }
}
