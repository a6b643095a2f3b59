/** Map, hash and length. */
const STRING_HEADER_BYTES = 16;
const FIELD_BYTES = 8;
/** Strings shorter than this are never slices or ropes: nothing to cut loose. */
const SHORTEST_SLICE = 13;

/**
 * What a string occupies. V8 stores one byte a character while all are up to U+00FF, else two each; a copy made by
 * {@link cutLoose} is always stored so.
 */
export function stringBytes(text: string): number {
  return STRING_HEADER_BYTES + roundUp(text.length * (isOneByte(text) ? 1 : 2), FIELD_BYTES);
}

/** The same text without ties: a slice would keep the page alive that it was cut from. */
export function cutLoose(text: string): string {
  if (text.length < SHORTEST_SLICE) return text;
  const encoding = isOneByte(text) ? 'latin1' : 'utf16le';
  return Buffer.from(text, encoding).toString(encoding);
}

export const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

const isOneByte = (text: string): boolean => !/[^\u0000-\u00ff]/.test(text);
