import { Inject, Injectable } from '@nestjs/common';
import { PlimsollError } from '../../errors/index.js';
import type { Bookmark } from '../model/bookmark.js';
import { BOOKMARK_STORE, type BookmarkStore } from '../model/bookmark-store.js';
import { SearchService, type SearchHit, type SearchMeta } from '../search/search.service.js';
import { ChangeFeedService } from './change-feed.service.js';
import { toFilter } from './list-filter.js';
import { FILTER_NAMES, type ListQuery } from './list-query.js';

/** A bookmark of a page; found by words, with the places where they stand. */
export interface Listed {
  readonly bookmark: Bookmark;
  readonly hit?: Pick<SearchHit, 'score' | 'highlights'>;
}

export interface ListedPage {
  readonly items: readonly Listed[];
  /** Opaque; null at the end. */
  readonly nextCursor: string | null;
  readonly meta: Partial<SearchMeta> & {
    /** Of the first page: where the change feed stood when it was read. */
    readonly syncToken?: string;
  };
}

/** Lists of bookmarks by filter or by words, a page at a time. */
@Injectable()
export class BookmarkLists {
  constructor(
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    private readonly search: SearchService,
    private readonly feed: ChangeFeedService,
  ) {}

  /** @throws PlimsollError `invalid-cursor`, `database-unavailable` */
  async page(query: ListQuery): Promise<ListedPage> {
    return query.q === undefined || query.q === '' ? this.listed(query) : this.found(query.q, query);
  }

  private async listed({
    sort = '-createdAt',
    limit,
    cursor,
    count,
    ...query
  }: ListQuery): Promise<ListedPage> {
    const filter = toFilter(query);
    const syncToken = cursor === undefined ? await this.feed.currentToken() : undefined;
    const { bookmarks, nextCursor } = await this.store.list(filter, sort, limit, cursor);
    const total = count === true ? await this.store.count(filter) : undefined;
    return {
      items: bookmarks.map((bookmark) => ({ bookmark })),
      nextCursor,
      meta: {
        ...(total === undefined ? {} : { total }),
        ...(syncToken === undefined ? {} : { syncToken }),
      },
    };
  }

  private async found(text: string, { sort, limit, cursor, ...query }: ListQuery): Promise<ListedPage> {
    const { hits, nextCursor, meta } = await this.search.search({
      text,
      filter: toFilter(query),
      limit,
      ...(sort === undefined ? {} : { sort }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    return { items: hits.map(({ bookmark, ...hit }) => ({ bookmark, hit })), nextCursor, meta };
  }
}

/**
 * What goes together with `modifiedSince` is `limit` alone: a bookmark that leaves a filter would never be told of.
 *
 * @throws PlimsollError `invalid-parameter`
 */
export function assertPlainDelta(query: ListQuery): void {
  const others = ['q', 'sort', 'cursor', 'count', ...FILTER_NAMES] as const;
  const given = others.filter((name) => query[name] !== undefined);
  if (given.length === 0) return;
  throw new PlimsollError(
    'invalid-parameter',
    `modifiedSince cannot be combined with ${given.join(', ')}: it tells of every change; go on with its syncToken.`,
  );
}
