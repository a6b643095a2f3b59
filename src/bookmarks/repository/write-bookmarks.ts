import { sql, type RawBuilder, type Transaction } from 'kysely';
import type { BookmarksTable, Dialect, Tables } from '../../database/index.js';
import type { Bookmark } from '../model/bookmark.js';
import { toRow } from './bookmark-rows.js';
import { chunksOf, ROWS_PER_STATEMENT } from './chunks.js';

/** Writes new rows. @throws a unique violation when another process was faster with one of the URLs */
export async function insertRows(
  queries: Transaction<Tables>,
  dialect: Dialect,
  bookmarks: readonly Bookmark[],
): Promise<void> {
  for (const chunk of chunksOf(bookmarks, ROWS_PER_STATEMENT[dialect])) {
    await queries.insertInto('bookmarks').values(chunk.map(toRow)).execute();
  }
}

/** Overwrites rows, many in one statement. */
export async function overwriteRows(
  queries: Transaction<Tables>,
  dialect: Dialect,
  bookmarks: readonly Bookmark[],
): Promise<void> {
  for (const chunk of chunksOf(bookmarks, ROWS_PER_STATEMENT[dialect])) {
    await queries
      .insertInto('bookmarks')
      .values(chunk.map(toRow))
      .onConflict((conflict) => conflict.column('id').doUpdateSet(EXCLUDED))
      .execute();
  }
}

/** Only what a check of the page notes down: no new revision, no place in the feed. */
export async function noteCheck(queries: Transaction<Tables>, bookmark: Bookmark): Promise<void> {
  const { http_status, http_checked_at, failing_since, dead_since, ...row } = toRow(bookmark);
  const { enrichment_state, enrichment_attempts, enrichment_error, enrichment_at, refresh_at } = row;
  await queries
    .updateTable('bookmarks')
    .set({ http_status, http_checked_at, failing_since, dead_since })
    .set({ enrichment_state, enrichment_attempts, enrichment_error, enrichment_at, refresh_at })
    .where('id', '=', bookmark.id)
    .execute();
}

type Column = Exclude<keyof BookmarksTable, 'id'>;

const COLUMNS = Object.keys({
  url: 0,
  normalised_url: 0,
  url_key: 0,
  normaliser_version: 0,
  host: 0,
  host_key: 0,
  title: 0,
  title_key: 0,
  description: 0,
  note: 0,
  archived: 0,
  favourite: 0,
  fields: 0,
  preview: 0,
  http_status: 0,
  http_checked_at: 0,
  failing_since: 0,
  dead_since: 0,
  enrichment_state: 0,
  enrichment_attempts: 0,
  enrichment_error: 0,
  enrichment_at: 0,
  refresh_at: 0,
  external_id: 0,
  created_at: 0,
  modified_at: 0,
  revision: 0,
  change_seq: 0,
} satisfies Record<Column, 0>) as Column[];

/** Every column as the row that could not be inserted has it. */
const EXCLUDED = Object.fromEntries(COLUMNS.map((column) => [column, sql.ref(`excluded.${column}`)])) as {
  [C in Column]: RawBuilder<BookmarksTable[C]>;
};
