import type { Facet } from './facet.js';

/** A word that a hit must have, whole, as a beginning, or with a typo. */
export interface QueryWord {
  readonly token: string;
  /** What stands for it when it is nowhere: `mpu` and `6050` for `mpu6050`. */
  readonly parts: readonly string[];
  /** Counts also as the beginning of a word: the last one that was typed, and single characters of unspaced scripts. */
  readonly isBeginning: boolean;
}

/** Words that must stand together, in this order, in one field. */
export interface QueryPhrase {
  /** As {@link canonicalText} writes it. */
  readonly text: string;
  /** What the index is asked for; the order is checked on the row. */
  readonly words: readonly QueryWord[];
}

/** What was typed, understood. All of it must hold. */
export interface SearchQuery {
  readonly words: readonly QueryWord[];
  readonly phrases: readonly QueryPhrase[];
  readonly excluded: readonly QueryPhrase[];
  readonly required: readonly Facet[];
  readonly forbidden: readonly Facet[];
  /** Created before this, and after this, epoch ms; both exclusive. */
  readonly before: number | null;
  readonly after: number | null;
}
