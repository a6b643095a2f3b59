import { SEARCH_FIELDS, type SearchField } from '../search-fields.js';

/**
 * A posting is a document and how often the term stands in each field of it, in 32 bits: the number of the document in
 * the upper 24, the frequencies below. More than a field's bits can say counts as that much: a third mention in a title
 * tells no more than the second.
 */
const FREQUENCY_BITS: Readonly<Record<SearchField, number>> = {
  title: 2,
  tags: 1,
  host: 1,
  note: 2,
  description: 2,
};
const DOCUMENT_SHIFT = 8;

/** Numbers of documents are below this. */
export const MAX_DOCUMENT_NUMBERS = 2 ** (32 - DOCUMENT_SHIFT);

interface FrequencyPlace {
  readonly shift: number;
  readonly mask: number;
}

/** Where the frequency of each field lies, in the order of SEARCH_FIELDS. */
export const FREQUENCY_PLACES: readonly FrequencyPlace[] = SEARCH_FIELDS.map((field, at) => ({
  shift: SEARCH_FIELDS.slice(0, at).reduce((bits, before) => bits + FREQUENCY_BITS[before], 0),
  mask: 2 ** FREQUENCY_BITS[field] - 1,
}));

export const documentOf = (posting: number): number => posting >>> DOCUMENT_SHIFT;

export const posting = (document: number, frequencies: number): number =>
  ((document << DOCUMENT_SHIFT) | frequencies) >>> 0;

/** One more occurrence in the field with this place in SEARCH_FIELDS. */
export function addOccurrence(frequencies: number, field: number): number {
  const { shift, mask } = FREQUENCY_PLACES[field] as FrequencyPlace;
  const held = (frequencies >>> shift) & mask;
  return held === mask ? frequencies : frequencies + (1 << shift);
}
