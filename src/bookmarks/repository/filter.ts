import { sql, type Expression, type SelectQueryBuilder, type SqlBool } from 'kysely';
import type { Database, Dialect, Queries, Tables } from '../../database/index.js';
import type { BookmarkFilter } from '../model/bookmark-store.js';
import type { BookmarkExpressions } from './bookmark-rows.js';
import { tagKey } from '../normalise/tag-name.js';
import { hostRange } from './keys.js';

/** Fewer rows than this are fetched and sorted; more are met soon enough while walking the order (chosen). */
const RARE_ROWS = 2_000;

/** A filter whose tags are known to exist. */
export interface ResolvedFilter extends Omit<BookmarkFilter, 'tags'> {
  readonly tagIds: readonly string[];
  /** A tag or host has so few bookmarks that fetching them all is cheaper than walking the order. */
  readonly rare: boolean;
}

/** `null` when nothing can match. */
export async function resolveFilter(
  database: Database,
  filter: BookmarkFilter,
): Promise<ResolvedFilter | null> {
  const { tags = [], ...rest } = filter;
  const keys = [...new Set(tags.map(tagKey))];
  const found =
    keys.length === 0
      ? []
      : await database.queries.selectFrom('tags').select('id').where('name_key', 'in', keys).execute();
  if (found.length < keys.length) return null;
  const counts: number[] = [];
  for (const { id } of found) counts.push(await countTag(database, id));
  // The rarest first: SQLite begins with it.
  const tagIds = found
    .map(({ id }, place) => ({ id, count: counts[place] ?? 0 }))
    .sort((a, b) => a.count - b.count);
  if (filter.host !== undefined) counts.push(await countHost(database, filter.host));
  return { ...rest, tagIds: tagIds.map(({ id }) => id), rare: counts.some((count) => count < RARE_ROWS) };
}

/** The conditions on one row. */
export function matching(
  eb: BookmarkExpressions,
  filter: ResolvedFilter,
  dialect: Dialect,
): Expression<SqlBool> {
  const terms: Expression<SqlBool>[] = [];
  for (const tagId of filter.tagIds) terms.push(hasTag(eb, tagId, filter.rare));
  // Literals, not parameters: SQLite takes a partial index only when it can see the value.
  if (filter.archived !== undefined) terms.push(eb('archived', '=', sql.lit(filter.archived ? 1 : 0)));
  if (filter.favourite !== undefined) terms.push(eb('favourite', '=', sql.lit(filter.favourite ? 1 : 0)));
  if (filter.dead !== undefined) terms.push(eb('dead_since', filter.dead ? 'is not' : 'is', null));
  if (filter.untagged !== undefined) terms.push(filter.untagged ? eb.not(isTagged(eb)) : isTagged(eb));
  if (filter.enrichment !== undefined) terms.push(eb('enrichment_state', '=', filter.enrichment));
  if (filter.before !== undefined) terms.push(eb('created_at', '<', filter.before));
  if (filter.after !== undefined) terms.push(eb('created_at', '>', filter.after));
  if (filter.host !== undefined) {
    const { from, below } = hostRange(filter.host);
    const key =
      filter.rare || dialect === 'postgres'
        ? sql<string>`bookmarks.host_key`
        : sql<string>`+bookmarks.host_key`;
    terms.push(eb(key, '>=', from), eb(key, '<', below));
  }
  return eb.and(terms);
}

function hasTag(eb: BookmarkExpressions, tagId: string, rare: boolean): Expression<SqlBool> {
  if (rare) {
    return eb(
      'bookmarks.id',
      'in',
      eb.selectFrom('bookmark_tags').select('bookmark_id').where('tag_id', '=', tagId),
    );
  }
  return eb.exists(
    eb
      .selectFrom('bookmark_tags')
      .select('tag_id')
      .whereRef('bookmark_tags.bookmark_id', '=', 'bookmarks.id')
      .where('tag_id', '=', tagId),
  );
}

const isTagged = (eb: BookmarkExpressions): Expression<SqlBool> =>
  eb.exists(
    eb
      .selectFrom('bookmark_tags')
      .select('tag_id')
      .whereRef('bookmark_tags.bookmark_id', '=', 'bookmarks.id'),
  );

function countTag({ queries }: Database, id: string): Promise<number> {
  return countUpTo(
    queries.selectFrom('bookmark_tags').select('bookmark_id').where('tag_id', '=', id),
    queries,
  );
}

function countHost({ queries }: Database, host: string): Promise<number> {
  const { from, below } = hostRange(host);
  return countUpTo(
    queries
      .selectFrom('bookmarks')
      .select('host_key')
      .where('host_key', '>=', from)
      .where('host_key', '<', below),
    queries,
  );
}

async function countUpTo<T>(
  query: SelectQueryBuilder<Tables, keyof Tables, T>,
  queries: Queries,
): Promise<number> {
  const { count } = await queries
    .selectFrom(query.limit(RARE_ROWS).as('some'))
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}
