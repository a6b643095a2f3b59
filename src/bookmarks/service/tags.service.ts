import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { PlimsollError } from '../../errors/index.js';
import { BOOKMARK_STORE, type BookmarkStore, type TagCount } from '../model/bookmark-store.js';
import { BookmarksService } from './bookmarks.service.js';
import { onlyFields, onlyParameters, TAG_NAME } from './input-text.js';
import { CURSOR, PAGE_LIMIT } from './list-query.js';

/** The query of `GET /api/tags`. */
export const TAG_QUERY = z.strictObject(
  {
    prefix: TAG_NAME.optional().meta({ description: 'Tags whose name starts like this, whatever its case.' }),
    limit: PAGE_LIMIT,
    cursor: CURSOR.optional(),
  },
  { error: onlyParameters(['prefix', 'limit', 'cursor']) },
);
export type TagQuery = z.infer<typeof TAG_QUERY>;

/** The body of `PATCH /api/tags/:id`. */
export const TAG_RENAMING = z.strictObject(
  { name: TAG_NAME.refine((name) => name !== '', 'must not be empty') },
  { error: onlyFields(['name']) },
);
export type TagRenaming = z.infer<typeof TAG_RENAMING>;

/** Tags of all bookmarks: counted, renamed, merged, taken off. */
@Injectable()
export class TagsService {
  constructor(
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    private readonly bookmarks: BookmarksService,
  ) {}

  /** By name. @throws PlimsollError `invalid-cursor` */
  async list({ prefix, limit, cursor }: TagQuery): ReturnType<BookmarkStore['tags']> {
    return this.store.tags({
      limit,
      ...(prefix === undefined || prefix === '' ? {} : { prefix }),
      ...(cursor === undefined ? {} : { cursor }),
    });
  }

  /** Another tag's name merges the two. @throws PlimsollError `tag-not-found`, `read-only` */
  async rename(id: string, { name }: TagRenaming): Promise<TagCount> {
    this.bookmarks.assertWritable();
    return this.store.renameTag(id, name);
  }

  /** Takes the tag off every bookmark; they stay. @throws PlimsollError `tag-not-found`, `read-only` */
  async remove(id: string): Promise<void> {
    this.bookmarks.assertWritable();
    if (await this.store.removeTag(id)) return;
    throw new PlimsollError('tag-not-found', 'There is no tag with this id.');
  }
}
