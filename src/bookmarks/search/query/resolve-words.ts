import type { MatchedTerms } from '../search-engine.js';
import { allowedTypos, editDistance } from '../text/edit-distance.js';
import type { SearchCriteria } from './search-criteria.js';
import type { QueryWord } from './search-query.js';

/** What an engine knows of the words of its documents. */
export interface Vocabulary {
  /** Documents with this token, counted up to `atMost`. */
  count(token: string, atMost: number): number | Promise<number>;
  /** Whether any token begins with it. */
  hasBeginning(beginning: string): boolean | Promise<boolean>;
  /** Tokens that may be the word mistyped; the caller measures the distance. */
  similar(word: string, typos: number): readonly string[] | Promise<readonly string[]>;
}

export interface Alternative {
  readonly token: string;
  readonly isBeginning: boolean;
  /** 0 to 1: how much of a whole match it is worth. */
  readonly weight: number;
}

/** One of the alternatives must be there. */
export type ResolvedWord = readonly Alternative[];

/** A word that so many documents have is complete: looking for longer ones costs most where it helps least (chosen). */
const COMPLETE_FROM_DOCUMENTS = 1_000;
/** Words of one query that may be mistyped; each costs a look through all words (chosen: who types more errs less often). */
const MAX_MISTYPED = 8;
/** Words that one word may be a typo of. */
const MAX_CORRECTIONS = 12;
/** MiniSearch's weights of a beginning and of a typo. */
const BEGINNING_WEIGHT = 0.375;
const TYPO_WEIGHT = 0.45;

/**
 * Turns the words of a query into what stands in the index: the word itself, what begins with it, and, where neither is
 * there (or `isLenient`), what it may be a typo of, else its parts.
 *
 * @returns `null` when a word is nowhere: nothing can match
 */
export async function resolveWords(
  criteria: SearchCriteria,
  vocabulary: Vocabulary,
  isLenient: boolean,
): Promise<readonly ResolvedWord[] | null> {
  const resolved: ResolvedWord[] = [];
  const spelling = new Spelling(vocabulary);
  for (const word of criteria.words) {
    const found = await resolveWord(word, vocabulary, isLenient, spelling);
    if (found === null) return null;
    resolved.push(...found);
  }
  const inPhrases = new Map(
    criteria.phrases.flatMap(({ words }) => words.map((word) => [word.token, word] as const)),
  );
  for (const { token, isBeginning } of inPhrases.values()) {
    resolved.push([{ token, isBeginning: false, weight: 1 }, ...(isBeginning ? [beginning(token)] : [])]);
  }
  return resolved;
}

async function resolveWord(
  { token, parts, isBeginning }: QueryWord,
  vocabulary: Vocabulary,
  isLenient: boolean,
  spelling: Spelling,
): Promise<readonly ResolvedWord[] | null> {
  const alternatives: Alternative[] = [];
  const count = await vocabulary.count(token, COMPLETE_FROM_DOCUMENTS);
  if (count > 0) alternatives.push({ token, isBeginning: false, weight: 1 });
  if (isBeginning && count < COMPLETE_FROM_DOCUMENTS && (await vocabulary.hasBeginning(token))) {
    alternatives.push(beginning(token));
  }
  if (alternatives.length === 0 || isLenient) alternatives.push(...(await spelling.corrections(token)));
  if (alternatives.length > 0) return [alternatives];
  if (parts.length === 0) return null;
  return parts.map((part) => [{ token: part, isBeginning: false, weight: 1 }]);
}

const beginning = (token: string): Alternative => ({ token, isBeginning: true, weight: BEGINNING_WEIGHT });

/** Looks for what mistyped words of one query were meant to be, of so many of them as are allowed. */
class Spelling {
  private looks = 0;

  constructor(private readonly vocabulary: Vocabulary) {}

  async corrections(word: string): Promise<Alternative[]> {
    const typos = allowedTypos(word);
    if (typos === 0 || this.looks === MAX_MISTYPED) return [];
    this.looks += 1;
    const near: { token: string; distance: number }[] = [];
    for (const token of await this.vocabulary.similar(word, typos)) {
      const distance = editDistance(word, token, typos);
      if (distance > 0 && distance <= typos) near.push({ token, distance });
    }
    near.sort((a, b) => a.distance - b.distance || (a.token < b.token ? -1 : 1));
    return near.slice(0, MAX_CORRECTIONS).map(({ token, distance }) => ({
      token,
      isBeginning: false,
      weight: (TYPO_WEIGHT * token.length) / (token.length + distance),
    }));
  }
}

/** Whether a lenient search can find what a strict one did not. */
export function canBeLenient({ words }: SearchCriteria): boolean {
  return words.some(({ token }) => allowedTypos(token) > 0);
}

export function matchedTerms(words: readonly ResolvedWord[]): MatchedTerms {
  const alternatives = words.flat();
  return {
    terms: new Set(alternatives.filter(({ isBeginning }) => !isBeginning).map(({ token }) => token)),
    beginnings: alternatives.filter(({ isBeginning }) => isBeginning).map(({ token }) => token),
  };
}
