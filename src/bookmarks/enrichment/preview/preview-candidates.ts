import type { PreviewCandidate, PreviewKind } from '../../model/bookmark.js';
import type { PageFacts, PageIcon, PageImage } from '../../model/page-facts.js';
import { normaliseSourceUrl } from '../../../remote-fetch/index.js';

/** Best first (the order to try). */
const RANKS: Readonly<Record<PreviewKind, number>> = {
  user: 0,
  page: 1,
  'json-ld': 2,
  oembed: 3,
  icon: 4,
  karakeep: 5,
  card: 6,
};

/** Most of each kind, so that a page with thirty pictures leaves room for the fallbacks; twelve together. */
const MOST: Readonly<Record<PreviewKind, number>> = {
  user: 2,
  page: 5,
  'json-ld': 2,
  oembed: 1,
  icon: 2,
  karakeep: 4,
  card: 0,
};
const MOST_TOGETHER = 12;

/** Smaller ones, as declared, are no previews. */
const SMALLEST_SIDE = 50;

/** Icons below this are for tabs. */
const LARGE_ICON_SIDE = 96;

/** What an apple-touch-icon without sizes is. */
const TOUCH_ICON_SIDE = 180;

/** A picture that does not say its size counts as this many pixels: better than a thumbnail, no better than a full one. */
const UNDECLARED_PIXELS = 600 * 315;

/** What a page names as its picture: og:image variants by declared size, Twitter's, JSON-LD's, then large icons. */
export function candidatesOf(facts: Pick<PageFacts, 'images' | 'icons'>): PreviewCandidate[] {
  const from = (origin: PageImage['from']): PageImage[] =>
    facts.images.filter((image) => image.from === origin && isLargeEnough(image));
  const og = from('og').toSorted((a, b) => pixelsOf(b) - pixelsOf(a));
  return [
    ...[...og, ...from('twitter'), ...from('link')].map((image) => toCandidate(image, 'page')),
    ...from('json-ld').map((image) => toCandidate(image, 'json-ld')),
    ...facts.icons
      .filter((icon) => sideOf(icon) >= LARGE_ICON_SIDE)
      .toSorted((a, b) => sideOf(b) - sideOf(a))
      .map((icon) => toCandidate(iconImage(icon), 'icon')),
  ];
}

/**
 * The candidates with those of `kinds` replaced by new ones: fit to be fetched, each URL once, in the order to try.
 * A source that names no picture any more takes none away: a page that comes without its head once must not lose
 * its picture.
 */
export function replaceCandidates(
  before: readonly PreviewCandidate[],
  kinds: readonly PreviewKind[],
  found: readonly PreviewCandidate[],
): readonly PreviewCandidate[] {
  const kept = found.length === 0 ? before : before.filter(({ kind }) => !kinds.includes(kind));
  const byUrl = new Map<string, PreviewCandidate>();
  const counts = new Map<PreviewKind, number>();
  for (const candidate of [...kept, ...found].toSorted((a, b) => RANKS[a.kind] - RANKS[b.kind])) {
    const url = candidate.kind === 'karakeep' ? candidate.url : fetchable(candidate.url);
    const count = counts.get(candidate.kind) ?? 0;
    if (url === undefined || byUrl.has(url) || count >= MOST[candidate.kind]) continue;
    counts.set(candidate.kind, count + 1);
    byUrl.set(url, { ...candidate, url });
  }
  return [...byUrl.values()].slice(0, MOST_TOGETHER);
}

/** Same pictures in the same order; declared sizes do not matter any more. */
export function sameCandidates(a: readonly PreviewCandidate[], b: readonly PreviewCandidate[]): boolean {
  return (
    a.length === b.length && a.every((one, index) => one.url === b[index]?.url && one.kind === b[index]?.kind)
  );
}

function toCandidate(
  { url, width, height }: Pick<PageImage, 'url' | 'width' | 'height'>,
  kind: PreviewKind,
): PreviewCandidate {
  return {
    url,
    kind,
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
  };
}

const isLargeEnough = ({ width, height }: PageImage): boolean =>
  (width ?? SMALLEST_SIDE) >= SMALLEST_SIDE && (height ?? SMALLEST_SIDE) >= SMALLEST_SIDE;

function pixelsOf({ width, height }: PageImage): number {
  if (width === undefined && height === undefined) return UNDECLARED_PIXELS;
  return (width ?? height ?? 0) * (height ?? width ?? 0);
}

function sideOf({ rel, size }: PageIcon): number {
  if (rel === 'manifest' || rel === 'mask-icon') return 0;
  // 0 stands for `any`: a drawing has no size of its own.
  if (size === 0) return LARGE_ICON_SIDE;
  return size ?? (rel === 'apple-touch-icon' ? TOUCH_ICON_SIDE : 0);
}

const iconImage = ({ url, size }: PageIcon): Pick<PageImage, 'url' | 'width' | 'height'> =>
  size === undefined || size === 0 ? { url } : { url, width: size, height: size };

function fetchable(url: string): string | undefined {
  try {
    return normaliseSourceUrl(url);
  } catch {
    return undefined;
  }
}
