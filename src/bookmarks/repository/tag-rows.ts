import type { Transaction } from 'kysely';
import type { Dialect, Tables } from '../../database/index.js';
import type { Bookmark } from '../model/bookmark.js';
import { chunksOf, KEYS_PER_STATEMENT, ROWS_PER_STATEMENT } from './chunks.js';
import { tagKey } from '../normalise/tag-name.js';

export interface TagRef {
  readonly id: string;
  /** As first written. */
  readonly name: string;
}

/** Makes the tags that are not there yet. @returns all of them by their key */
export async function ensureTags(
  queries: Transaction<Tables>,
  dialect: Dialect,
  names: ReadonlyMap<string, string>,
  newId: () => string,
  now: number,
): Promise<ReadonlyMap<string, TagRef>> {
  const known = await findTags(queries, [...names.keys()]);
  const missing = [...names].filter(([key]) => !known.has(key));
  for (const chunk of chunksOf(missing, ROWS_PER_STATEMENT[dialect])) {
    await queries
      .insertInto('tags')
      .values(chunk.map(([key, name]) => ({ id: newId(), name, name_key: key, created_at: now })))
      .onConflict((conflict) => conflict.column('name_key').doNothing())
      .execute();
  }
  if (missing.length === 0) return known;
  return new Map([
    ...known,
    ...(await findTags(
      queries,
      missing.map(([key]) => key),
    )),
  ]);
}

/** Links bookmarks with all of their tags. @returns the bookmarks, tags spelled as first written */
export async function linkTags(
  queries: Transaction<Tables>,
  dialect: Dialect,
  bookmarks: readonly Bookmark[],
  newId: () => string,
  now: number,
): Promise<readonly Bookmark[]> {
  const names = new Map<string, string>();
  for (const { tags } of bookmarks) {
    for (const name of tags) {
      const key = tagKey(name);
      if (!names.has(key)) names.set(key, name);
    }
  }
  if (names.size === 0) return bookmarks;
  const refs = await ensureTags(queries, dialect, names, newId, now);
  const links: { bookmark_id: string; tag_id: string }[] = [];
  const linked = bookmarks.map((bookmark) => {
    const own = bookmark.tags.map((name) => refOf(refs, name));
    for (const { id } of own) links.push({ bookmark_id: bookmark.id, tag_id: id });
    return { ...bookmark, tags: own.map(({ name }) => name) };
  });
  for (const chunk of chunksOf(links, 4 * ROWS_PER_STATEMENT[dialect])) {
    await queries
      .insertInto('bookmark_tags')
      .values([...chunk])
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  return linked;
}

/** Takes every tag off a bookmark; tags that no bookmark has any more go with it. @returns their ids */
export async function unlinkTags(
  queries: Transaction<Tables>,
  bookmarkId: string,
): Promise<readonly string[]> {
  const rows = await queries
    .deleteFrom('bookmark_tags')
    .where('bookmark_id', '=', bookmarkId)
    .returning('tag_id')
    .execute();
  return rows.map(({ tag_id }) => tag_id);
}

/** Deletes those of the tags that no bookmark has. */
export async function dropUnusedTags(queries: Transaction<Tables>, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await queries
    .deleteFrom('tags')
    .where('id', 'in', [...ids])
    .where((eb) =>
      eb.not(
        eb.exists(
          eb.selectFrom('bookmark_tags').select('tag_id').whereRef('bookmark_tags.tag_id', '=', 'tags.id'),
        ),
      ),
    )
    .execute();
}

async function findTags(
  queries: Transaction<Tables>,
  keys: readonly string[],
): Promise<ReadonlyMap<string, TagRef>> {
  const found = new Map<string, TagRef>();
  for (const chunk of chunksOf(keys, KEYS_PER_STATEMENT)) {
    const rows = await queries
      .selectFrom('tags')
      .select(['id', 'name', 'name_key'])
      .where('name_key', 'in', [...chunk])
      .execute();
    for (const { id, name, name_key: key } of rows) found.set(key, { id, name });
  }
  return found;
}

function refOf(refs: ReadonlyMap<string, TagRef>, name: string): TagRef {
  const ref = refs.get(tagKey(name));
  if (ref === undefined) throw new Error('A tag that was just made is not there.');
  return ref;
}
