import { Inject, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { SETTINGS, SettingsError, type Settings } from '../config/index.js';
import { isPlimsollError, PlimsollError } from '../errors/index.js';
import { normaliseSourceUrl } from '../remote-fetch/index.js';
import type { ImageSource } from './image-request.js';
import { checkPresets, parseImageQuery, type ParsedImageQuery } from './parameters/parse-image-query.js';
import type { RequestContext } from './request-context.js';
import { FOREVER } from './sources/source-record.js';
import { UPLOAD_ID } from './uploads/upload.service.js';

/** What a route needs of an HTTP request, validated; the source is still to be found. */
export interface ReadQuery extends ParsedImageQuery {
  readonly context: RequestContext;
  /** A signature's expiry, epoch ms; `FOREVER` without one. */
  readonly notAfter: number;
  /** Does the answer depend on `Accept`? */
  readonly negotiated: boolean;
  /** Parameters that belong to the route itself, as sent. */
  readonly own: ReadonlyMap<string, string>;
}

/** The same for a route whose query or path names the source. */
export interface ReadRequest extends ReadQuery {
  readonly source: ImageSource;
}

/** Turns HTTP requests into validated data; the services behind never see a request. */
@Injectable()
export class RequestReader {
  /** @throws SettingsError when a preset cannot be read: the start ends with a sentence, not the first request. */
  constructor(@Inject(SETTINGS) private readonly settings: Settings) {
    try {
      checkPresets(settings);
    } catch (error) {
      if (!isPlimsollError(error)) throw error;
      throw new SettingsError([`IMAGE_PRESETS must hold parameters of the image routes: ${error.message}`]);
    }
  }

  /**
   * Reads the query of an image route. `id` is the upload of the path; without one the query must name a `url`.
   * Sets `Vary: Accept` as soon as it is known that the format is negotiated, so that errors carry it too.
   *
   * @throws PlimsollError `invalid-parameter`, `image-not-found`, `unsupported-url-scheme`, `url-not-allowed`
   */
  read(request: Request, response: Response, id?: string): ReadRequest {
    const query = this.readQuery(request, response);
    return { ...query, source: id === undefined ? remoteSource(query.url) : uploadSource(id, query.url) };
  }

  /**
   * Reads the query of a route that finds its picture in another way. `own` are parameters of the route itself: they
   * are handed on as they came.
   *
   * @throws PlimsollError `invalid-parameter`
   */
  readQuery(request: Request, response: Response, own: readonly string[] = []): ReadQuery {
    response.setHeader('Vary', 'Accept');
    const pairs = queryPairs(request.originalUrl);
    const parsed = parseImageQuery(
      pairs.filter(([name]) => !own.includes(name)),
      this.settings,
    );
    const negotiated = parsed.parameters.format === 'auto';
    if (!negotiated) response.removeHeader('Vary');
    return {
      ...parsed,
      negotiated,
      own: ownValues(pairs, own),
      context: contextOf(request, response),
      notAfter: expiryOf(pairs),
    };
  }
}

function ownValues(
  pairs: readonly (readonly [string, string])[],
  own: readonly string[],
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of pairs) {
    if (!own.includes(name)) continue;
    if (values.has(name)) {
      throw new PlimsollError(
        'invalid-parameter',
        `Parameter "${name}" was given more than once; give it once.`,
        { details: { parameter: name } },
      );
    }
    values.set(name, value);
  }
  return values;
}

/** The query's pairs, decoded exactly once; repeated names stay visible. */
function queryPairs(target: string): (readonly [string, string])[] {
  const start = target.indexOf('?');
  return start === -1 ? [] : [...new URLSearchParams(target.slice(start + 1))];
}

function remoteSource(url: string | undefined): ImageSource {
  if (url === undefined) {
    throw new PlimsollError(
      'invalid-parameter',
      'url is required: the absolute http or https URL of the image.',
    );
  }
  return { kind: 'remote', url: normaliseSourceUrl(url) };
}

function uploadSource(id: string, url: string | undefined): ImageSource {
  if (url !== undefined)
    throw new PlimsollError('invalid-parameter', 'url is not allowed beside an image id.');
  if (!UPLOAD_ID.test(id))
    throw new PlimsollError('image-not-found', 'No image with this id is stored here.');
  return { kind: 'upload', id };
}

/** Aborts when the client goes away before the answer is written; the listener goes with the response. */
export function contextOf(request: Request, response: Response): RequestContext {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return {
    accept: request.headers.accept,
    clientId: request.ip ?? 'unknown',
    class: 'interactive',
    signal: controller.signal,
  };
}

function expiryOf(pairs: readonly (readonly [string, string])[]): number {
  const exp = pairs.find(([name]) => name === 'exp')?.[1];
  return exp !== undefined && /^\d{1,12}$/.test(exp) ? Number(exp) * 1_000 : FOREVER;
}
