import { parseUrl } from '../../url/index.js';
import type { PageIcon } from '../model/page-facts.js';
import type { IconCandidate, IconOrigin } from './icon-candidate.js';

/** Longest URL of an icon, characters; the fetcher takes no longer ones. */
const MAX_URL_CHARACTERS = 4_096;

/** An absolute http(s) URL, free of the text that it was cut from; `undefined` for anything else. */
export function candidateUrl(text: string, base: string): string | undefined {
  const reference = text.trim();
  if (reference === '' || reference.length > MAX_URL_CHARACTERS) return undefined;
  const url = parseUrl(reference, base);
  if (url === undefined) return undefined;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  url.hash = '';
  return url.href.length <= MAX_URL_CHARACTERS ? Buffer.from(url.href).toString() : undefined;
}

/** Largest side of a `sizes` attribute, pixels; 0 for `any`, `undefined` when it says nothing. */
export function largestSide(sizes: string): number | undefined {
  const words = sizes.toLowerCase().slice(0, 200).split(/\s+/);
  if (words.includes('any')) return 0;
  const sides = words.flatMap((word) => {
    const match = /^(\d{1,5})[x×](\d{1,5})$/.exec(word);
    return match === null ? [] : [Math.min(Number(match[1]), Number(match[2]))];
  });
  const largest = Math.max(0, ...sides);
  return largest === 0 ? undefined : largest;
}

/** The icons that a page names, manifests left out. Drawings only where they may be shown. */
export function declaredIcons(icons: readonly PageIcon[], svgAllowed: boolean): IconCandidate[] {
  return icons.flatMap((icon): IconCandidate[] => {
    if (icon.rel === 'manifest') return [];
    const from = originOf(icon);
    if (!svgAllowed && (from === 'svg' || from === 'mask-icon')) return [];
    // "any" in a raster icon says nothing.
    const size = icon.size === 0 && from !== 'svg' ? undefined : icon.size;
    return [{ url: icon.url, from, ...(size === undefined ? {} : { size }) }];
  });
}

function originOf({ rel, type, url }: PageIcon): IconOrigin {
  if (rel === 'mask-icon') return 'mask-icon';
  const path = new URL(url).pathname.toLowerCase();
  if (type === 'image/svg+xml' || path.endsWith('.svg')) return 'svg';
  if (rel === 'apple-touch-icon') return 'apple-touch-icon';
  if (type === 'image/x-icon' || type === 'image/vnd.microsoft.icon' || path.endsWith('.ico')) return 'ico';
  return 'icon';
}

/** Where icons lie without being named. */
export function guessedIcons(pageUrl: string): IconCandidate[] {
  return [
    { url: new URL('/apple-touch-icon.png', pageUrl).href, from: 'guess', size: 100 },
    { url: new URL('/favicon.ico', pageUrl).href, from: 'guess', size: 32 },
  ];
}
