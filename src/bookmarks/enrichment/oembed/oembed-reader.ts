import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { PlimsollError } from '../../../errors/index.js';
import { RemoteFetcher } from '../../../remote-fetch/index.js';
import { MAX_OEMBED_BYTES, parseOembed, type OembedFacts } from '../../extract/oembed.js';

/** What a description says. */
export interface OembedReading {
  readonly facts: OembedFacts;
  /** After redirects. */
  readonly finalUrl: string;
}

/** Fetches oEmbed descriptions: the guarded fetch, JSON only, a small byte cap. */
@Injectable()
export class OembedReader {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly fetcher: RemoteFetcher,
  ) {}

  /**
   * An answer that is no JSON says nothing, like one without fields.
   *
   * @throws the codes of the guarded fetch
   */
  async read(oembedUrl: string, pageUrl: string, signal: AbortSignal): Promise<OembedReading> {
    const { IMAGE_TIMEOUT_MS: timeoutMs, QUEUE_DEADLINE_MS: queueTimeoutMs } = this.settings.values;
    const outcome = await this.fetcher.fetch({
      url: oembedUrl,
      accept: 'application/json, text/javascript;q=0.5',
      maxBytes: MAX_OEMBED_BYTES,
      memoryThresholdBytes: MAX_OEMBED_BYTES,
      openSink: () =>
        Promise.reject(new PlimsollError('source-too-large', 'The oEmbed description is too large.')),
      timeoutMs,
      queueTimeoutMs,
      signal,
    });
    const facts = (outcome.kind === 'memory' ? parseOembed(outcome.bytes, pageUrl) : null) ?? {};
    return { facts, finalUrl: outcome.finalUrl };
  }
}
