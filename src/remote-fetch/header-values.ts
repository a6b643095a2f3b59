import type { IncomingHttpHeaders } from 'node:http';

/** The first value of a header, also where an origin repeats one that may come only once. */
export function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' || value === undefined ? value : value[0];
}

/** Announced length; `undefined` without one that can be read. */
export function contentLength(headers: IncomingHttpHeaders): number | undefined {
  const value = single(headers['content-length']);
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/**
 * The named headers that are present, each at most `maxChars` long.
 *
 * @returns a frozen object
 */
export function pickHeaders<N extends string>(
  headers: IncomingHttpHeaders,
  names: readonly N[],
  maxChars: number,
): Readonly<Partial<Record<N, string>>> {
  const kept: Partial<Record<N, string>> = {};
  for (const name of names) {
    // undici gives a list where a header came in several lines (RFC 9110 section 5.3).
    const value: string | readonly string[] | undefined = headers[name];
    if (value === undefined) continue;
    const text = typeof value === 'string' ? value : value.join(', ');
    kept[name] = text.length > maxChars ? text.slice(0, maxChars) : text;
  }
  return Object.freeze(kept);
}
