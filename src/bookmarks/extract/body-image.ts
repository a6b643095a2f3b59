import { parsePixels, type FoundImage } from './found-images.js';
import { flatten } from './page-text.js';
import type { Attributes } from './tag-stream.js';

/** Pictures that are never the picture of a page, by their address. */
const DECORATION =
  /^data:|logo|icon|avatar|sprite|pixel|spacer|blank|loading|placeholder|badge|emoji|gravatar|button|banner-ad|captcha|1x1|\.svg(?:$|\?)|\.gif(?:$|\?)/i;

/** Least sides and area of a picture that says its size, pixels, and how far from a square it may be (chosen). */
const LEAST_SIDE_PX = 150;
const LEAST_AREA_PX = 60_000;
const MOST_STRETCHED = 4;

/**
 * An `<img>` that may stand for its page: large, and no decoration. One that does not say its size is taken inside of
 * the content only: anything may stand above it.
 */
export function readBodyImage(attributes: Attributes, inContent: boolean): FoundImage | undefined {
  // Lazy loading puts a stand-in into `src`.
  const url = [attributes.get('src'), attributes.get('data-src'), attributes.get('data-lazy-src')].find(
    (candidate) => candidate !== undefined && candidate !== '' && !DECORATION.test(candidate),
  );
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

/** `undefined` when the picture does not say both sides. */
function isLarge(width: number | undefined, height: number | undefined): boolean | undefined {
  if (width !== undefined && width < LEAST_SIDE_PX) return false;
  if (height !== undefined && height < LEAST_SIDE_PX) return false;
  if (width === undefined || height === undefined) return undefined;
  return (
    width * height >= LEAST_AREA_PX && Math.max(width, height) / Math.min(width, height) <= MOST_STRETCHED
  );
}
