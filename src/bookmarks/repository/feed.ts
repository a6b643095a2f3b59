import type { Database } from '../../database/index.js';
import type { BookmarkEvent } from '../model/bookmark-store.js';
import { selectBookmarks, toBookmark } from './bookmark-rows.js';

/** Position of the newest change that is committed: all before it are too. */
export async function latestSeq({ queries }: Database): Promise<number> {
  const row = await queries
    .selectFrom('counters')
    .select('value')
    .where('name', '=', 'change_seq')
    .executeTakeFirstOrThrow();
  return row.value;
}

/**
 * Bookmarks and tombstones after `seq`, merged. Both are read up to the same position: what is committed between the two
 * reads belongs to a later page, in which it is found whole.
 */
export async function changesSince(
  database: Database,
  seq: number,
  limit: number,
): Promise<readonly BookmarkEvent[]> {
  const last = await latestSeq(database);
  const saved = await selectBookmarks(database.queries, database.dialect)
    .where('change_seq', '>', seq)
    .where('change_seq', '<=', last)
    .orderBy('change_seq')
    .limit(limit)
    .execute();
  const deleted = await database.queries
    .selectFrom('tombstones')
    .selectAll()
    .where('change_seq', '>', seq)
    .where('change_seq', '<=', last)
    .orderBy('change_seq')
    .limit(limit)
    .execute();
  const events: BookmarkEvent[] = [
    ...saved.map((row) => ({ kind: 'saved' as const, seq: row.change_seq, bookmark: toBookmark(row) })),
    ...deleted.map((row) => ({
      kind: 'deleted' as const,
      seq: row.change_seq,
      id: row.bookmark_id,
      at: row.deleted_at,
    })),
  ];
  return events.sort((a, b) => a.seq - b.seq).slice(0, limit);
}

/** Position before the first change at or after `time`, epoch ms. Times never fall along the feed, see `takeStamp`. */
export async function seqAt(database: Database, time: number): Promise<number> {
  const saved = await database.queries
    .selectFrom('bookmarks')
    .select('change_seq')
    .where('modified_at', '>=', time)
    .orderBy('modified_at')
    .orderBy('change_seq')
    .limit(1)
    .executeTakeFirst();
  const deleted = await database.queries
    .selectFrom('tombstones')
    .select('change_seq')
    .where('deleted_at', '>=', time)
    .orderBy('deleted_at')
    .orderBy('change_seq')
    .limit(1)
    .executeTakeFirst();
  const first = Math.min(saved?.change_seq ?? Infinity, deleted?.change_seq ?? Infinity);
  return Number.isFinite(first) ? first - 1 : latestSeq(database);
}
