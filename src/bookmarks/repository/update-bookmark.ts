import type { Transaction } from 'kysely';
import type { Tables } from '../../database/index.js';
import { PlimsollError } from '../../errors/index.js';
import type { Bookmark } from '../model/bookmark.js';
import type { BookmarkChange } from '../model/bookmark-store.js';
import { applyChange, isOnlyCheck } from './apply-change.js';
import { selectBookmarks, toBookmark } from './bookmark-rows.js';
import { takeStamp, type ChangeStamp } from './change-stamp.js';
import { storable, urlKey } from './keys.js';
import { dropUnusedTags, linkTags, unlinkTags } from './tag-rows.js';
import { noteCheck, overwriteRows } from './write-bookmarks.js';
import type { WriteContext } from './write-context.js';

export interface Changed<T> {
  readonly result: T;
  /** Position of the change; null when the feed does not show it. */
  readonly seq: number | null;
}

/**
 * Reads, changes and writes within one transaction; see `BookmarkStore.update`. The result is the same object that `change`
 * got when nothing was written.
 */
export async function updateBookmark(
  context: WriteContext,
  id: string,
  change: (current: Bookmark) => BookmarkChange | null,
): Promise<Changed<{ readonly bookmark: Bookmark; readonly written: boolean }>> {
  const { database, queries, now } = context;
  const before = await requireBookmark(context, id);
  const wanted = change(before);
  const expected = wanted === null ? null : applyChange(before, wanted);
  if (expected === null) return { result: { bookmark: before, written: false }, seq: null };
  if (wanted?.quiet === true && isOnlyCheck(before, expected)) {
    await noteCheck(queries, expected);
    return { result: { bookmark: Object.freeze(expected), written: true }, seq: null };
  }
  const stamp = await takeStamp(database, queries, 1, now);
  // On PostgreSQL another process may have written it until the stamp was taken; from here on none can.
  const current = database.dialect === 'postgres' ? await requireBookmark(context, id, true) : before;
  const again = database.dialect === 'postgres' ? change(current) : wanted;
  const next = again === null ? null : applyChange(current, again);
  if (next === null) return { result: { bookmark: current, written: false }, seq: null };
  await assertFree(queries, current, next);
  return { result: { bookmark: await write(context, current, next, stamp), written: true }, seq: stamp.seq };
}

/** Deletes and leaves a tombstone. @param check may throw @returns the last state, or null when there was none */
export async function removeBookmark(
  context: WriteContext,
  id: string,
  check: (current: Bookmark) => void,
): Promise<Changed<Bookmark | null>> {
  const { database, queries, now } = context;
  const before = await findBookmark(context, id);
  if (before === null) return { result: null, seq: null };
  check(before);
  const { seq, at } = await takeStamp(database, queries, 1, now);
  // Read again behind the stamp: on PostgreSQL another process may have been faster.
  const current = await findBookmark(context, id, true);
  if (current === null) return { result: null, seq: null };
  check(current);
  const tagIds = await unlinkTags(queries, current.id);
  await queries.deleteFrom('bookmarks').where('id', '=', current.id).execute();
  await queries
    .insertInto('tombstones')
    .values({
      bookmark_id: current.id,
      url_key: urlKey(current.normalisedUrl),
      deleted_at: at,
      change_seq: seq,
    })
    .execute();
  await dropUnusedTags(queries, tagIds);
  return { result: current, seq };
}

/** @throws PlimsollError `revision-mismatch` */
export function assertRevision(current: Bookmark, ifRevision: number | undefined): void {
  if (ifRevision === undefined || ifRevision === current.revision) return;
  throw new PlimsollError(
    'revision-mismatch',
    `The bookmark is at revision ${current.revision}, not ${ifRevision}; read it again and repeat the change.`,
    { details: { revision: current.revision } },
  );
}

export const bookmarkNotFound = (): PlimsollError =>
  new PlimsollError('bookmark-not-found', 'There is no bookmark with this id.');

async function write(
  { database, queries, newId }: WriteContext,
  current: Bookmark,
  next: Bookmark,
  { seq, at }: ChangeStamp,
): Promise<Bookmark> {
  const stamped: Bookmark = { ...next, modifiedAt: at, revision: current.revision + 1, changeSeq: seq };
  await overwriteRows(queries, database.dialect, [stamped]);
  if (next.tags === current.tags) return Object.freeze(stamped);
  const before = await unlinkTags(queries, current.id);
  const [linked = stamped] = await linkTags(queries, database.dialect, [stamped], newId, at);
  await dropUnusedTags(queries, before);
  return Object.freeze(linked);
}

async function assertFree(queries: Transaction<Tables>, current: Bookmark, next: Bookmark): Promise<void> {
  const refuseOther = async (
    column: 'url_key' | 'external_id',
    value: string,
    has: string,
  ): Promise<void> => {
    const row = await queries
      .selectFrom('bookmarks')
      .select('id')
      .where(column, '=', value)
      .executeTakeFirst();
    if (row === undefined) return;
    throw new PlimsollError('bookmark-url-taken', `Another bookmark, ${row.id}, has this ${has}.`, {
      details: { bookmarkId: row.id },
    });
  };
  const { normalisedUrl, externalId } = next;
  if (normalisedUrl !== current.normalisedUrl) await refuseOther('url_key', urlKey(normalisedUrl), 'URL');
  if (externalId !== null && externalId !== current.externalId) {
    await refuseOther('external_id', externalId, 'id of its source');
  }
}

async function requireBookmark(context: WriteContext, id: string, locked = false): Promise<Bookmark> {
  const bookmark = await findBookmark(context, id, locked);
  if (bookmark === null) throw bookmarkNotFound();
  return bookmark;
}

/** @param locked keeps `noteCheck` of another process out until the end of the transaction */
async function findBookmark(
  { database: { dialect }, queries }: Pick<WriteContext, 'database' | 'queries'>,
  id: string,
  locked = false,
): Promise<Bookmark | null> {
  const select = selectBookmarks(queries, dialect).where('id', '=', storable(id));
  const row = await (locked && dialect === 'postgres' ? select.forUpdate() : select).executeTakeFirst();
  return row === undefined ? null : toBookmark(row);
}
