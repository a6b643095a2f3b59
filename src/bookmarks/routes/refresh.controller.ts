import { Body, Controller, Header, HttpCode, Param, Post, Query, Res, UseInterceptors } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import type { JobState, JobView } from '../../jobs/index.js';
import { RefreshRequests } from '../enrichment/refresh/refresh-requests.js';
import { onlyParameters } from '../service/input-text.js';
import { REFRESH_ORDER, RefreshService, type RefreshOrder } from '../service/refresh.service.js';
import { PRIVATE } from './answer-headers.js';
import { bodySchema } from './body-schema.js';
import { JsonBody } from './json-body.interceptor.js';

const FORCE_QUERY = z.strictObject(
  {
    force: z
      .enum(['true', 'false'], 'must be true or false')
      .default('false')
      .transform((text) => text === 'true')
      .meta({ description: 'Before all others; its pictures are looked at again too.' }),
  },
  { error: onlyParameters(['force']) },
);

interface Asked {
  readonly operation: { readonly id: string; readonly state: JobState; readonly url: string };
}

/** Looking at pages again because a person asks; what was given up starts anew. */
@Controller('bookmarks')
export class RefreshController {
  constructor(
    private readonly requests: RefreshRequests,
    private readonly refreshes: RefreshService,
  ) {}

  @Post(':id/refresh')
  @HttpCode(202)
  @Header(...PRIVATE)
  async one(
    @Param('id') id: string,
    @Query({ schema: FORCE_QUERY }) { force }: z.infer<typeof FORCE_QUERY>,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Asked> {
    return asked(await this.requests.requestRefresh(id, { force }), response);
  }

  @Post('refresh')
  @HttpCode(202)
  @Header(...PRIVATE)
  @UseInterceptors(JsonBody())
  many(
    @Body({ schema: bodySchema(REFRESH_ORDER) }) order: RefreshOrder,
  ): ReturnType<RefreshService['refresh']> {
    return this.refreshes.refresh(order);
  }
}

function asked({ id, state }: JobView, response: Response): Asked {
  const url = `/api/operations/${id}`;
  response.setHeader('Location', url);
  return { operation: { id, state, url } };
}
