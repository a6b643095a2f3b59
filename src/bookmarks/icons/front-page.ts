import type { RemoteFetcher } from '../../remote-fetch/index.js';
import { PageExtractor } from '../extract/page-extractor.js';
import type { PageIcon } from '../model/page-facts.js';

/** What a front page says of its icons. */
export interface FrontPage {
  readonly finalUrl: string;
  readonly icons: readonly PageIcon[];
}

/** Most that is read of a page, bytes, decompressed: heads of large sites end before 200 KB. */
const MAX_PAGE_BYTES = 256 * 1024;

const ACCEPT = 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.1';

const IS_PAGE = /html|xml|text\/plain/i;

/**
 * Reads what a page says of its icons, as far as its head goes. What is not HTML, and a wall in front of the page,
 * have none to name.
 *
 * @throws what the fetcher throws
 */
export async function readFrontPage(
  fetcher: RemoteFetcher,
  url: string,
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<FrontPage> {
  let extractor: PageExtractor | undefined;
  const outcome = await fetcher.read({
    url,
    accept: ACCEPT,
    maxBytes: MAX_PAGE_BYTES,
    ...limits,
    onHead: ({ contentType, finalUrl }) => {
      if (contentType !== undefined && !IS_PAGE.test(contentType)) return 'decline';
      extractor = new PageExtractor({
        url: finalUrl,
        requestedUrl: url,
        contentType,
        maxBytes: MAX_PAGE_BYTES,
      });
      return 'read';
    },
    onChunk: (chunk) => extractor?.push(chunk) ?? 'enough',
  });
  const facts = extractor?.finish();
  const icons = facts === undefined || facts.wall === 'challenge' ? [] : facts.icons;
  return { finalUrl: outcome.head.finalUrl, icons };
}
