import { Controller, Get, Header, Inject, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { assertPlainDelta, BookmarkLists } from '../service/bookmark-lists.service.js';
import { ChangeFeedService } from '../service/change-feed.service.js';
import { LIST_QUERY, type ListQuery } from '../service/list-query.js';
import type { SearchHit, SearchMeta } from '../search/search.service.js';
import { linkNextPage, PRIVATE } from './answer-headers.js';
import { toJson, type BookmarkJson } from './bookmark-json.js';
import { PICTURE_LINKS, type BookmarkPictureLinks } from './picture-links.js';

/** A page of a list or of a search. */
interface ListJson {
  /** Found by words: with the score, comparable within one answer, and the places where they stand. */
  readonly bookmarks: readonly (BookmarkJson & Partial<Pick<SearchHit, 'score' | 'highlights'>>)[];
  /** For the parameter `cursor`; null at the end. */
  readonly nextCursor: string | null;
  readonly meta: Partial<SearchMeta> & {
    /** Of a first page: for `modifiedSince`, to hear of what changes from here on. */
    readonly syncToken?: string;
  };
}

/** What has changed, in the order in which it was committed. */
interface ChangesJson {
  readonly changes: readonly (
    | { readonly type: 'saved'; readonly bookmark: BookmarkJson }
    | { readonly type: 'deleted'; readonly id: string; readonly deletedAt: string }
  )[];
  readonly meta: {
    /** For the next `modifiedSince`. */
    readonly syncToken: string;
    /** Ask again at once: more is there. */
    readonly more: boolean;
    /** Deletions before this are forgotten; who has not asked since then reads the whole list. */
    readonly deletionsKnownSince: string;
  };
}

/** The collection: list, filter, search, delta sync. */
@Controller('bookmarks')
export class BookmarkListController {
  constructor(
    private readonly lists: BookmarkLists,
    private readonly feed: ChangeFeedService,
    @Inject(PICTURE_LINKS) private readonly links: BookmarkPictureLinks,
  ) {}

  @Get()
  @Header(...PRIVATE)
  async list(
    @Query({ schema: LIST_QUERY }) query: ListQuery,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<ListJson | ChangesJson> {
    if (query.modifiedSince !== undefined) return this.changes(query.modifiedSince, query, request, response);
    const { items, nextCursor, meta } = await this.lists.page(query);
    if (nextCursor !== null) linkNextPage(request, response, 'cursor', nextCursor);
    return {
      bookmarks: items.map(({ bookmark, hit }) =>
        hit === undefined
          ? toJson(bookmark, this.links)
          : { ...toJson(bookmark, this.links), score: hit.score, highlights: hit.highlights },
      ),
      nextCursor,
      meta,
    };
  }

  private async changes(
    since: string,
    query: ListQuery,
    request: Request,
    response: Response,
  ): Promise<ChangesJson> {
    assertPlainDelta(query);
    const { changes, syncToken, more } = await this.feed.since(since, query.limit);
    if (more) linkNextPage(request, response, 'modifiedSince', syncToken);
    return {
      changes: changes.map((event) =>
        event.kind === 'saved'
          ? { type: 'saved', bookmark: toJson(event.bookmark, this.links) }
          : { type: 'deleted', id: event.id, deletedAt: new Date(event.at).toISOString() },
      ),
      meta: {
        syncToken,
        more,
        deletionsKnownSince: new Date(this.feed.deletionsKnownSince()).toISOString(),
      },
    };
  }
}
