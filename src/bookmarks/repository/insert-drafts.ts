import type { Bookmark } from '../model/bookmark.js';
import type { BookmarkDraft, DuplicateRule, InsertOutcome } from '../model/bookmark-store.js';
import { selectBookmarks, toBookmark } from './bookmark-rows.js';
import { takeStamp } from './change-stamp.js';
import { chunksOf, KEYS_PER_STATEMENT } from './chunks.js';
import { planDrafts, type DraftPlan, type KnownBookmarks } from './draft-plan.js';
import { storable, urlKey } from './keys.js';
import { linkTags } from './tag-rows.js';
import { insertRows, overwriteRows } from './write-bookmarks.js';
import type { WriteContext } from './write-context.js';

export interface Inserted {
  readonly outcomes: readonly InsertOutcome[];
  /** Position of the last change; null when nothing was written. */
  readonly seq: number | null;
}

/** Creates, merges or finds within one transaction. @throws a unique violation when another process was faster */
export async function insertDrafts(
  context: WriteContext,
  drafts: readonly BookmarkDraft[],
  rule: DuplicateRule,
): Promise<Inserted> {
  const { database, queries, newId, now } = context;
  const plan = async (at: number): Promise<DraftPlan> =>
    planDrafts(drafts, rule, await readKnown(context, drafts), newId, at);

  const first = await plan(now);
  const count = first.created.length + first.changed.length;
  if (count === 0) return { outcomes: outcomesOf(first, first.bookmarks), seq: null };
  const stamp = await takeStamp(database, queries, count, now);
  // On PostgreSQL others may have written until the stamp was taken; from here on nobody can.
  const last = database.dialect === 'postgres' ? await plan(now) : first;
  const more = last.created.length + last.changed.length - count;
  if (more > 0) await database.nextChangeSeq(queries, more);

  let seq = stamp.seq;
  const stamped = (bookmark: Bookmark): Bookmark => ({
    ...bookmark,
    modifiedAt: stamp.at,
    revision: bookmark.revision + 1,
    changeSeq: seq++,
  });
  const created = last.created.map(stamped);
  const changed = last.changed.map(stamped);
  await insertRows(queries, database.dialect, created);
  await overwriteRows(queries, database.dialect, changed);
  const written = await linkTags(queries, database.dialect, [...created, ...changed], newId, now);
  const bookmarks = new Map(last.bookmarks);
  for (const bookmark of written) bookmarks.set(bookmark.id, Object.freeze(bookmark));
  return { outcomes: outcomesOf(last, bookmarks), seq: written.length === 0 ? null : seq - 1 };
}

function outcomesOf(plan: DraftPlan, bookmarks: ReadonlyMap<string, Bookmark>): readonly InsertOutcome[] {
  return plan.steps.map(({ outcome, id }) => ({ outcome, bookmark: bookmarks.get(id) as Bookmark }));
}

async function readKnown(context: WriteContext, drafts: readonly BookmarkDraft[]): Promise<KnownBookmarks> {
  const { database, queries } = context;
  const keys = [...new Set(drafts.map(({ normalisedUrl }) => urlKey(storable(normalisedUrl))))];
  const byUrlKey = new Map<string, Bookmark>();
  for (const chunk of chunksOf(keys, KEYS_PER_STATEMENT)) {
    const rows = await selectBookmarks(queries, database.dialect)
      .where('url_key', 'in', [...chunk])
      .execute();
    for (const row of rows) byUrlKey.set(row.url_key, toBookmark(row));
  }
  const externalIds = new Map<string, string>();
  const wanted = drafts.flatMap(({ externalId }) => (externalId === undefined ? [] : [externalId]));
  for (const chunk of chunksOf(wanted, KEYS_PER_STATEMENT)) {
    const rows = await queries
      .selectFrom('bookmarks')
      .select(['external_id', 'url_key'])
      .where('external_id', 'in', [...chunk])
      .execute();
    for (const row of rows) if (row.external_id !== null) externalIds.set(row.external_id, row.url_key);
  }
  return { byUrlKey, externalIds };
}
