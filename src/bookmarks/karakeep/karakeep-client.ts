import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, request, type Dispatcher } from 'undici';
import { SETTINGS, type Settings } from '../../config/index.js';
import { AbortedError, PlimsollError } from '../../errors/index.js';
import { parseUrl } from '../../url/index.js';
import type { AssetFetcher } from '../enrichment/preview/asset-fetcher.js';
import { readPage, type KarakeepPage } from './karakeep-shapes.js';

/** Most of one page of bookmarks, bytes: a hundred without their content are some 200 KB. */
const MAX_PAGE_BYTES = 8 * 1024 ** 2;

/** Most of an error's text that is read, bytes. */
const MAX_ERROR_BYTES = 4 * 1024;

const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 30_000;

/** The API's limit. */
export const PAGE_SIZE = 100;

/**
 * Speaks to the Karakeep server of KARAKEEP_URL. That address is the operator's choice, so it may be a private one; in
 * return nothing else is ever asked: the key goes to that origin alone, and redirects are not followed.
 */
@Injectable()
export class KarakeepClient implements AssetFetcher, OnApplicationShutdown {
  private readonly agent = new Agent({
    connections: 2,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
  });
  private readonly base: URL | undefined;
  private readonly key: string | undefined;

  constructor(@Inject(SETTINGS) { values }: Settings) {
    this.key = values.KARAKEEP_API_KEY;
    if (values.KARAKEEP_URL === undefined) return;
    const base = new URL(values.KARAKEEP_URL);
    base.pathname = base.pathname.replace(/\/(?:api(?:\/v1)?\/?)?$/, '/');
    base.search = '';
    base.hash = '';
    this.base = base;
  }

  /** Both settings are there. */
  get configured(): boolean {
    return this.base !== undefined && this.key !== undefined;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  /**
   * A page of bookmarks, newest first, without their content.
   *
   * @throws PlimsollError `karakeep-not-configured`, `karakeep-error` (its details hold the status); AbortedError
   */
  async page(cursor: string | null, signal: AbortSignal): Promise<KarakeepPage> {
    const target = this.url('api/v1/bookmarks');
    target.searchParams.set('limit', String(PAGE_SIZE));
    target.searchParams.set('includeContent', 'false');
    if (cursor !== null) target.searchParams.set('cursor', cursor);
    const body = await this.get(target, 'application/json', MAX_PAGE_BYTES, signal);
    const page = readPage(parseJson(body));
    if (page === null) throw broken('Karakeep answered something that is no page of bookmarks.');
    return page;
  }

  /** The URL under which an asset is fetched by {@link fetch}. */
  assetUrl(assetId: string): string {
    return this.url(`api/assets/${encodeURIComponent(assetId)}`).href;
  }

  async fetch(
    url: string,
    { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal },
  ): Promise<Buffer> {
    const target = parseUrl(url);
    const folder = this.url('api/assets/');
    if (target?.origin !== folder.origin || !target.pathname.startsWith(folder.pathname)) {
      throw new PlimsollError('url-not-allowed', 'This picture is not an asset of the Karakeep server.');
    }
    return this.get(target, 'image/*', maxBytes, signal);
  }

  private url(path: string): URL {
    if (this.base === undefined || this.key === undefined) {
      throw new PlimsollError('karakeep-not-configured', 'KARAKEEP_URL and KARAKEEP_API_KEY must be set.');
    }
    return new URL(path, this.base);
  }

  private async get(target: URL, accept: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    if (signal.aborted) throw new AbortedError('The request to Karakeep was aborted.');
    let answer: Dispatcher.ResponseData;
    try {
      answer = await request(target, {
        dispatcher: this.agent,
        signal,
        headers: { accept, authorization: `Bearer ${this.key}` },
      });
      if (answer.statusCode === 200) return await readBody(answer.body, maxBytes);
      throw refused(answer.statusCode, await readStart(answer.body));
    } catch (error) {
      if (error instanceof PlimsollError) throw error;
      if (signal.aborted) throw new AbortedError('The request to Karakeep was aborted.');
      throw broken('The Karakeep server cannot be reached, or broke off.', error);
    }
  }
}

/** One private buffer of exactly the body's length. */
async function readBody(
  body: AsyncIterable<Buffer> & { destroy(): unknown },
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      body.destroy();
      throw new PlimsollError('source-too-large', `Karakeep answered more than ${maxBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  const whole = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(whole, at);
  return whole;
}

/** The beginning of an error's body; a body that is not read would hold the connection. */
async function readStart(body: AsyncIterable<Buffer> & { destroy(): unknown }): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString('utf8');
    if (text.length >= MAX_ERROR_BYTES) break;
  }
  body.destroy();
  return text.slice(0, MAX_ERROR_BYTES);
}

/** Karakeep's errors are plain text, or JSON of three shapes; people see its sentence, in one line. */
function refused(status: number, text: string): PlimsollError {
  const json = parseJson(text) as { message?: unknown; error?: unknown } | undefined;
  const said = [json?.message, json?.error, json === undefined ? text : undefined].find(
    (one): one is string => typeof one === 'string',
  );
  const sentence = said
    ?.replace(/<[^>]*>|\s+/g, ' ')
    .trim()
    .slice(0, 200);
  const about = sentence === undefined || sentence === '' ? '' : `: ${sentence}`;
  return new PlimsollError('karakeep-error', `Karakeep answered ${status}${about}`, { details: { status } });
}

const broken = (message: string, cause?: unknown): PlimsollError =>
  new PlimsollError('karakeep-error', message, cause === undefined ? {} : { cause });

function parseJson(body: Buffer | string): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
