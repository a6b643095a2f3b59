import { domainToASCII } from 'node:url';
import { tagKey } from '../../normalise/tag-name.js';
import { canonicalText, isUnspaced, tokensOf, type Token } from '../text/tokens.js';
import { readDate } from './date-literal.js';
import { facetToken, FLAGS, type Facet } from './facet.js';
import type { QueryPhrase, QueryWord, SearchQuery } from './search-query.js';

/** What is typed beyond this is not read, UTF-16 units. */
export const MAX_QUERY_LENGTH = 500;
/** Operators, phrases and words beyond this are not read. */
export const MAX_QUERY_TERMS = 32;

/** A single letter begins too many words to be of use. */
const MIN_BEGINNING_LENGTH = 2;

const SPACE = /\s/;
const QUOTES: Readonly<Record<string, string>> = { '"': '"', '“': '"', '”': '"', '„': '"' };
const OPERATOR = /(tag|site|is|before|after):/iy;

/**
 * Reads what a person typed: words, `"a phrase"`, `-word`, `-"a phrase"`, `tag:x`, `tag:"two words"`, `site:example.org`
 * (subdomains too), `is:archived|favourite|dead|untagged`, `before:2024-01-31`, `after:2024` (from its beginning on,
 * UTC), each also with `-` before it. What is no operator is words. Never throws; an empty query matches everything.
 *
 * @param now epoch ms, for `after:7d`
 */
export function parseQuery(text: string, now: number): SearchQuery {
  const draft = new QueryDraft(now);
  const input = text.slice(0, MAX_QUERY_LENGTH);
  let at = 0;
  while (at < input.length && draft.hasRoom) {
    if (SPACE.test(input.charAt(at))) {
      at += 1;
      continue;
    }
    let start = at;
    const negated = input[start] === '-';
    if (negated) start += 1;
    at = readTerm(input, start, negated, draft);
  }
  return draft.finish();
}

/** @returns where the next term may begin */
function readTerm(input: string, start: number, negated: boolean, draft: QueryDraft): number {
  if (isQuote(input[start])) {
    const { value, end } = readQuoted(input, start);
    draft.addPhrase(value, negated);
    return end;
  }
  OPERATOR.lastIndex = start;
  const operator = OPERATOR.exec(input);
  if (operator !== null) {
    const from = OPERATOR.lastIndex;
    const { value, end } = isQuote(input[from]) ? readQuoted(input, from) : readBare(input, from);
    if (draft.addOperator((operator[1] as string).toLowerCase(), value.trim(), negated)) return end;
  }
  const { value, end } = readBare(input, start);
  draft.addWords(value, negated);
  return Math.max(end, start);
}

const isQuote = (character: string | undefined): boolean => character !== undefined && character in QUOTES;

interface Piece {
  readonly value: string;
  readonly end: number;
}

/** Up to the closing quote, or to the end when there is none. */
function readQuoted(input: string, start: number): Piece {
  let end = start + 1;
  while (end < input.length && !isQuote(input[end])) end += 1;
  return { value: input.slice(start + 1, end), end: Math.min(end + 1, input.length) };
}

function readBare(input: string, start: number): Piece {
  let end = start;
  while (end < input.length && !SPACE.test(input.charAt(end))) end += 1;
  return { value: input.slice(start, end), end };
}

/** A query as it grows, bounded. */
class QueryDraft {
  private readonly words: { token: string; parts: readonly string[] }[] = [];
  private readonly phrases: QueryPhrase[] = [];
  private readonly excluded: QueryPhrase[] = [];
  private readonly required: Facet[] = [];
  private readonly forbidden: Facet[] = [];
  private before: number | null = null;
  private after: number | null = null;
  private terms = 0;

  constructor(private readonly now: number) {}

  get hasRoom(): boolean {
    return this.terms < MAX_QUERY_TERMS;
  }

  addWords(text: string, negated: boolean): void {
    const tokens = tokensOf(text);
    if (tokens.length === 0) return;
    if (negated) return this.addPhrase(text, true);
    const whole = wholeTokens(tokens);
    for (const token of whole) {
      if (!this.hasRoom) return;
      // A word typed twice asks for nothing more; the later place counts, for the last word may be a beginning.
      const held = this.words.findIndex((word) => word.token === token.token);
      if (held === -1) this.terms += 1;
      else this.words.splice(held, 1);
      this.words.push({ token: token.token, parts: partsOf(token, tokens) });
    }
    // Pairs alone would also find them apart: a longer run of an unspaced script is a phrase.
    const run = tokens.filter(({ kind }) => kind === 'pair').length;
    if (run > 1 && whole.every(({ kind }) => kind === 'pair')) this.addPhrase(text, false);
  }

  addPhrase(text: string, negated: boolean): void {
    const canonical = canonicalText(text);
    const known = negated ? this.excluded : this.phrases;
    if (canonical === '' || !this.hasRoom || known.some(({ text: held }) => held === canonical)) return;
    this.terms += 1;
    const words = wholeTokens(tokensOf(text))
      .slice(0, MAX_QUERY_TERMS)
      .map(({ token }): QueryWord => ({ token, parts: [], isBeginning: isSingle(token) }));
    known.push({ text: canonical, words });
  }

  /** @returns false when it is no operator but words */
  addOperator(name: string, value: string, negated: boolean): boolean {
    if (value === '') return false;
    if (name === 'before' || name === 'after') return this.addDate(name, value, negated);
    const facet = readFacet(name, value);
    if (facet === null) return false;
    const known = negated ? this.forbidden : this.required;
    if (known.some((held) => facetToken(held) === facetToken(facet))) return true;
    this.terms += 1;
    known.push(facet);
    return true;
  }

  finish(): SearchQuery {
    const { phrases, excluded, required, forbidden, before, after } = this;
    const last = this.words.length - 1;
    const words = this.words.map(({ token, parts }, at): QueryWord => ({
      token,
      parts,
      isBeginning: isSingle(token) || (at === last && token.length >= MIN_BEGINNING_LENGTH),
    }));
    return { words, phrases, excluded, required, forbidden, before, after };
  }

  private addDate(name: 'before' | 'after', value: string, negated: boolean): boolean {
    const time = readDate(value, this.now);
    if (time === null) return false;
    this.terms += 1;
    if ((name === 'before') !== negated) this.before = Math.min(this.before ?? Infinity, time);
    else this.after = Math.max(this.after ?? -Infinity, time - 1);
    return true;
  }
}

/** A single character of an unspaced script: the tokens of the index that begin with it are pairs. */
const isSingle = (token: string): boolean => isUnspaced(token) && [...token].length === 1;

/** Without parts, and without the last character of a run that pairs already cover. */
function wholeTokens(tokens: readonly Token[]): readonly Token[] {
  return tokens.filter(
    ({ kind, end }) =>
      kind === 'word' ||
      kind === 'pair' ||
      (kind === 'last' && !tokens.some((other) => other.kind === 'pair' && other.end === end)),
  );
}

/** None when a piece was too short to be a token: what is left of the word would find too much. */
function partsOf(word: Token, tokens: readonly Token[]): readonly string[] {
  if (word.kind !== 'word') return [];
  const parts = tokens.filter(
    ({ kind, start, end }) => kind === 'part' && start >= word.start && end <= word.end,
  );
  const covered = parts.reduce((sum, { start, end }) => sum + end - start, 0);
  return covered === word.end - word.start ? parts.map(({ token }) => token) : [];
}

function readFacet(name: string, value: string): Facet | null {
  if (name === 'tag') {
    const key = tagKey(value);
    return key === '' ? null : { kind: 'tag', key };
  }
  if (name === 'is') {
    const flag = FLAGS.find((known) => known === value.toLowerCase());
    return flag === undefined ? null : { kind: 'is', flag };
  }
  const host = readHost(value);
  return host === null ? null : { kind: 'site', host };
}

/** Also of a whole URL, as people paste them. */
function readHost(value: string): string | null {
  const bare = value
    .replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
    .replace(/[/?#].*$/s, '')
    .replace(/:\d*$/, '')
    .replace(/^\*?\./, '')
    .replace(/\.$/, '');
  const host = domainToASCII(bare)
    .toLowerCase()
    .replace(/^www\.(?=.)/, '');
  return host === '' ? null : host;
}
