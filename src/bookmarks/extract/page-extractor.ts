import type { PageFacts } from '../model/page-facts.js';
import { PageDecoder } from './page-decoder.js';
import { PageScanner } from './page-scanner.js';
import { parseUrl } from '../../url/index.js';
import { pickFacts } from './pick-facts.js';
import { isPlaceholderTitle } from './placeholder.js';
import { TagStream } from './tag-stream.js';
import { WallSignals } from './wall-signals.js';

/** Most that is read of a page unless the caller says otherwise, bytes (the default of ENRICHMENT_PAGE_BYTES). */
const DEFAULT_MAX_BYTES = 1024 ** 2;

/**
 * Bytes that are worked on at a time. Blocks begin at fixed places of the page, so that no fact depends on how the
 * network cut it; one takes well under a millisecond.
 */
const BLOCK_BYTES = 16 * 1024;

/** Kinds of pages (`og:type`) that nobody signs. Not `website`: half of all articles call themselves so. */
const UNSIGNED_TYPE = /^(?:product|profile|object|music|place|business|restaurant|game)\b/i;

/** How far the body is read for an author and a date when all else is there, bytes (chosen: most JSON-LD stands before). */
const EXTRAS_BYTES = 256 * 1024;

export interface ExtractOptions {
  /** Address of the page after all redirects; relative addresses count from it. */
  readonly url: string;
  /** What was asked for, before redirects; `url` by default. Tells a login wall from a login page. */
  readonly requestedUrl?: string;
  /** `Content-Type` of the answer, for its charset. */
  readonly contentType?: string | undefined;
  /** Cap on the bytes that are looked at, 1 MiB by default. */
  readonly maxBytes?: number;
}

/**
 * Extracts what a page says about itself while it comes in: give it each chunk until it has `enough`, then ask for the
 * facts. Reads to the end of the head; on into the body when something of use is missing; never past `maxBytes`. Holds
 * one block of the page at a time and a chunk only during the call; never throws, whatever the bytes are. What it
 * returns is free of the page.
 *
 * @throws TypeError from the constructor when `url` is no absolute URL
 */
export class PageExtractor {
  private readonly url: string;
  private readonly requestedUrl: string;
  private readonly maxBytes: number;
  private readonly decoder: PageDecoder;
  private readonly scanner = new PageScanner(() => this.stopIfComplete());
  private readonly tags = new TagStream(this.scanner);
  private block: Buffer | undefined;
  private blockBytes = 0;
  private bytesRead = 0;
  private isDone = false;
  private isCut = false;
  private facts: PageFacts | undefined;

  constructor({ url, requestedUrl = url, contentType, maxBytes = DEFAULT_MAX_BYTES }: ExtractOptions) {
    this.url = new URL(url).href;
    this.requestedUrl = parseUrl(requestedUrl)?.href ?? this.url;
    this.maxBytes = maxBytes;
    this.decoder = new PageDecoder(contentType);
  }

  /** Takes the next bytes of the page. After `enough` further ones are ignored. */
  push(chunk: Buffer): 'more' | 'enough' {
    let rest = chunk;
    while (!this.isDone && rest.length > 0) {
      const leftBytes = this.maxBytes - this.bytesRead - this.blockBytes;
      if (leftBytes <= 0) {
        this.isCut = true;
        this.flush();
        this.isDone = true;
        break;
      }
      const wantedBytes = Math.min(BLOCK_BYTES - this.blockBytes, leftBytes, rest.length);
      if (this.blockBytes === 0 && wantedBytes === BLOCK_BYTES) this.work(rest.subarray(0, BLOCK_BYTES));
      else this.collect(rest.subarray(0, wantedBytes));
      rest = rest.subarray(wantedBytes);
    }
    return this.isDone ? 'enough' : 'more';
  }

  /** The facts. Ends the extraction; a second call gives the same. */
  finish(): PageFacts {
    if (this.facts !== undefined) return this.facts;
    if (!this.isDone) {
      this.flush();
      if (!this.isDone) {
        this.tags.write(this.decoder.end());
        this.tags.end();
      }
    }
    this.scanner.end();
    this.facts = this.choose();
    this.block = undefined;
    return this.facts;
  }

  private collect(bytes: Buffer): void {
    this.block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.block.set(bytes, this.blockBytes);
    this.blockBytes += bytes.length;
    if (this.blockBytes === BLOCK_BYTES) this.flush();
  }

  private flush(): void {
    if (this.block === undefined || this.blockBytes === 0) return;
    const bytes = this.block.subarray(0, this.blockBytes);
    this.blockBytes = 0;
    this.work(bytes);
  }

  private work(bytes: Buffer): void {
    this.bytesRead += bytes.length;
    this.tags.write(this.decoder.decode(bytes));
    if (!this.isDone && this.scanner.isInBody) this.stopIfComplete();
  }

  private stopIfComplete(): void {
    if (this.isDone || !this.isComplete()) return;
    this.isDone = true;
    this.isCut = true;
    this.tags.stop();
  }

  /** Whether nothing that is still to come would change the facts for the better. */
  private isComplete(): boolean {
    const { findings } = this.scanner;
    const title = findings.all('og:title', 'twitter:title')[0] ?? findings.title;
    if (title === undefined || isPlaceholderTitle(title, this.url)) return false;
    if (findings.each('og:description', 'description', 'twitter:description').length === 0) return false;
    if (
      findings.ogImages.all.length === 0 &&
      findings.each('twitter:image', 'twitter:image:src').length === 0
    ) {
      return false;
    }
    // What looks like a login or a consent page shows it in its body.
    if (WallSignals.isSuspicious(findings.title ?? title, this.url)) return this.bytesRead > EXTRAS_BYTES;
    const [type = ''] = findings.all('og:type');
    if (UNSIGNED_TYPE.test(type) || new URL(this.url).pathname === '/') return true;
    const main = findings.ld.find(({ role }) => role === 'main');
    const hasDate = main?.publishedAt !== undefined || findings.all('article:published_time').length > 0;
    const hasAuthor = main?.author !== undefined || findings.each('author', 'article:author').length > 0;
    return (hasDate && hasAuthor) || this.bytesRead > EXTRAS_BYTES;
  }

  private choose(): PageFacts {
    const { findings, signals } = this.scanner;
    const isArticle =
      findings.ld.some((node) => node.isArticle) ||
      findings.all('og:type').includes('article') ||
      findings.all('article:published_time').length > 0;
    const wall = signals.judge({
      title: findings.title ?? findings.all('og:title')[0],
      pageUrl: this.url,
      requestedUrl: this.requestedUrl,
      describesItself:
        findings.each('og:title', 'og:image', 'twitter:card').length > 0 ||
        findings.ogImages.all.length > 0 ||
        findings.canonical !== undefined ||
        findings.ld.some(({ role }) => role !== 'site'),
      isArticle,
    });
    return {
      // Whatever a wall says is about the wall.
      ...(wall === undefined ? pickFacts(findings, this.url) : { images: [], icons: [], feedUrls: [], wall }),
      charset: this.decoder.charset,
      bytesRead: this.bytesRead,
      truncated: this.isCut,
    };
  }
}

/** The facts of a page that is there as a whole; see {@link PageExtractor}. */
export function extractPage(bytes: Buffer, options: ExtractOptions): PageFacts {
  const extractor = new PageExtractor(options);
  extractor.push(bytes);
  return extractor.finish();
}
