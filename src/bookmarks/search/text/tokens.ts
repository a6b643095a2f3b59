import { fold } from './fold.js';

/**
 * - `word`: a run of letters and digits.
 * - `pair`: two characters that follow each other in a script that is written without spaces.
 * - `last`: the last character of such a run; with it every character begins some token.
 * - `part`: a piece of a word that mixes letters and digits or hides capitals: `6050` of `MPU6050`, `script` of
 *   `TypeScript`.
 */
export type TokenKind = 'word' | 'pair' | 'last' | 'part';

export interface Token {
  readonly token: string;
  readonly kind: TokenKind;
  /** Where it stands in the text, UTF-16 offsets. */
  readonly start: number;
  readonly end: number;
}

/** Longer words are cut: nobody types them, and a page may hold a megabyte without a space. */
const MAX_TOKEN_LENGTH = 64;
const MAX_PARTS = 8;
const MIN_PART_LENGTH = 2;

const UNSPACED_SCRIPTS = ['Han', 'Hiragana', 'Katakana', 'Hangul', 'Thai', 'Lao', 'Khmer', 'Myanmar']
  .map((script) => `\\p{Script=${script}}`)
  .join('');
// U+30FC, the long-vowel sign, belongs to no script.
const UNSPACED = `${UNSPACED_SCRIPTS}\u30fc`;

const WORDS = /[\p{L}\p{N}\p{M}]+/gu;
const HAS_UNSPACED = new RegExp(`[${UNSPACED}]`, 'u');
const RUNS = new RegExp(`[${UNSPACED}][${UNSPACED}\\p{M}]*|[^${UNSPACED}]+`, 'gu');
const CLUSTERS = /\P{M}\p{M}*|\p{M}+/gu;
const NO_WORD = /[^\p{L}\p{N}\p{M}]+/gu;
const MIXED = /\p{Ll}\p{Lu}|\p{L}\p{N}|\p{N}\p{L}/u;
const BORDERS = /(?<=\p{Ll})(?=\p{Lu})|(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})/u;

/** Whether the token comes from a script without spaces. */
export function isUnspaced(token: string): boolean {
  return HAS_UNSPACED.test(token);
}

interface Run {
  readonly text: string;
  readonly start: number;
  readonly unspaced: boolean;
}

/** Composed first: offsets then belong to the composed text. */
export function compose(text: string): string {
  return text.normalize('NFC');
}

function* runsOf(text: string): Generator<Run> {
  const mayBeUnspaced = HAS_UNSPACED.test(text);
  for (const match of text.matchAll(WORDS)) {
    if (!mayBeUnspaced || !HAS_UNSPACED.test(match[0])) {
      yield { text: match[0], start: match.index, unspaced: false };
      continue;
    }
    for (const run of match[0].matchAll(RUNS)) {
      yield { text: run[0], start: match.index + run.index, unspaced: HAS_UNSPACED.test(run[0]) };
    }
  }
}

/** Calls `visit` with every token of a composed text, in order; the parts of a word follow it. */
export function scanTokens(
  text: string,
  visit: (token: string, kind: TokenKind, start: number, end: number) => void,
): void {
  for (const run of runsOf(text)) {
    if (run.unspaced) scanUnspaced(run, visit);
    else scanWord(run, visit);
  }
}

type Visit = Parameters<typeof scanTokens>[1];

function scanWord({ text, start }: Run, visit: Visit): void {
  const token = wordToken(text);
  if (token === '') return;
  visit(token, 'word', start, start + text.length);
  if (text.length > MAX_TOKEN_LENGTH || !MIXED.test(text)) return;
  const parts = text.split(BORDERS);
  if (parts.length > MAX_PARTS) return;
  let from = start;
  for (const part of parts) {
    const folded = wordToken(part);
    if (part.length >= MIN_PART_LENGTH && folded !== '') visit(folded, 'part', from, from + part.length);
    from += part.length;
  }
}

function scanUnspaced({ text, start }: Run, visit: Visit): void {
  let before: { readonly folded: string; readonly start: number } | undefined;
  let at = start;
  for (const [cluster] of text.matchAll(CLUSTERS)) {
    const folded = wordToken(cluster);
    if (before !== undefined) visit(before.folded + folded, 'pair', before.start, at + cluster.length);
    before = { folded, start: at };
    at += cluster.length;
  }
  if (before !== undefined) visit(before.folded, 'last', before.start, at);
}

/** Folding can bring characters that are no part of a word (`½` is `1⁄2`). */
function wordToken(text: string): string {
  const folded = fold(text).replace(NO_WORD, '');
  if (folded.length <= MAX_TOKEN_LENGTH) return folded;
  const end = isHighSurrogate(folded.charCodeAt(MAX_TOKEN_LENGTH - 1))
    ? MAX_TOKEN_LENGTH - 1
    : MAX_TOKEN_LENGTH;
  return folded.slice(0, end);
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;

/** The tokens of a text as a list. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  scanTokens(compose(text), (token, kind, start, end) => void tokens.push({ token, kind, start, end }));
  return tokens;
}

/** The words of a text in one line, for comparing phrases: folded, one space between, punctuation gone. */
export function canonicalText(text: string): string {
  const words: string[] = [];
  for (const run of runsOf(compose(text))) {
    const folded = fold(run.text).replace(NO_WORD, '');
    if (folded !== '') words.push(folded);
  }
  return words.join(' ');
}
