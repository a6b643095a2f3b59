import { sql } from 'kysely';
import type { Database, Queries } from '../../database/index.js';
import type { BookmarkFilter, BookmarkPage, BookmarkSort } from '../model/bookmark-store.js';
import { selectBookmarks, toBookmark, type BookmarkRow } from './bookmark-rows.js';
import { readCursor, writeCursor } from './cursor.js';
import { matching, resolveFilter } from './filter.js';

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

/** One keyset page: each of the orders is an index with its ties, so that the depth of a page costs nothing. */
export async function listBookmarks(
  database: Database,
  filter: BookmarkFilter,
  sort: BookmarkSort,
  limit: number,
  cursor?: string,
): Promise<BookmarkPage> {
  const { column, tie, type, tieType } = ORDERS[sort];
  const after = cursor === undefined ? undefined : readCursor(sort, cursor, type, tieType);
  const resolved = await resolveFilter(database, filter);
  if (resolved === null) return { bookmarks: [], nextCursor: null };
  const direction = sort.startsWith('-') ? 'desc' : 'asc';
  let query = selectBookmarks(database.queries, database.dialect).where((eb) =>
    matching(eb, resolved, database.dialect),
  );
  if (after !== undefined) {
    query = query.where((eb) =>
      eb(
        eb.refTuple(column, tie),
        direction === 'asc' ? '>' : '<',
        eb.tuple(after.value as never, after.tie as never),
      ),
    );
  }
  // A unary plus keeps SQLite from walking the whole order for a few rows; PostgreSQL knows how many there are.
  const sorted =
    resolved.rare && database.dialect === 'sqlite'
      ? query.orderBy(sql`+${sql.ref(`bookmarks.${column}`)}`, direction).orderBy(tie, direction)
      : query.orderBy(column, direction).orderBy(tie, direction);
  const rows = await sorted.limit(limit + 1).execute();
  const page = rows.slice(0, limit);
  return {
    bookmarks: page.map(toBookmark),
    nextCursor: rows.length > limit ? cursorAfter(sort, page.at(-1)) : null,
  };
}

export async function countBookmarks(database: Database, filter: BookmarkFilter): Promise<number> {
  const resolved = await resolveFilter(database, filter);
  if (resolved === null) return 0;
  const queries: Queries = database.queries;
  const { count } = await queries
    .selectFrom('bookmarks')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where((eb) => matching(eb, resolved, database.dialect))
    .executeTakeFirstOrThrow();
  return count;
}

function cursorAfter(sort: BookmarkSort, row: BookmarkRow | undefined): string | null {
  if (row === undefined) return null;
  const { column, tie } = ORDERS[sort];
  return writeCursor(sort, { value: row[column], tie: row[tie] });
}
