import { sql, type Expression, type RawBuilder, type SqlBool } from 'kysely';
import type { BookmarksTable, Database, Flag } from '../../database/index.js';
import type { BookmarkFilter } from '../model/bookmark-store.js';
import { tagKey } from '../normalise/tag-name.js';
import type { BookmarkExpressions } from './bookmark-rows.js';
import { hostRange } from './keys.js';
import type { Access } from './list-access.js';
import { countUpTo, idsOfTag, type ResolvedFilter, type RowSet } from './row-sets.js';

/** `null` when nothing can match. */
export async function resolveFilter(
  { queries }: Database,
  filter: BookmarkFilter,
): Promise<ResolvedFilter | null> {
  const { tags = [], ...rest } = filter;
  const keys = [...new Set(tags.map(tagKey))];
  const found =
    keys.length === 0
      ? []
      : await queries.selectFrom('tags').select('id').where('name_key', 'in', keys).execute();
  if (found.length < keys.length) return null;
  if (found.length < 2) return { ...rest, tagIds: found.map(({ id }) => id) };
  const counted: { readonly id: string; readonly count: number }[] = [];
  for (const { id } of found) counted.push({ id, count: await countUpTo(queries, idsOfTag(queries, id)) });
  return { ...rest, tagIds: counted.sort((a, b) => a.count - b.count).map(({ id }) => id) };
}

/** The conditions on one row, worded so that the engine gets at the rows as `access` says. */
export function matching(
  eb: BookmarkExpressions,
  filter: ResolvedFilter,
  access: Access,
): Expression<SqlBool> {
  const terms: Expression<SqlBool>[] = [];
  const set = 'set' in access ? access.set : null;
  // A unary plus: the index of this column is none to choose.
  const column = <Name extends keyof BookmarksTable>(
    name: Name,
    of: RowSet,
  ): RawBuilder<BookmarksTable[Name]> => {
    const isPiece = of === 'created' && 'alongCreation' in access && access.alongCreation;
    const isBare = access.by === 'planner' || (access.by !== 'sift' && set === of) || isPiece;
    return isBare ? sql.ref(`bookmarks.${name}`) : sql`+${sql.ref(`bookmarks.${name}`)}`;
  };
  const [rarest, ...others] = filter.tagIds;
  const isSifted = access.by === 'sift' && set === 'tag';
  if (rarest !== undefined && !isSifted)
    terms.push(access.by === 'planner' || set === 'tag' ? isOfTag(eb, rarest) : hasTag(eb, rarest));
  for (const tagId of others) terms.push(hasTag(eb, tagId));
  // Literals, not parameters: SQLite takes a partial index only when it can see the value.
  if (filter.archived !== undefined)
    terms.push(eb(column('archived', 'archived'), '=', flag(filter.archived)));
  if (filter.favourite !== undefined)
    terms.push(eb(column('favourite', 'favourite'), '=', flag(filter.favourite)));
  if (filter.dead !== undefined)
    terms.push(eb(column('dead_since', 'dead'), filter.dead ? 'is not' : 'is', null));
  if (filter.untagged !== undefined) terms.push(filter.untagged ? eb.not(isTagged(eb)) : isTagged(eb));
  if (filter.enrichment !== undefined)
    terms.push(eb(column('enrichment_state', 'enrichment'), '=', filter.enrichment));
  if (filter.before !== undefined) terms.push(eb(column('created_at', 'created'), '<', filter.before));
  if (filter.after !== undefined) terms.push(eb(column('created_at', 'created'), '>', filter.after));
  if (filter.host !== undefined) {
    const { from, below } = hostRange(filter.host);
    const key = column('host_key', 'host');
    terms.push(eb(key, '>=', from), eb(key, '<', below));
  }
  // Last of what the index of the order can tell: SQLite asks in this sequence.
  if (access.by === 'sift') terms.push(eb(sql<string>`+bookmarks.id`, 'in', access.ids));
  return eb.and(terms);
}

const flag = (value: boolean): RawBuilder<Flag> => sql.lit<Flag>(value ? 1 : 0);

/** The list of a tag, by which the rows are fetched. */
function isOfTag(eb: BookmarkExpressions, tagId: string): Expression<SqlBool> {
  return eb(
    'bookmarks.id',
    'in',
    eb.selectFrom('bookmark_tags').select('bookmark_id').where('tag_id', '=', tagId),
  );
}

/** Looked up for a row that is there. */
function hasTag(eb: BookmarkExpressions, tagId: string): Expression<SqlBool> {
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
