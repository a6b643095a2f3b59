import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CLOCK, type Clock } from '../../clock/index.js';
import { SETTINGS, type Settings } from '../../config/index.js';
import { PlimsollError } from '../../errors/index.js';
import { ImageResponder, RequestReader, RequestTiming } from '../../images/index.js';
import { PreviewService } from '../enrichment/preview-service.js';
import { BookmarksService } from '../service/bookmarks.service.js';

/** Another picture may be chosen at any time: none is kept longer than this, ms, however long its bytes stay the same. */
const MAX_AGE_MS = 3_600_000;

/** The picture of a bookmark, with the parameters of all images. There is always one: a card stands in. */
@Controller('bookmarks')
export class BookmarkImageController {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly bookmarks: BookmarksService,
    private readonly previews: PreviewService,
    private readonly reader: RequestReader,
    private readonly responder: ImageResponder,
  ) {}

  @Get(':id/image')
  async image(@Req() request: Request, @Res() response: Response, @Param('id') id: string): Promise<void> {
    const query = this.reader.readQuery(request, response);
    if (query.url !== undefined)
      throw new PlimsollError('invalid-parameter', 'url is not allowed beside the id of a bookmark.');
    if (query.delivery !== 'bytes')
      throw new PlimsollError(
        'invalid-parameter',
        'delivery must be bytes here; the facts of a preview stand in its bookmark.',
      );
    const timing = new RequestTiming();
    const bookmark = await this.bookmarks.get(id);
    const answer = await this.previews.get(bookmark, query.parameters, query.context, timing);
    const freshUntil = Math.min(answer.freshUntil, this.clock.now() + MAX_AGE_MS);
    await this.responder.send(
      request,
      response,
      { ...answer, freshUntil, staleUntil: Math.min(answer.staleUntil, freshUntil + MAX_AGE_MS) },
      {
        negotiated: query.negotiated,
        notAfter: query.notAfter,
        timing,
        isPrivate: this.settings.values.API_TOKENS !== undefined,
      },
    );
  }
}
