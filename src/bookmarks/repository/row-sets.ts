import { sql, type SelectQueryBuilder } from 'kysely';
import type { Queries, Tables } from '../../database/index.js';
import type { BookmarkFilter } from '../model/bookmark-store.js';
import { hostRange } from './keys.js';

/** A filter whose tags are known to exist. */
export interface ResolvedFilter extends Omit<BookmarkFilter, 'tags'> {
  /** The rarest first. */
  readonly tagIds: readonly string[];
}

/** A part of the filter that names a set of rows that an index holds together. */
export type RowSet = 'tag' | 'host' | 'archived' | 'favourite' | 'dead' | 'enrichment' | 'created';

/** Ids of bookmarks, from one index alone. */
export type Ids = SelectQueryBuilder<Tables, keyof Tables, { readonly id: string }>;

/**
 * The sets that a filter names.
 *
 * @param alongCreation the order is that of creation, in which a span of time is one piece and no set
 */
export function rowSetsOf(
  queries: Queries,
  filter: ResolvedFilter,
  alongCreation: boolean,
): readonly (readonly [RowSet, Ids])[] {
  const bookmarks: Ids = queries.selectFrom('bookmarks').select('id');
  const { tagIds, host, archived, favourite, dead, enrichment, before, after } = filter;
  const sets: [RowSet, Ids][] = [];
  // The first is the rarest.
  const [tagId] = tagIds;
  if (tagId !== undefined) sets.push(['tag', idsOfTag(queries, tagId)]);
  if (host !== undefined) {
    const { from, below } = hostRange(host);
    sets.push(['host', bookmarks.where('host_key', '>=', from).where('host_key', '<', below)]);
  }
  if (archived !== undefined) sets.push(['archived', bookmarks.where('archived', '=', archived ? 1 : 0)]);
  // A literal, not a parameter: SQLite takes a partial index only when it can see the value.
  if (favourite === true) sets.push(['favourite', bookmarks.where('favourite', '=', sql.lit(1))]);
  if (dead === true) sets.push(['dead', bookmarks.where('dead_since', 'is not', null)]);
  if (enrichment !== undefined)
    sets.push(['enrichment', bookmarks.where('enrichment_state', '=', enrichment)]);
  if (!alongCreation && (before !== undefined || after !== undefined)) {
    let span = bookmarks;
    if (before !== undefined) span = span.where('created_at', '<', before);
    if (after !== undefined) span = span.where('created_at', '>', after);
    sets.push(['created', span]);
  }
  return sets;
}

export const idsOfTag = (queries: Queries, tagId: string): Ids =>
  queries.selectFrom('bookmark_tags').select('bookmark_id as id').where('tag_id', '=', tagId);

/** Rows are counted up to here (measured: 0.3 ms). */
export const MOST_COUNTED = 10_000;

/** Up to {@link MOST_COUNTED}. */
export const countUpTo = (queries: Queries, ids: Ids): Promise<number> =>
  countIds(queries, ids.limit(MOST_COUNTED));

export async function countIds(queries: Queries, ids: Ids): Promise<number> {
  const { count } = await queries
    .selectFrom(ids.as('some'))
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}
