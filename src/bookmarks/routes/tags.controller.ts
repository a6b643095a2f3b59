import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Patch,
  Query,
  Req,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import type { TagCount } from '../model/bookmark-store.js';
import {
  TAG_QUERY,
  TAG_RENAMING,
  TagsService,
  type TagQuery,
  type TagRenaming,
} from '../service/tags.service.js';
import { linkNextPage, PRIVATE } from './answer-headers.js';
import { bodySchema } from './body-schema.js';
import { JsonBody } from './json-body.interceptor.js';

/** Tags, with how many bookmarks have them. */
@Controller('tags')
export class TagsController {
  constructor(private readonly tags: TagsService) {}

  @Get()
  @Header(...PRIVATE)
  async list(
    @Query({ schema: TAG_QUERY }) query: TagQuery,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ readonly tags: readonly TagCount[]; readonly nextCursor: string | null }> {
    const page = await this.tags.list(query);
    if (page.nextCursor !== null) linkNextPage(request, response, 'cursor', page.nextCursor);
    return page;
  }

  @Patch(':id')
  @Header(...PRIVATE)
  @UseInterceptors(JsonBody('application/json', 'application/merge-patch+json'))
  rename(
    @Param('id') id: string,
    @Body({ schema: bodySchema(TAG_RENAMING) }) renaming: TagRenaming,
  ): Promise<TagCount> {
    return this.tags.rename(id, renaming);
  }

  @Delete(':id')
  @HttpCode(204)
  async remove(@Param('id') id: string): Promise<void> {
    await this.tags.remove(id);
  }
}
