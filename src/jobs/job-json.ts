/** Chosen: a payload or a result is a note, not a store. */
export const MAX_PAYLOAD_BYTES = 65_536;
export const MAX_RESULT_BYTES = 65_536;
/** Smaller, because lists show it. */
export const MAX_PROGRESS_BYTES = 16_384;

/**
 * `value` as JSON; `undefined` becomes `null`.
 *
 * @throws RangeError over `maxBytes`
 * @throws TypeError when it is no JSON
 */
export function boundedJson(value: unknown, maxBytes: number, what: string): string {
  const text = JSON.stringify(value) ?? 'null';
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes)
    throw new RangeError(`${what} may have ${maxBytes} bytes of JSON at most, got ${bytes}.`);
  return text;
}

/** What a row holds. A row that was damaged by hand reads as `null`. */
export function parseJson(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
