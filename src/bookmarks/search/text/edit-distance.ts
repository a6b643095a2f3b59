import { isUnspaced } from './tokens.js';

/** Shortest word that is taken for a typo of another, and from where two typos are forgiven (chosen, as most engines do). */
const ONE_TYPO_LENGTH = 4;
const TWO_TYPOS_LENGTH = 8;

const LETTERS_ONLY = /^[\p{L}\p{M}]+$/u;

/**
 * How many typos a word may have. Numbers and codes have none: 6051 is not 6050. Nor have scripts whose tokens are pairs.
 */
export function allowedTypos(word: string): 0 | 1 | 2 {
  if (word.length < ONE_TYPO_LENGTH || !LETTERS_ONLY.test(word) || isUnspaced(word)) return 0;
  return word.length < TWO_TYPOS_LENGTH ? 1 : 2;
}

/** Tokens are at most 64 units; longer ones are compared by their beginnings. */
const MAX_LENGTH = 64;
const WIDTH = MAX_LENGTH + 1;
/** Three rows of the table, used by one comparison after the other. */
const ROWS = [new Uint8Array(WIDTH), new Uint8Array(WIDTH), new Uint8Array(WIDTH)] as const;

/**
 * Typos between two words: letters missing, added, wrong, or two neighbours swapped (optimal string alignment).
 *
 * @returns the distance, or `most + 1` when it is larger
 */
export function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  const height = Math.min(a.length, MAX_LENGTH);
  const width = Math.min(b.length, MAX_LENGTH);
  let [older, above, row]: [Uint8Array, Uint8Array, Uint8Array] = [...ROWS];
  for (let column = 0; column <= width; column++) above[column] = column;
  for (let i = 1; i <= height; i++) {
    const unit = a.charCodeAt(i - 1);
    let smallest = i;
    row[0] = i;
    for (let j = 1; j <= width; j++) {
      const other = b.charCodeAt(j - 1);
      let least = (above[j - 1] as number) + (unit === other ? 0 : 1);
      if ((above[j] as number) < least) least = (above[j] as number) + 1;
      if ((row[j - 1] as number) < least) least = (row[j - 1] as number) + 1;
      if (i > 1 && j > 1 && unit === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === other) {
        least = Math.min(least, (older[j - 2] as number) + 1);
      }
      row[j] = least;
      if (least < smallest) smallest = least;
    }
    // A swap may still win back one step on the next row.
    if (smallest > most + 1) return most + 1;
    [older, above, row] = [above, row, older];
  }
  return Math.min(above[width] as number, most + 1);
}
