import { parsePixels, type FoundImage } from './found-images.js';
import { flatten } from './page-text.js';
import type { Attributes } from './tag-stream.js';

/** Pictures that are never the picture of a page, by their address. */
const DECORATION =
  /^data:|logo|icon|avatar|sprite|pixel|spacer|blank|loading|placeholder|badge|emoji|gravatar|button|banner-ad|captcha|1x1|\.svg(?:$|\?)|\.gif(?:$|\?)/i;

/** Where the address stands; the scripts that load pictures late have no name in common. */
const SOURCES = ['src', 'data-src', 'data-lazy-src', 'data-original', 'data-lazy'] as const;

/** Least sides and area of a picture that says its size, pixels, and how far from a square it may be (chosen). */
const LEAST_SIDE_PX = 150;
const LEAST_AREA_PX = 60_000;
const MOST_STRETCHED = 4;

/** One candidate of a `srcset`: an address, and its width or density. */
const CANDIDATE = /([^\s,]\S*[^\s,])(?:\s+(\d{1,5}(?:\.\d+)?)[wx])?\s*(?:,|$)/g;

/**
 * An `<img>` that may stand for its page: large, and no decoration. One that does not say its size is taken inside of
 * the content only: anything may stand above it.
 */
export function readBodyImage(attributes: Attributes, inContent: boolean): FoundImage | undefined {
  // Lazy loading puts a stand-in into `src`.
  const url = [
    ...SOURCES.map((name) => attributes.get(name)),
    ...['data-srcset', 'srcset'].map((name) => largestOf(attributes.get(name))),
  ].find((candidate) => candidate !== undefined && candidate !== '' && !DECORATION.test(candidate));
  if (url === undefined || /logo|icon|avatar|sprite/i.test(attributes.get('class') ?? '')) return undefined;
  const width = parsePixels(attributes.get('width'));
  const height = parsePixels(attributes.get('height'));
  if (!(isLarge(width, height) ?? inContent)) return undefined;
  return {
    url: flatten(url),
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
  };
}

/** The widest of a `srcset`; an address holds no blank, so that a comma within it does no harm. */
function largestOf(srcset: string | undefined): string | undefined {
  let largest: string | undefined;
  let most = -1;
  for (const [, url, size = '1'] of (srcset ?? '').slice(0, 8_192).matchAll(CANDIDATE)) {
    if (Number(size) <= most) continue;
    most = Number(size);
    largest = url;
  }
  return largest;
}

/** `undefined` when the picture does not say both sides. */
function isLarge(width: number | undefined, height: number | undefined): boolean | undefined {
  if (width !== undefined && width < LEAST_SIDE_PX) return false;
  if (height !== undefined && height < LEAST_SIDE_PX) return false;
  if (width === undefined || height === undefined) return undefined;
  return (
    width * height >= LEAST_AREA_PX && Math.max(width, height) / Math.min(width, height) <= MOST_STRETCHED
  );
}
