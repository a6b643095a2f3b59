/** Reads `length` bytes at `offset`; fewer at the end of the source. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>;

/** Chunks before the first picture are few (VP8X, ICCP, ANIM, ALPH); a file with more is not worth the search. */
const MAX_CHUNKS = 32;

/**
 * Whether the first picture of a WebP is lossless (`VP8L`), also inside an extended or animated container: a
 * lossless one costs its whole canvas to decode, a lossy one is decoded already scaled. `undefined` when no
 * picture was found.
 */
export async function isLosslessWebp(readAt: ReadAt): Promise<boolean | undefined> {
  let offset = 12;
  for (let index = 0; index < MAX_CHUNKS; index += 1) {
    const header = await readAt(offset, 8);
    if (header.length < 8) return undefined;
    const fourcc = String.fromCharCode(...header.subarray(0, 4));
    if (fourcc === 'VP8L') return true;
    if (fourcc === 'VP8 ') return false;
    const size = new DataView(header.buffer, header.byteOffset).getUint32(4, true);
    // A frame of an animation holds 16 bytes about itself, then chunks of its own.
    offset += fourcc === 'ANMF' ? 8 + 16 : 8 + size + (size % 2);
  }
  return undefined;
}
