import { Controller, Get, Header, HttpCode, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { PRIVATE } from '../routes/answer-headers.js';
import { onlyParameters } from '../service/input-text.js';
import type { KarakeepRun } from './karakeep-state.js';
import { KarakeepService } from './karakeep.service.js';

const SYNC_QUERY = z.strictObject(
  {
    mode: z
      .enum(['pull', 'sweep'], 'must be pull or sweep')
      .default('pull')
      .meta({ description: '`pull` reads the newest, `sweep` all: edits and deletions too.' }),
  },
  { error: onlyParameters(['mode']) },
);

interface Status {
  readonly configured: boolean;
  readonly sweptAt: string | null;
  readonly lastRun: (Omit<KarakeepRun, 'at'> & { readonly at: string }) | null;
}

/** The bookmarks of a Karakeep server, brought over. */
@Controller('bookmarks/karakeep')
export class KarakeepController {
  constructor(private readonly karakeep: KarakeepService) {}

  @Get()
  @Header(...PRIVATE)
  async status(): Promise<Status> {
    const { configured, sweptAt, lastRun } = await this.karakeep.status();
    return {
      configured,
      sweptAt: sweptAt === 0 ? null : new Date(sweptAt).toISOString(),
      lastRun: lastRun === null ? null : { ...lastRun, at: new Date(lastRun.at).toISOString() },
    };
  }

  @Post('sync')
  @HttpCode(202)
  @Header(...PRIVATE)
  async sync(
    @Query({ schema: SYNC_QUERY }) { mode }: z.infer<typeof SYNC_QUERY>,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ readonly operation: { readonly id: string; readonly state: string; readonly url: string } }> {
    const { id, state } = await this.karakeep.request(mode);
    const url = `/api/operations/${id}`;
    response.setHeader('Location', url);
    return { operation: { id, state, url } };
  }
}
