import { isUtf8 } from 'node:buffer';

/** One character of UTF-8 that is not ASCII, in bytes that were read as ISO 8859-1. */
const CHARACTER =
  /[\u00c2-\u00df][\u0080-\u00bf]|[\u00e0-\u00ef][\u0080-\u00bf]{2}|[\u00f0-\u00f4][\u0080-\u00bf]{3}/g;

/**
 * Whether bytes that are not all ASCII are UTF-8: all of them, or, where a comment or an advert brought a few torn ones,
 * most of them. Text in another encoding hits upon a valid sequence now and then only.
 */
export function looksLikeUtf8(bytes: Buffer): boolean {
  if (isUtf8(withoutTornEnd(bytes))) return true;
  const text = bytes.toString('latin1');
  let characters = 0;
  const strays = text.replace(CHARACTER, () => {
    characters += 1;
    return '';
  });
  return characters > 0 && characters >= (strays.match(/[\u0080-\u00ff]/g)?.length ?? 0);
}

/** Without the first bytes of a UTF-8 sequence whose rest is in the next block. */
function withoutTornEnd(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
    }
    if (byte < 0x80) return bytes;
  }
  return bytes;
}
