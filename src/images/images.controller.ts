import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { SETTINGS, type Settings } from '../config/index.js';
import { PlimsollError } from '../errors/index.js';
import { ImageResponder } from './delivery/image-responder.js';
import { ImageFactsService, toMetadata } from './facts/image-facts.service.js';
import { RequestTiming } from './request-context.js';
import { contextOf, RequestReader, type ReadRequest } from './request-reader.js';
import { UnifiedImageService, type ImageAnswer } from './unified-image.service.js';
import { receiveBody } from './uploads/receive-body.js';
import { UploadService } from './uploads/upload.service.js';

/** Routes of images. Reads parse, call one service, write one answer. */
@Controller('images')
export class ImagesController {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly reader: RequestReader,
    private readonly images: UnifiedImageService,
    private readonly facts: ImageFactsService,
    private readonly uploads: UploadService,
    private readonly responder: ImageResponder,
  ) {}

  @Get()
  async remote(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.answer(request, response, this.reader.read(request, response));
  }

  @Get(':id')
  async upload(@Req() request: Request, @Res() response: Response, @Param('id') id: string): Promise<void> {
    await this.answer(request, response, this.reader.read(request, response, id));
  }

  @Get('metadata')
  async remoteMetadata(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.sendMetadata(response, this.reader.read(request, response));
  }

  @Get('placeholder')
  async remotePlaceholder(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.sendPlaceholder(response, this.reader.read(request, response));
  }

  @Get(':id/metadata')
  async uploadMetadata(
    @Req() request: Request,
    @Res() response: Response,
    @Param('id') id: string,
  ): Promise<void> {
    await this.sendMetadata(response, this.reader.read(request, response, id));
  }

  @Get(':id/placeholder')
  async uploadPlaceholder(
    @Req() request: Request,
    @Res() response: Response,
    @Param('id') id: string,
  ): Promise<void> {
    await this.sendPlaceholder(response, this.reader.read(request, response, id));
  }

  @Post()
  async create(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { signal } = contextOf(request, response);
    const { MAX_IMAGE_SIZE_BYTES } = this.settings.values;
    const { id, record } = await this.uploads.accept(
      (sink) => receiveBody(request, request.headers, sink, MAX_IMAGE_SIZE_BYTES, signal),
      signal,
    );
    const location = `${request.path.replace(/\/$/, '')}/${id}`;
    response.status(201).setHeader('Location', location);
    response.json({ id, url: this.absolute(location), ...toMetadata(record) });
  }

  @Delete(':id')
  @HttpCode(204)
  async remove(@Param('id') id: string): Promise<void> {
    await this.uploads.remove(id);
  }

  private async answer(request: Request, response: Response, read: ReadRequest): Promise<void> {
    if (read.delivery === 'redirect') {
      throw new PlimsollError(
        'no-public-url',
        'delivery=redirect needs a CDN or an object store with public or signed URLs; ask for delivery=bytes.',
      );
    }
    const timing = new RequestTiming();
    const answer = await this.images.get(read, read.context, timing);
    if (read.delivery === 'json') this.sendJson(request, response, read, answer);
    else
      await this.responder.send(request, response, answer, {
        negotiated: read.negotiated,
        notAfter: read.notAfter,
        timing,
      });
  }

  /** The variant's facts and where its bytes are. */
  private sendJson(request: Request, response: Response, read: ReadRequest, answer: ImageAnswer): void {
    const target = new URL(request.originalUrl, 'http://localhost');
    for (const name of ['delivery', 'deliver']) target.searchParams.delete(name);
    const { sourceSha256: _sha, sourceKey: _key, ...facts } = answer.facts;
    this.responder.sendJson(response, answer.record, read.notAfter, {
      ...facts,
      contentType: answer.contentType,
      bytes: answer.bytes,
      etag: answer.etag,
      source: toMetadata(answer.record),
      urls: { bytes: this.absolute(`${target.pathname}${target.search}`), cdn: null, signed: null },
    });
  }

  private async sendMetadata(response: Response, read: ReadRequest): Promise<void> {
    const { metadata, record } = await this.facts.metadata(read.source, read.context, new RequestTiming());
    this.responder.sendJson(response, record, read.notAfter, metadata);
  }

  private async sendPlaceholder(response: Response, read: ReadRequest): Promise<void> {
    const { placeholder, record } = await this.facts.placeholder(
      read.source,
      read.context,
      new RequestTiming(),
    );
    this.responder.sendJson(response, record, read.notAfter, placeholder);
  }

  /** On `PUBLIC_URL` when it is set, else relative to the host that the client used. */
  private absolute(path: string): string {
    const base = this.settings.values.PUBLIC_URL;
    return base === undefined ? path : new URL(path, base).href;
  }
}
