import type { Queries } from '../../database/index.js';
import type { TagCount } from '../model/bookmark-store.js';
import { readCursor, writeCursor } from './cursor.js';
import { tagKey } from '../normalise/tag-name.js';
import { storable } from './keys.js';

export interface TagPage {
  readonly tags: readonly TagCount[];
  readonly nextCursor: string | null;
}

export interface TagListOptions {
  readonly prefix?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** The name that cursors of tags carry. */
const LIST = 'tags';

/** A page of tags in the order of their keys, with the bookmarks of each. */
export async function listTags(
  queries: Queries,
  { prefix, limit, cursor }: TagListOptions,
): Promise<TagPage> {
  let query = selectTags(queries).select('name_key');
  if (prefix !== undefined && prefix !== '') {
    const from = tagKey(storable(prefix));
    // Not `like`, which reads %, _ and case in its own way.
    query = query.where('name_key', '>=', from).where('name_key', '<', `${from}\u{10FFFF}`);
  }
  if (cursor !== undefined) {
    query = query.where('name_key', '>', String(readCursor(LIST, cursor, 'string', 'string').value));
  }
  const rows = await query
    .orderBy('name_key')
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    tags: page.map(({ id, name, count }) => ({ id, name, count })),
    nextCursor:
      rows.length > limit && last !== undefined
        ? writeCursor(LIST, { value: last.name_key, tie: last.id })
        : null,
  };
}

export function findTag(
  queries: Queries,
  id: string,
): Promise<(TagCount & { name_key: string }) | undefined> {
  return selectTags(queries).select('name_key').where('id', '=', id).executeTakeFirst();
}

function selectTags(queries: Queries) {
  return queries
    .selectFrom('tags')
    .select(['id', 'name'])
    .select((eb) =>
      eb
        .selectFrom('bookmark_tags')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .whereRef('bookmark_tags.tag_id', '=', 'tags.id')
        .$castTo<{ count: number }>()
        .as('count'),
    )
    .$narrowType<{ count: number }>();
}
