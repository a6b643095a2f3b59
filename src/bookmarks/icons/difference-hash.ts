import { HASH_COLUMNS, HASH_ROWS, type IconGrid } from './icon-grid.js';

/** Grey steps below this are noise of scaling and count as "not darker". */
const NOISE = 4;

/**
 * Difference hash: 64 bits, each says whether a cell of the grey miniature is darker than its right neighbour; as 16
 * hexadecimal digits. It survives scaling, other colours and recompression.
 */
export function differenceHash({ grey }: Pick<IconGrid, 'grey'>): string {
  let digits = '';
  let nibble = 0;
  let bits = 0;
  for (let row = 0; row < HASH_ROWS; row += 1) {
    for (let column = 0; column < HASH_COLUMNS - 1; column += 1) {
      const at = row * HASH_COLUMNS + column;
      nibble = (nibble << 1) | ((grey[at + 1] ?? 0) - (grey[at] ?? 0) > NOISE ? 1 : 0);
      bits += 1;
      if (bits % 4 !== 0) continue;
      digits += nibble.toString(16);
      nibble = 0;
    }
  }
  return digits;
}

/** How many of the 64 bits differ. */
export function hashDistance(one: string, other: string): number {
  let distance = 0;
  for (let at = 0; at < 16; at += 1) {
    let bits = Number.parseInt(one[at] ?? '0', 16) ^ Number.parseInt(other[at] ?? '0', 16);
    for (; bits !== 0; bits &= bits - 1) distance += 1;
  }
  return distance;
}
