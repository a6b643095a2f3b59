import type { Bookmark } from '../../model/bookmark.js';
import type { QueryPhrase } from '../query/search-query.js';
import type { MatchedTerms } from '../search-engine.js';
import { fieldTexts, SEARCH_FIELDS, type SearchField } from '../search-fields.js';
import { flat } from './fold.js';
import { canonicalText, compose, scanTokens } from './tokens.js';

/** Where a hit matched: plain text, never markup, and the ranges in it, UTF-16 offsets, end exclusive, in order. */
export interface Highlight {
  readonly field: SearchField;
  readonly text: string;
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

/** Longest text of a highlight, UTF-16 units, the ellipses left out; of a longer field the part around its first match. */
const WINDOW_LENGTH = 240;
/** How much of it stands before the match. */
const LEAD_LENGTH = 60;
const MAX_RANGES = 32;
const MAX_HIGHLIGHTS = 8;
const ELLIPSIS = '…';

type Range = readonly [start: number, end: number];

/** The places of a row that made it a hit; the texts are copies that hold nothing else alive. */
export function highlights(
  bookmark: Bookmark,
  matched: MatchedTerms,
  phrases: readonly QueryPhrase[],
): readonly Highlight[] {
  if (matched.terms.size + matched.beginnings.length === 0) return [];
  const found: Highlight[] = [];
  for (const field of SEARCH_FIELDS) {
    for (const text of fieldTexts(bookmark, field)) {
      const composed = compose(text);
      const ranges = matchedRanges(composed, matched, phrases);
      if (ranges.length > 0) found.push(windowed(field, composed, ranges));
      if (found.length === MAX_HIGHLIGHTS) return found;
    }
  }
  return found;
}

function matchedRanges(text: string, matched: MatchedTerms, phrases: readonly QueryPhrase[]): Range[] {
  const ranges: Range[] = [];
  scanTokens(text, (token, _kind, start, end) => {
    if (ranges.length >= 4 * MAX_RANGES || !isMatched(token, matched)) return;
    ranges.push([start, end]);
  });
  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const merged: [number, number][] = [];
  for (const [start, end] of ranges) {
    const last = merged.at(-1);
    if (last !== undefined && (start <= last[1] || isOnePhrase(text.slice(last[0], end), phrases))) {
      last[1] = Math.max(last[1], end);
    } else {
      merged.push([start, end]);
    }
  }
  return merged.slice(0, MAX_RANGES);
}

function isMatched(token: string, { terms, beginnings }: MatchedTerms): boolean {
  return terms.has(token) || beginnings.some((beginning) => token.startsWith(beginning));
}

/** Words of a quoted phrase are marked as one. */
function isOnePhrase(text: string, phrases: readonly QueryPhrase[]): boolean {
  return (
    phrases.length > 0 &&
    text.length <= 500 &&
    phrases.some((phrase) => phrase.text.startsWith(canonicalText(text)))
  );
}

function windowed(field: SearchField, text: string, ranges: readonly Range[]): Highlight {
  const first = ranges[0] as Range;
  if (text.length <= WINDOW_LENGTH) return { field, text: flat(text), ranges };
  const start = clean(text, Math.max(0, Math.min(first[0] - LEAD_LENGTH, text.length - WINDOW_LENGTH)));
  const end = clean(text, Math.min(text.length, Math.max(start + WINDOW_LENGTH, first[1])));
  const before = start > 0 ? ELLIPSIS : '';
  const after = end < text.length ? ELLIPSIS : '';
  const shift = before.length - start;
  return {
    field,
    text: flat(`${before}${text.slice(start, end)}${after}`),
    ranges: ranges.filter((range) => range[1] <= end).map(([from, to]) => [from + shift, to + shift]),
  };
}

/** Not within a surrogate pair. */
function clean(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return at > 0 && unit >= 0xdc00 && unit <= 0xdfff ? at - 1 : at;
}
