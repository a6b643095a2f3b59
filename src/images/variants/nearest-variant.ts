import type { ImageEntry } from '../../image-memory/index.js';
import type { ImageParameters } from '../image-request.js';

export interface KeyedEntry {
  readonly key: string;
  readonly entry: ImageEntry;
}

/** A stand-in may be at most this much smaller than what was asked for; a larger one is always fine (chosen: still sharp enough to recognise). */
const SMALLEST_SHARE = 0.5;

/** Ratios may differ by this share before the picture would look distorted in its place. */
const RATIO_TOLERANCE = 0.05;

/**
 * The variant in memory that can stand in for one that must not be made now: same shape where both sides were
 * asked for, the narrowest that is wide enough, else the widest. JPEG, PNG, WebP and GIF only: what every
 * client shows.
 */
export function nearestVariant(
  variants: Iterable<KeyedEntry>,
  wanted: ImageParameters,
): KeyedEntry | undefined {
  const wantedWidth = (wanted.width ?? wanted.height ?? 0) * wanted.dpr;
  let best: KeyedEntry | undefined;
  for (const candidate of variants) {
    if (!isShownEverywhere(candidate.entry) || !hasShape(candidate.entry, wanted)) continue;
    if (widthOf(candidate.entry) < wantedWidth * SMALLEST_SHARE) continue;
    if (best === undefined || isBetter(widthOf(candidate.entry), widthOf(best.entry), wantedWidth))
      best = candidate;
  }
  return best;
}

const widthOf = (entry: ImageEntry): number => Number(entry.attributes['width'] ?? 0);

const isShownEverywhere = (entry: ImageEntry): boolean => entry.attributes['format'] !== 'avif';

function hasShape(entry: ImageEntry, wanted: ImageParameters): boolean {
  if (wanted.width === undefined || wanted.height === undefined) return true;
  const ratio = widthOf(entry) / Number(entry.attributes['height'] ?? 1);
  return Math.abs(ratio / (wanted.width / wanted.height) - 1) <= RATIO_TOLERANCE;
}

function isBetter(candidate: number, best: number, wanted: number): boolean {
  if (candidate >= wanted && best >= wanted) return candidate < best;
  return candidate > best;
}
