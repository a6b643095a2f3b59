import { sql } from 'kysely';
import { allowedTypos } from '../text/edit-distance.js';
import type { SearchDocument } from '../search-document.js';
import { SEARCH_FIELDS } from '../search-fields.js';
import type { SearchQueries } from './search-tables.js';

/** Longest beginning or end that is compared, characters (chosen: short enough to be spared by a typo, long enough to be rare). */
const MAX_SHARED = 3;
/** Words that are looked at for one typo, of each end. */
const MAX_CANDIDATES = 2_000;

/**
 * The words of all documents, for finding what a mistyped one was meant to be. Words are only added: one that no document
 * has any more finds nothing.
 */
export async function addTerms(queries: SearchQueries, documents: readonly SearchDocument[]): Promise<void> {
  const terms = new Set<string>();
  for (const { fields } of documents) {
    for (const field of SEARCH_FIELDS) {
      for (const token of fields[field]) if (allowedTypos(token) > 0) terms.add(token);
    }
  }
  if (terms.size === 0) return;
  // In one order: two processes that add the same words do not wait for each other in a circle.
  const rows = [...terms].sort().map((term) => ({ term, reversed: reversed(term) }));
  for (let at = 0; at < rows.length; at += TERMS_PER_STATEMENT) {
    await queries
      .insertInto('search_terms')
      .values(rows.slice(at, at + TERMS_PER_STATEMENT))
      .onConflict((conflict) => conflict.column('term').doNothing())
      .execute();
  }
}

/** Two parameters each. */
const TERMS_PER_STATEMENT = 400;

/**
 * Words of nearly the same length that begin or end like this one. One typo spares the beginning or the end; the second
 * typo of a long word may hit both, and then the word is not found.
 */
export async function similarTerms(queries: SearchQueries, word: string, typos: number): Promise<string[]> {
  const shared = Math.min(MAX_SHARED, Math.floor((word.length - 1) / 2));
  const found = new Set<string>();
  for (const [column, text] of [
    ['term', word],
    ['reversed', reversed(word)],
  ] as const) {
    const from = text.slice(0, shared);
    const rows = await queries
      .selectFrom('search_terms')
      .select('term')
      .where(column, '>=', from)
      .where(column, '<', `${from}\u{10FFFF}`)
      .where(sql<number>`length(term)`, '>=', word.length - typos)
      .where(sql<number>`length(term)`, '<=', word.length + typos)
      .limit(MAX_CANDIDATES)
      .execute();
    for (const { term } of rows) found.add(term);
  }
  return [...found];
}

/** By code points. */
const reversed = (term: string): string => [...term].reverse().join('');
