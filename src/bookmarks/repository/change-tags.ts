import { sql, type Transaction } from 'kysely';
import type { Database, Tables } from '../../database/index.js';
import { PlimsollError } from '../../errors/index.js';
import type { TagCount } from '../model/bookmark-store.js';
import { takeStamp } from './change-stamp.js';
import { KEYS_PER_STATEMENT } from './chunks.js';
import { distinctTags, tagKey } from '../normalise/tag-name.js';
import { storable } from './keys.js';
import { findTag } from './tag-list.js';
import type { Changed } from './update-bookmark.js';
import type { WriteContext } from './write-context.js';

/** @throws PlimsollError `tag-not-found`, `invalid-body` for an empty name */
export async function renameTag(
  { database, queries, now }: WriteContext,
  id: string,
  given: string,
): Promise<Changed<TagCount>> {
  const [name = ''] = distinctTags([storable(given)]);
  const key = tagKey(name);
  if (name === '') throw new PlimsollError('invalid-body', 'The name of a tag must not be empty.');
  const tag = await findTag(queries, id);
  if (tag === undefined) throw new PlimsollError('tag-not-found', 'There is no tag with this id.');
  if (tag.name === name) return { result: { id, name, count: tag.count }, seq: null };
  const other =
    key === tag.name_key
      ? undefined
      : await queries.selectFrom('tags').select('id').where('name_key', '=', key).executeTakeFirst();
  const seq = await touchBookmarksOf(database, queries, id, now);
  if (other === undefined) {
    await queries.updateTable('tags').set({ name, name_key: key }).where('id', '=', id).execute();
  } else {
    await mergeInto(queries, id, other.id);
  }
  const { name: finalName, count } = await findTagOrThrow(queries, other?.id ?? id);
  return { result: { id: other?.id ?? id, name: finalName, count }, seq };
}

export async function removeTag(
  { database, queries, now }: WriteContext,
  id: string,
): Promise<Changed<boolean>> {
  const tag = await queries.selectFrom('tags').select('id').where('id', '=', id).executeTakeFirst();
  if (tag === undefined) return { result: false, seq: null };
  const seq = await touchBookmarksOf(database, queries, id, now);
  await queries.deleteFrom('tags').where('id', '=', id).execute();
  return { result: true, seq };
}

async function mergeInto(queries: Transaction<Tables>, from: string, into: string): Promise<void> {
  await queries
    .insertInto('bookmark_tags')
    .columns(['bookmark_id', 'tag_id'])
    .expression((eb) =>
      eb
        .selectFrom('bookmark_tags')
        .select(['bookmark_id', eb.val(into).as('tag_id')])
        .where('tag_id', '=', from),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await queries.deleteFrom('tags').where('id', '=', from).execute();
}

/** Every bookmark that shows the tag has changed; in slices, so that a tag of very many does not hold the event loop. */
async function touchBookmarksOf(
  database: Database,
  queries: Transaction<Tables>,
  tagId: string,
  now: number,
): Promise<number> {
  // The stamp comes first: on PostgreSQL no bookmark gets or loses the tag after it.
  const stamp = await takeStamp(database, queries, 1, now);
  const { at } = stamp;
  let { seq } = stamp;
  for (let after = ''; ;) {
    const rows = await queries
      .selectFrom('bookmark_tags')
      .select('bookmark_id')
      .where('tag_id', '=', tagId)
      .where('bookmark_id', '>', after)
      .orderBy('bookmark_id')
      .limit(KEYS_PER_STATEMENT)
      .execute();
    const last = rows.at(-1);
    if (last === undefined) return seq;
    const first = await database.nextChangeSeq(queries, rows.length);
    await touch(
      queries,
      rows.map((row) => row.bookmark_id),
      first,
      at,
    );
    seq = first + rows.length - 1;
    after = last.bookmark_id;
  }
}

async function touch(
  queries: Transaction<Tables>,
  ids: readonly string[],
  firstSeq: number,
  at: number,
): Promise<void> {
  await queries
    .updateTable('bookmarks')
    .from((eb) =>
      eb
        .selectFrom('bookmarks as numbered')
        .select(['numbered.id', sql<number>`row_number() over (order by numbered.id) - 1`.as('place')])
        .where('numbered.id', 'in', [...ids])
        .as('places'),
    )
    .set((eb) => ({
      revision: eb('bookmarks.revision', '+', 1),
      modified_at: at,
      change_seq: eb(eb.ref('places.place'), '+', firstSeq),
    }))
    .whereRef('bookmarks.id', '=', 'places.id')
    .execute();
}

async function findTagOrThrow(queries: Transaction<Tables>, id: string): Promise<TagCount> {
  const tag = await findTag(queries, id);
  if (tag === undefined) throw new Error('A tag that was just renamed is not there.');
  return tag;
}
