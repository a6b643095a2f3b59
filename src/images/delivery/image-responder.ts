import { Inject, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { pipeline } from 'node:stream/promises';
import { CLOCK, type Clock } from '../../clock/index.js';
import { PlimsollError } from '../../errors/index.js';
import type { RequestTiming } from '../request-context.js';
import type { ImageAnswer } from '../unified-image.service.js';
import type { Freshness } from '../sources/freshness.js';
import { parseRange } from './byte-range.js';
import { matchesEtag } from './etag.js';
import { HitTable } from './hit-table.js';
import { cacheControl, cacheStatus, IMAGE_HEADERS, STAND_IN_CACHE_CONTROL } from './response-headers.js';

/** What the route knows of the request beside the answer. */
export interface ResponseFacts {
  /** Did `Accept` take part in choosing the format? */
  readonly negotiated: boolean;
  /** A signature's expiry, epoch ms; `FOREVER` without one. */
  readonly notAfter: number;
  readonly timing: RequestTiming;
  /** The route is guarded by a token: no shared cache may keep the answer. */
  readonly isPrivate?: boolean;
}

/** Writes image answers: headers, 304, ranges, HEAD; and offers what is in memory to the hit table. */
@Injectable()
export class ImageResponder {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly hits: HitTable,
  ) {}

  /** Resolves when the answer is written or the client has left. */
  async send(request: Request, response: Response, answer: ImageAnswer, facts: ResponseFacts): Promise<void> {
    this.writeHeaders(response, answer, facts);
    this.offer(request, answer, facts);
    if (matchesEtag(request.headers['if-none-match'], answer.etag)) {
      response.status(304).end();
      return;
    }
    response.setHeader('Content-Type', answer.contentType);
    if (answer.body.kind === 'buffer') {
      response.setHeader('Content-Length', answer.bytes);
      response.end(request.method === 'HEAD' ? undefined : answer.body.buffer);
      return;
    }
    await this.stream(request, response, answer, answer.body.open);
  }

  /** Facts about an image as JSON, as long-lived as the image. */
  sendJson(response: Response, freshness: Freshness, notAfter: number, body: object): void {
    response.setHeader('Cache-Control', cacheControl(freshness, this.clock.now(), notAfter));
    response.json(body);
  }

  private writeHeaders(response: Response, answer: ImageAnswer, facts: ResponseFacts): void {
    const standIn = answer.outcome.kind === 'nearby' || answer.outcome.stale === true;
    const lifetime = standIn
      ? STAND_IN_CACHE_CONTROL
      : cacheControl(answer, this.clock.now(), facts.notAfter);
    response.setHeader(
      'Cache-Control',
      facts.isPrivate === true ? lifetime.replace('public', 'private') : lifetime,
    );
    response.setHeader('ETag', answer.etag);
    response.setHeader('Cache-Status', cacheStatus(answer.outcome));
    for (const [name, value] of IMAGE_HEADERS) response.setHeader(name, value);
    const timing = facts.timing.toHeader();
    if (timing !== '') response.setHeader('Server-Timing', timing);
  }

  private offer(request: Request, answer: ImageAnswer, facts: ResponseFacts): void {
    if (answer.variantKey === undefined || answer.outcome.stale === true) return;
    this.hits.offer({
      rawUrl: request.originalUrl,
      accept: request.headers.accept,
      negotiated: facts.negotiated,
      variantKey: answer.variantKey,
      notAfter: facts.notAfter,
    });
  }

  private async stream(
    request: Request,
    response: Response,
    answer: ImageAnswer,
    open: Extract<ImageAnswer['body'], { kind: 'stored' }>['open'],
  ): Promise<void> {
    response.setHeader('Accept-Ranges', 'bytes');
    const ifRange = request.headers['if-range'];
    const range =
      ifRange === undefined || ifRange === answer.etag
        ? parseRange(request.headers.range, answer.bytes)
        : undefined;
    if (range === 'unsatisfiable') {
      response.setHeader('Content-Range', `bytes */${answer.bytes}`);
      response.status(416).end();
      return;
    }
    const length = range === undefined ? answer.bytes : range.end - range.start + 1;
    response.setHeader('Content-Length', length);
    if (range !== undefined) {
      response.status(206);
      response.setHeader('Content-Range', `bytes ${range.start}-${range.end}/${answer.bytes}`);
    }
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const opened = await open(range);
    if (opened === null)
      throw new PlimsollError('storage-unavailable', 'The stored image cannot be read; ask again.', {
        retryAfterSeconds: 2,
      });
    try {
      await pipeline(opened.stream, response);
    } catch (error) {
      // Once the head is out only the connection can tell the client; a client that left needs no answer.
      if (!response.headersSent) throw error;
      response.destroy();
    }
  }
}
