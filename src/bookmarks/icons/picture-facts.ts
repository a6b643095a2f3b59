import { GRID_SIDE, luminance, type IconGrid } from './icon-grid.js';

/** What the pixels of a picture say of it as a whole. */
export interface PictureFacts {
  /** Share of the square that can be seen, 0 to 1, by alpha. */
  readonly visibleShare: number;
  /** Share of the square whose pixels are seen, be it faintly, 0 to 1. */
  readonly seenShare: number;
  /** Largest deviation of a colour channel among the pixels that are seen, 0 to 255; 0 when there are none. */
  readonly colourSpread: number;
  /** Mean luminance of the pixels that are seen, 0 to 1. */
  readonly meanLuminance: number;
  /** Share of them that are light. */
  readonly lightShare: number;
}

/** A pixel counts as seen from this alpha on. */
const SEEN_ALPHA = 96;

/** Luminance from which on a pixel stands out on a dark ground (chosen: 4.5:1 on #1e1e1e). */
const LIGHT_LUMINANCE = 0.24;

export function pictureFacts({ rgba }: IconGrid): PictureFacts {
  let alphas = 0;
  let seen = 0;
  let light = 0;
  let luminances = 0;
  const sums = new Float64Array(3);
  const squares = new Float64Array(3);
  for (let at = 0; at < rgba.length; at += 4) {
    const alpha = rgba[at + 3] ?? 0;
    alphas += alpha;
    if (alpha < SEEN_ALPHA) continue;
    seen += 1;
    for (let channel = 0; channel < 3; channel += 1) {
      const value = rgba[at + channel] ?? 0;
      sums[channel] = (sums[channel] ?? 0) + value;
      squares[channel] = (squares[channel] ?? 0) + value * value;
    }
    const bright = luminance(rgba[at] ?? 0, rgba[at + 1] ?? 0, rgba[at + 2] ?? 0);
    luminances += bright;
    if (bright >= LIGHT_LUMINANCE) light += 1;
  }
  const visibleShare = alphas / (255 * GRID_SIDE ** 2);
  const seenShare = seen / GRID_SIDE ** 2;
  if (seen === 0) return { visibleShare, seenShare, colourSpread: 0, meanLuminance: 0, lightShare: 0 };
  const spreads = [...sums].map((sum, channel) =>
    Math.sqrt(Math.max(0, (squares[channel] ?? 0) / seen - (sum / seen) ** 2)),
  );
  return {
    visibleShare,
    seenShare,
    colourSpread: Math.max(...spreads),
    meanLuminance: luminances / seen,
    lightShare: light / seen,
  };
}

/** Less than this is dust. */
const FEWEST_VISIBLE = 0.004;

/** Deviation of what an encoder makes of one colour. */
const ONE_COLOUR_SPREAD = 3;

/** A single colour that fills this much of the square is a tile, not a mark: a disc fills 0.785, rounded corners take 0.04. */
const TILE_SHARE = 0.9;

/** Nothing to be seen, or nothing but one colour. */
export function isBlank(facts: PictureFacts): boolean {
  if (facts.visibleShare < FEWEST_VISIBLE) return true;
  return facts.colourSpread <= ONE_COLOUR_SPREAD && facts.seenShare > TILE_SHARE;
}

/** A disc leaves 0.215 of its square: what carries its own ground does not vanish on another one. */
const TRANSPARENT_GROUND_SHARE = 0.25;

/** Mean luminance of marks that vanish on a dark ground (chosen: 2:1 on #121212; a strong red has more). */
const DARK_MARK_LUMINANCE = 0.065;

/** With more light in it than this the mark still shows. */
const DARK_MARK_LIGHT_SHARE = 0.12;

/** A dark mark on a transparent ground: it would not be seen on a dark page. */
export function isDarkMark(facts: PictureFacts): boolean {
  return (
    1 - facts.visibleShare >= TRANSPARENT_GROUND_SHARE &&
    facts.meanLuminance < DARK_MARK_LUMINANCE &&
    facts.lightShare < DARK_MARK_LIGHT_SHARE
  );
}
