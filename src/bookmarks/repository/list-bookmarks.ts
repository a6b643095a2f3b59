import { sql, type Expression, type SqlBool } from 'kysely';
import type { Database } from '../../database/index.js';
import type { BookmarkFilter, BookmarkPage, BookmarkSort } from '../model/bookmark-store.js';
import { selectBookmarks, toBookmark, type BookmarkExpressions, type BookmarkRow } from './bookmark-rows.js';
import { readCursor, writeCursor } from './cursor.js';
import { matching, resolveFilter } from './filter.js';
import { AS_PLANNED, chooseAccess } from './list-access.js';
import { countIds, idsOfTag } from './row-sets.js';

interface Order {
  readonly column: 'created_at' | 'modified_at' | 'title_key';
  readonly tie: 'id' | 'change_seq';
  readonly type: 'number' | 'string';
  readonly tieType: 'number' | 'string';
}

const CREATED: Order = { column: 'created_at', tie: 'id', type: 'number', tieType: 'string' };
const MODIFIED: Order = { column: 'modified_at', tie: 'change_seq', type: 'number', tieType: 'number' };
const TITLE: Order = { column: 'title_key', tie: 'id', type: 'string', tieType: 'string' };

const ORDERS: Readonly<Record<BookmarkSort, Order>> = {
  createdAt: CREATED,
  '-createdAt': CREATED,
  modifiedAt: MODIFIED,
  '-modifiedAt': MODIFIED,
  title: TITLE,
  '-title': TITLE,
};

/**
 * One keyset page: each of the orders is an index with its ties, so that the depth of a page costs nothing. Where a filter
 * leaves few rows over, they are fetched by it and sorted, only by their keys.
 */
export async function listBookmarks(
  database: Database,
  filter: BookmarkFilter,
  sort: BookmarkSort,
  limit: number,
  cursor?: string,
): Promise<BookmarkPage> {
  const order = ORDERS[sort];
  const after = cursor === undefined ? undefined : readCursor(sort, cursor, order.type, order.tieType);
  const resolved = await resolveFilter(database, filter);
  const access = resolved === null ? null : await chooseAccess(database, resolved, limit, order === CREATED);
  if (resolved === null || access === null) return { bookmarks: [], nextCursor: null };
  const { queries, dialect } = database;
  const direction = sort.startsWith('-') ? 'desc' : 'asc';
  const isFetched = access.by === 'fetch';
  // A unary plus: the index of the order is none to choose.
  const key = isFetched
    ? sql`+${sql.ref(`bookmarks.${order.column}`)}`
    : sql.ref(`bookmarks.${order.column}`);
  const narrowed = (eb: BookmarkExpressions): Expression<SqlBool> => {
    const matches = matching(eb, resolved, access);
    if (after === undefined) return matches;
    const { value, tie } = after;
    return eb.and([
      matches,
      sql<boolean>`(${key}, ${sql.ref(`bookmarks.${order.tie}`)}) ${sql.raw(direction === 'asc' ? '>' : '<')} (${value}, ${tie})`,
    ]);
  };
  const bookmarks = selectBookmarks(queries, dialect);
  const page = isFetched
    ? bookmarks.where((eb) =>
        eb(
          'bookmarks.id',
          'in',
          eb
            .selectFrom('bookmarks')
            .select('bookmarks.id')
            .where(narrowed)
            .orderBy(key, direction)
            .orderBy(order.tie, direction)
            .limit(limit + 1),
        ),
      )
    : bookmarks.where(narrowed);
  const rows = await page
    .orderBy(key, direction)
    .orderBy(order.tie, direction)
    .limit(limit + 1)
    .execute();
  const shown = rows.slice(0, limit);
  return {
    bookmarks: shown.map(toBookmark),
    nextCursor: rows.length > limit ? cursorAfter(sort, shown.at(-1)) : null,
  };
}

export async function countBookmarks(database: Database, filter: BookmarkFilter): Promise<number> {
  const resolved = await resolveFilter(database, filter);
  if (resolved === null) return 0;
  const { queries } = database;
  const { tagIds, ...others } = resolved;
  const [tagId] = tagIds;
  const hasOthers = tagIds.length > 1 || Object.values(others).some((value) => value !== undefined);
  if (tagId !== undefined && !hasOthers) return countIds(queries, idsOfTag(queries, tagId));
  return countIds(
    queries,
    queries
      .selectFrom('bookmarks')
      .select('id')
      .where((eb) => matching(eb, resolved, AS_PLANNED)),
  );
}

function cursorAfter(sort: BookmarkSort, row: BookmarkRow | undefined): string | null {
  if (row === undefined) return null;
  const { column, tie } = ORDERS[sort];
  return writeCursor(sort, { value: row[column], tie: row[tie] });
}
