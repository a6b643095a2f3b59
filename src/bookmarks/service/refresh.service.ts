import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { BOOKMARK_STORE, type BookmarkFilter, type BookmarkStore } from '../model/bookmark-store.js';
import { RefreshRequests } from '../enrichment/refresh/refresh-requests.js';
import { FLAG, INSTANT, onlyFields, TAG_NAMES } from './input-text.js';
import { CURSOR, DOMAIN, STATUS } from './list-query.js';
import { toFilter } from './list-filter.js';

/** Bookmarks that one request queues; the answer has a cursor for the next. */
const PAGE = 100;
const MAX_PER_REQUEST = 1_000;

const FILTER = {
  tags: TAG_NAMES.optional(),
  archived: FLAG.optional(),
  favourite: FLAG.optional(),
  untagged: FLAG.optional(),
  domain: DOMAIN.optional(),
  status: STATUS.optional(),
  before: INSTANT.optional(),
  after: INSTANT.optional(),
} as const;

/** The body of `POST /api/bookmarks/refresh`: these, or all that a filter names, a thousand at a time. */
export const REFRESH_ORDER = z
  .strictObject(
    {
      ids: z
        .array(z.string('must be an id'), 'must be a list of ids')
        .min(1, 'must have at least one entry')
        .max(MAX_PER_REQUEST, `must not have more than ${MAX_PER_REQUEST} entries`)
        .optional(),
      filter: z.strictObject(FILTER, { error: onlyFields(Object.keys(FILTER)) }).optional(),
      cursor: CURSOR.optional(),
    },
    { error: onlyFields(['ids', 'filter', 'cursor']) },
  )
  .refine(({ ids, filter }) => (ids === undefined) !== (filter === undefined), {
    message: 'must have either ids or a filter; an empty filter means all',
  })
  .refine(({ ids, cursor }) => ids === undefined || cursor === undefined, {
    path: ['cursor'],
    message: 'goes with a filter only',
  });
export type RefreshOrder = z.infer<typeof REFRESH_ORDER>;

/** Refreshes of many bookmarks. */
@Injectable()
export class RefreshService {
  constructor(
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    private readonly requests: RefreshRequests,
  ) {}

  /**
   * Queues what is not queued yet.
   *
   * @returns how many bookmarks were looked through, how many were queued anew, and where to go on, null at the end
   * @throws PlimsollError `invalid-cursor`, `read-only`
   */
  async refresh({ ids, filter = {}, cursor }: RefreshOrder): Promise<{
    readonly matched: number;
    readonly queued: number;
    readonly nextCursor: string | null;
  }> {
    if (ids !== undefined) {
      return { matched: ids.length, queued: await this.requests.requestRefreshOfMany(ids), nextCursor: null };
    }
    const chosen: BookmarkFilter = toFilter({ ...filter, tag: filter.tags });
    let matched = 0;
    let queued = 0;
    let next: string | null | undefined = cursor;
    do {
      const page = await this.store.list(chosen, '-createdAt', PAGE, next);
      matched += page.bookmarks.length;
      queued += await this.requests.requestRefreshOfMany(page.bookmarks.map(({ id }) => id));
      next = page.nextCursor;
    } while (next !== null && matched < MAX_PER_REQUEST);
    return { matched, queued, nextCursor: next };
  }
}
