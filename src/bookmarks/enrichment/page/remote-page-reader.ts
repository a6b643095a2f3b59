import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { RemoteFetcher, type AnswerHead } from '../../../remote-fetch/index.js';
import { PageExtractor } from '../../extract/page-extractor.js';
import type { PageReader, PageReading } from '../page-reader.js';

const ACCEPT = 'text/html, application/xhtml+xml;q=0.9, */*;q=0.5';

/** What the extractor reads. An answer that does not say its type is looked at too. */
const PAGE_TYPES: ReadonlySet<string> = new Set(['text/html', 'application/xhtml+xml']);

/** Reads pages by the guarded fetch, through the extractor, and keeps none of them. */
@Injectable()
export class RemotePageReader implements PageReader {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly fetcher: RemoteFetcher,
  ) {}

  async read(url: string, signal: AbortSignal): Promise<PageReading> {
    const { ENRICHMENT_PAGE_BYTES: maxBytes, IMAGE_TIMEOUT_MS, QUEUE_DEADLINE_MS } = this.settings.values;
    let extractor: PageExtractor | undefined;
    // When to ask again is for the queue and the host's breaker to say, not for the memory of failed fetches.
    this.fetcher.forget(url);
    const { head } = await this.fetcher.read({
      url,
      accept: ACCEPT,
      maxBytes,
      timeoutMs: IMAGE_TIMEOUT_MS,
      queueTimeoutMs: QUEUE_DEADLINE_MS,
      signal,
      onHead: (answer) => {
        if (!isPage(answer)) return 'decline';
        extractor = new PageExtractor({
          url: answer.finalUrl,
          requestedUrl: url,
          contentType: answer.contentType,
          maxBytes,
        });
        return 'read';
      },
      onChunk: (chunk) => extractor?.push(chunk) ?? 'enough',
    });
    const { status, finalUrl } = head;
    const contentType = mediaType(head);
    if (extractor === undefined) return { kind: 'file', status, finalUrl, contentType };
    return {
      kind: 'page',
      status,
      finalUrl,
      contentType: contentType ?? 'text/html',
      facts: extractor.finish(),
    };
  }
}

function isPage(head: AnswerHead): boolean {
  const type = mediaType(head);
  return type === undefined || PAGE_TYPES.has(type);
}

/** Without parameters, in lower case. */
function mediaType({ contentType }: AnswerHead): string | undefined {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return /^[\w.+-]+\/[\w.+-]+$/.test(type) ? Buffer.from(type).toString() : undefined;
}
