import { Controller, Delete, Get, HttpCode, Inject, Param, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { SETTINGS, type Settings } from '../../config/index.js';
import { isPlimsollError, PlimsollError } from '../../errors/index.js';
import {
  ImageResponder,
  RequestReader,
  RequestTiming,
  UnifiedImageService,
  type ImageAnswer,
  type ReadQuery,
} from '../../images/index.js';
import { parseIconDomain, type IconDomain } from './icon-domain.js';
import { IconService, type IconTheme, type SiteIcon } from './icon.service.js';

/** Routes of site icons: found by one service, transformed and answered as every image is. */
@Controller('icons')
export class IconsController {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly reader: RequestReader,
    private readonly icons: IconService,
    private readonly images: UnifiedImageService,
    private readonly responder: ImageResponder,
  ) {}

  @Get(':domain')
  async icon(
    @Req() request: Request,
    @Res() response: Response,
    @Param('domain') text: string,
  ): Promise<void> {
    const query = this.reader.readQuery(request, response, ['theme']);
    const domain = parseIconDomain(text);
    const theme = readTheme(query.own.get('theme'));
    checkQuery(query);
    const timing = new RequestTiming();
    const { icon, answer } = await this.answer(domain, theme, query, timing);
    if (query.delivery === 'json') this.sendJson(request, response, query, { domain, theme, icon, answer });
    else
      await this.responder.send(request, response, answer, {
        negotiated: query.negotiated,
        notAfter: query.notAfter,
        timing,
      });
  }

  @Delete(':domain')
  @HttpCode(204)
  async forget(@Param('domain') text: string): Promise<void> {
    await this.icons.forget(parseIconDomain(text));
  }

  /** Once more from the start when the store turns out to have lost the picture. */
  private async answer(
    domain: IconDomain,
    theme: IconTheme,
    query: ReadQuery,
    timing: RequestTiming,
  ): Promise<{ readonly icon: SiteIcon; readonly answer: ImageAnswer }> {
    const attempt = async (): Promise<{ icon: SiteIcon; answer: ImageAnswer }> => {
      const icon = await this.icons.find(domain, theme, query.context);
      const { parameters, delivery } = query;
      const request = { source: icon.source, parameters, delivery };
      return { icon, answer: await this.images.get(request, query.context, timing, icon.loaded) };
    };
    try {
      return await attempt();
    } catch (error) {
      if (!isPlimsollError(error, 'image-not-found')) throw error;
      await this.icons.drop(domain);
      return attempt();
    }
  }

  /** What the icon is, where it was found, and where its bytes are. */
  private sendJson(
    request: Request,
    response: Response,
    query: ReadQuery,
    found: {
      readonly domain: IconDomain;
      readonly theme: IconTheme;
      readonly icon: SiteIcon;
      readonly answer: ImageAnswer;
    },
  ): void {
    const { domain, theme, icon, answer } = found;
    const target = new URL(request.originalUrl, 'http://localhost');
    for (const name of ['delivery', 'deliver']) target.searchParams.delete(name);
    const { sourceSha256: _sha, sourceKey: _key, ...facts } = answer.facts;
    this.responder.sendJson(response, answer.record, query.notAfter, {
      domain: domain.host,
      theme,
      from: icon.from,
      iconUrl: icon.url ?? null,
      ...facts,
      contentType: answer.contentType,
      bytes: answer.bytes,
      etag: answer.etag,
      urls: { bytes: this.absolute(`${target.pathname}${target.search}`), cdn: null, signed: null },
    });
  }

  /** On `PUBLIC_URL` when it is set, else relative to the host that the client used. */
  private absolute(path: string): string {
    const base = this.settings.values.PUBLIC_URL;
    return base === undefined ? path : new URL(path, base).href;
  }
}

function readTheme(text: string | undefined): IconTheme {
  if (text === undefined || text === 'light') return 'light';
  if (text === 'dark') return 'dark';
  throw new PlimsollError('invalid-parameter', 'Parameter "theme" must be light or dark.', {
    details: { parameter: 'theme' },
  });
}

function checkQuery(query: ReadQuery): void {
  if (query.url !== undefined)
    throw new PlimsollError('invalid-parameter', 'url is not allowed beside a domain.', {
      details: { parameter: 'url' },
    });
  if (query.delivery === 'redirect') {
    throw new PlimsollError(
      'no-public-url',
      'delivery=redirect needs a CDN or an object store with public or signed URLs; ask for delivery=bytes.',
    );
  }
}
