import { stringBytes } from './cache-strings.js';

/** Field names that are remembered (chosen: far more than all shapes of this program have). */
const MAX_NAMES = 2_048;
/** Longer names are not remembered, and weighed like any text. */
export const MAX_NAME_LENGTH = 64;

/** What a field name of a new shape costs beside its text: a descriptor and its share of the hidden class (measured: 45 to 50). */
const NEW_NAME_BYTES = 48;

/**
 * Field names that were weighed before and cost nothing again. Bounded: names that are data (a map by URL) fill it, and
 * all that come after are weighed each time.
 */
export class FieldNames {
  private readonly known = new Set<string>();

  /** Bytes that a field of this name adds besides its place in the object; the text of a long name is not included. */
  weigh(name: string): number {
    if (name.length > MAX_NAME_LENGTH) return NEW_NAME_BYTES;
    if (this.known.has(name)) return 0;
    if (this.known.size < MAX_NAMES) this.known.add(name);
    return stringBytes(name) + NEW_NAME_BYTES;
  }
}
