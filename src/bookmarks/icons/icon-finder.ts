import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/index.js';
import { isPlimsollError, type ErrorCode } from '../../errors/index.js';
import type { DerivedWork } from '../../images/index.js';
import { OBJECT_STORE, type ObjectStore } from '../../object-storage/index.js';
import { RemoteFetcher } from '../../remote-fetch/index.js';
import { declaredIcons, guessedIcons } from './declared-icons.js';
import { readFrontPage, type FrontPage } from './front-page.js';
import { rankCandidates, type IconCandidate, type IconOrigin } from './icon-candidate.js';
import { pageUrls, type IconDomain } from './icon-domain.js';
import { IconMaker, type MadeIcon } from './icon-maker.js';
import { manifestIcons } from './manifest-icons.js';

/** What a search for a site's icon brought. */
export type IconFinding =
  | { readonly kind: 'icon'; readonly icon: MadeIcon; readonly from: IconOrigin; readonly url: string }
  | { readonly kind: 'none'; readonly code: ErrorCode; readonly tried: readonly string[] };

/** Largest icon file, bytes. */
const MAX_ICON_BYTES = 1024 ** 2;

/** Largest manifest, bytes (chosen: real ones have a few KB). */
const MAX_MANIFEST_BYTES = 128 * 1024;

/** Deadline of each request, ms: three slow ones in a row still leave time within that of the search. */
const REQUEST_TIMEOUT_MS = 6_000;

/** From this side on an icon is taken at once; a smaller one only when nothing larger comes. */
const GOOD_SIDE = 64;

const ACCEPT = 'image/png,image/svg+xml,image/webp,image/avif,image/x-icon,image/*;q=0.8,*/*;q=0.5';

/** What the origin, or its picture, is to blame for. Everything else, shortage above all, says nothing about the site. */
const SITE_FAULTS: readonly ErrorCode[] = [
  'invalid-parameter',
  'unsupported-url-scheme',
  'url-not-allowed',
  'origin-not-found',
  'origin-gone',
  'origin-refused',
  'origin-error',
  'origin-unreachable',
  'origin-timeout',
  'too-many-redirects',
  'source-too-large',
  'not-an-image',
  'undecodable-image',
  'image-too-many-pixels',
  'image-exceeds-memory-budget',
];

/** Nobody answers there; guesses would only wait in vain. */
const ABSENT: readonly ErrorCode[] = ['url-not-allowed', 'origin-unreachable', 'origin-timeout'];

/** Searches a site for the best picture that may stand for it. Keeps and remembers nothing. */
@Injectable()
export class IconFinder {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly fetcher: RemoteFetcher,
    private readonly maker: IconMaker,
  ) {}

  /**
   * Front page, manifest, then the icons by rank, one after the other.
   *
   * @throws AbortedError; MemoryPressureError, PlimsollError `server-busy`, `shutting-down`, `storage-unavailable`,
   *   `operation-timeout`: these say nothing about the site
   */
  async find(domain: IconDomain, work: DerivedWork): Promise<IconFinding> {
    const page = await this.frontPage(domain, work.signal);
    if ('code' in page) return { kind: 'none', code: page.code, tried: pageUrls(domain) };
    const candidates = await this.candidates(page, work.signal);
    const tried = [...pageUrls(domain)];
    let code: ErrorCode = 'not-an-image';
    let best: Extract<IconFinding, { kind: 'icon' }> | undefined;
    for (const candidate of candidates) {
      tried.push(candidate.url);
      try {
        const verdict = await this.maker.make(await this.fetchIcon(candidate.url, work.signal), work);
        if (verdict.kind === 'refused') continue;
        const finding = {
          kind: 'icon',
          icon: verdict.icon,
          from: originOf(candidate),
          url: candidate.url,
        } as const;
        if (verdict.icon.side >= GOOD_SIDE) return finding;
        if (best === undefined || verdict.icon.side > best.icon.side) best = finding;
      } catch (error) {
        if (!isPlimsollError(error, ...SITE_FAULTS)) throw error;
        code = error.code;
      }
    }
    return best ?? { kind: 'none', code, tried };
  }

  /** The front page; one that answers an error has guesses all the same, a host that does not answer has nothing. */
  private async frontPage(
    domain: IconDomain,
    signal: AbortSignal,
  ): Promise<FrontPage | { readonly code: ErrorCode }> {
    let code: ErrorCode = 'origin-unreachable';
    for (const url of pageUrls(domain)) {
      try {
        return await readFrontPage(this.fetcher, url, { timeoutMs: REQUEST_TIMEOUT_MS, signal });
      } catch (error) {
        if (!isPlimsollError(error, ...SITE_FAULTS)) throw error;
        if (!ABSENT.includes(error.code)) return { finalUrl: url, icons: [] };
        code = error.code;
      }
    }
    return { code };
  }

  private async candidates(page: FrontPage, signal: AbortSignal): Promise<readonly IconCandidate[]> {
    const svgAllowed = this.settings.values.IMAGE_SVG;
    const manifest = page.icons.find(({ rel }) => rel === 'manifest');
    return rankCandidates([
      ...(manifest === undefined ? [] : await this.fromManifest(manifest.url, svgAllowed, signal)),
      ...declaredIcons(page.icons, svgAllowed),
      ...guessedIcons(page.finalUrl),
    ]);
  }

  private async fromManifest(
    url: string,
    svgAllowed: boolean,
    signal: AbortSignal,
  ): Promise<IconCandidate[]> {
    const chunks: Buffer[] = [];
    try {
      const { head } = await this.fetcher.read({
        url,
        accept: 'application/manifest+json,application/json;q=0.9,*/*;q=0.5',
        maxBytes: MAX_MANIFEST_BYTES,
        timeoutMs: REQUEST_TIMEOUT_MS,
        signal,
        onChunk: (chunk) => {
          chunks.push(Buffer.from(chunk));
          return 'more';
        },
      });
      return manifestIcons(Buffer.concat(chunks).toString('utf8'), head.finalUrl, svgAllowed);
    } catch (error) {
      if (!isPlimsollError(error, ...SITE_FAULTS)) throw error;
      return [];
    }
  }

  private async fetchIcon(url: string, signal: AbortSignal): Promise<Buffer> {
    const outcome = await this.fetcher.fetch({
      url,
      accept: ACCEPT,
      maxBytes: MAX_ICON_BYTES,
      memoryThresholdBytes: MAX_ICON_BYTES,
      // Never opened: what is larger than memory may hold is too large.
      openSink: () => this.store.createSpool(),
      timeoutMs: REQUEST_TIMEOUT_MS,
      signal,
    });
    if (outcome.kind === 'memory') return outcome.bytes;
    if (outcome.kind === 'sink') await outcome.sink.discard();
    return Buffer.alloc(0);
  }
}

/** A guess that was right is what it was guessed to be. */
function originOf({ from, url }: IconCandidate): IconOrigin {
  if (from !== 'guess') return from;
  return url.endsWith('.ico') ? 'ico' : 'apple-touch-icon';
}
