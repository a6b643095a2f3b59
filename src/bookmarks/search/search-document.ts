import { createHash } from 'node:crypto';
import type { Bookmark } from '../model/bookmark.js';
import { facetTokens } from './query/facet.js';
import { fieldTexts, SEARCH_FIELDS, type SearchField } from './search-fields.js';
import { compose, scanTokens } from './text/tokens.js';

/** Grows with the rules of tokens, folding or facets: an index made by older rules is built anew. */
export const TOKENS_VERSION = 1;

/** What an index keeps of a bookmark. */
export interface SearchDocument {
  readonly id: string;
  readonly createdAt: number;
  readonly modifiedAt: number;
  /** Tokens in the order of the text, the parts of words after them. */
  readonly fields: Readonly<Record<SearchField, readonly string[]>>;
  readonly facets: readonly string[];
  /** 48 bits over all tokens, hex: a bookmark whose words have not changed is not indexed again. */
  readonly digest: string;
}

const DIGEST_LENGTH = 12;

export function searchDocument(bookmark: Bookmark): SearchDocument {
  const fields = {} as Record<SearchField, readonly string[]>;
  const facets = facetTokens(bookmark);
  const hash = createHash('sha256').update(facets.join(' '));
  for (const field of SEARCH_FIELDS) {
    const tokens = fieldTokens(fieldTexts(bookmark, field));
    fields[field] = tokens;
    hash.update(`\n${tokens.join(' ')}`);
  }
  const { id, createdAt, modifiedAt } = bookmark;
  return { id, createdAt, modifiedAt, fields, facets, digest: hash.digest('hex').slice(0, DIGEST_LENGTH) };
}

function fieldTokens(texts: readonly string[]): readonly string[] {
  const tokens: string[] = [];
  const parts: string[] = [];
  for (const text of texts) {
    // Parts come last: between words they would tear phrases apart.
    scanTokens(compose(text), (token, kind) => void (kind === 'part' ? parts : tokens).push(token));
  }
  return parts.length === 0 ? tokens : [...tokens, ...parts];
}
