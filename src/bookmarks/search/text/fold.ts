/**
 * Marks that a searcher leaves out: accents of Latin, Greek and Cyrillic, points of Hebrew and Arabic. Vowel signs of
 * Indic scripts and Thai are letters to their readers, and stay.
 */
const ACCENTS =
  // oxlint-disable-next-line no-misleading-character-class -- combining characters are what is looked for
  /[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/g;

/** Letters that do not decompose into a base and an accent. */
const PLAIN: Readonly<Record<string, string>> = {
  ß: 'ss',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  æ: 'ae',
  œ: 'oe',
  ı: 'i',
  þ: 'th',
  ħ: 'h',
};
const PLAIN_LETTERS = /[ßøłđðæœıþħ]/g;
const NOT_ASCII = /[^\0-\x7f]/;

/**
 * What is compared instead of the text: without case, accents and forms of compatibility (NFKD, so that full-width and
 * ligatures read as plain letters), composed again (NFC) so that Hangul and kana stay one character each.
 */
export function fold(text: string): string {
  if (!NOT_ASCII.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(ACCENTS, '')
    .replace(PLAIN_LETTERS, (letter) => PLAIN[letter] ?? letter)
    .normalize('NFC');
}

/** A copy that shares no memory with the text it was cut from: V8 keeps the whole page alive for a slice of it. */
export function flat(text: string): string {
  return Buffer.from(text).toString();
}
