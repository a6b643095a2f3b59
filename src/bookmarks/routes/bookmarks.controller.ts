import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  Headers,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Query,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import {
  BOOKMARK_PATCH,
  BULK_REQUEST,
  NEW_BOOKMARK,
  type BookmarkPatch,
  type BulkRequest,
  type NewBookmark,
} from '../service/bookmark-input.js';
import { BookmarksService } from '../service/bookmarks.service.js';
import { BulkService, type BulkReport } from '../service/bulk.service.js';
import { onlyParameters } from '../service/input-text.js';
import { isKnownRevision, preconditionOf } from '../service/revision-tag.js';
import { PRIVATE, stampRevision } from './answer-headers.js';
import { toJson, type BookmarkJson } from './bookmark-json.js';
import { bodySchema } from './body-schema.js';
import { JsonBody } from './json-body.interceptor.js';
import { PICTURE_LINKS, type BookmarkPictureLinks } from './picture-links.js';

const URL_QUERY = z.strictObject(
  { url: z.string({ error: ({ input }) => (input === undefined ? 'is required' : 'must be given once') }) },
  { error: onlyParameters(['url']) },
);

/** One bookmark, or many in one request. The general pattern stands before the special ones: the router sorts them. */
@Controller('bookmarks')
export class BookmarksController {
  constructor(
    private readonly bookmarks: BookmarksService,
    private readonly bulk: BulkService,
    @Inject(PICTURE_LINKS) private readonly links: BookmarkPictureLinks,
  ) {}

  @Post()
  @Header(...PRIVATE)
  @UseInterceptors(JsonBody())
  async create(
    @Body({ schema: bodySchema(NEW_BOOKMARK) }) input: NewBookmark,
    @Res({ passthrough: true }) response: Response,
  ): Promise<BookmarkJson & { readonly alreadyExists: boolean }> {
    const { outcome, bookmark } = await this.bookmarks.create(input);
    const isNew = outcome === 'created';
    response.status(isNew ? 201 : 200);
    response.setHeader('Location', `/api/bookmarks/${bookmark.id}`);
    stampRevision(response, bookmark);
    return { ...toJson(bookmark, this.links), alreadyExists: !isNew };
  }

  @Post('bulk')
  @HttpCode(200)
  @Header(...PRIVATE)
  @UseInterceptors(JsonBody())
  runBulk(@Body({ schema: bodySchema(BULK_REQUEST) }) request: BulkRequest): Promise<BulkReport> {
    return this.bulk.run(request);
  }

  @Get(':id')
  @Header(...PRIVATE)
  async get(
    @Param('id') id: string,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<BookmarkJson | undefined> {
    const bookmark = await this.bookmarks.get(id);
    stampRevision(response, bookmark);
    // a copy that the client keeps has a link to the picture that ends
    if (this.links.expire || !isKnownRevision(ifNoneMatch, bookmark)) return toJson(bookmark, this.links);
    response.status(304);
    return undefined;
  }

  @Get('check-url')
  @Header(...PRIVATE)
  async checkUrl(
    @Query({ schema: URL_QUERY }) { url }: z.infer<typeof URL_QUERY>,
  ): Promise<{ readonly bookmarkId: string | null; readonly normalisedUrl: string }> {
    const { normalisedUrl, bookmark } = await this.bookmarks.findByUrl(url);
    return { bookmarkId: bookmark?.id ?? null, normalisedUrl };
  }

  @Patch(':id')
  @Header(...PRIVATE)
  @UseInterceptors(JsonBody('application/json', 'application/merge-patch+json'))
  async patch(
    @Param('id') id: string,
    @Body({ schema: bodySchema(BOOKMARK_PATCH) }) patch: BookmarkPatch,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<BookmarkJson> {
    const bookmark = await this.bookmarks.patch(id, patch, preconditionOf(ifMatch));
    stampRevision(response, bookmark);
    return toJson(bookmark, this.links);
  }

  @Delete(':id')
  @HttpCode(204)
  async remove(@Param('id') id: string, @Headers('if-match') ifMatch: string | undefined): Promise<void> {
    await this.bookmarks.remove(id, preconditionOf(ifMatch));
  }
}
