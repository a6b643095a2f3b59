/** Where an icon comes from; also what an answer says of its source. */
export type IconOrigin = 'manifest' | 'apple-touch-icon' | 'svg' | 'icon' | 'ico' | 'mask-icon' | 'guess';

/** A picture that a site names as its icon, or that may lie where icons often lie. */
export interface IconCandidate {
  readonly url: string;
  readonly from: IconOrigin;
  /** Largest declared side, pixels; 0 for "any". */
  readonly size?: number;
  /** Manifest only: it may be cut at its edges, so its mark is small. */
  readonly maskable?: boolean;
}

/** Side that most icons are shown at, twice for dense screens, pixels; what lies nearest is tried first. */
const IDEAL_SIDE = 256;

/** Larger ones are heavy for an icon. */
const HEAVY_SIDE = 1024;

/** What is expected where nothing is declared, pixels. */
const USUAL_SIDE: Readonly<Record<IconOrigin, number>> = {
  manifest: 192,
  'apple-touch-icon': 180,
  svg: IDEAL_SIDE,
  icon: 48,
  ico: 32,
  'mask-icon': 32,
  guess: 100,
};

const KIND_ORDER: readonly IconOrigin[] = [
  'manifest',
  'apple-touch-icon',
  'svg',
  'icon',
  'guess',
  'ico',
  'mask-icon',
];

/** Most candidates that are tried; two places are for guesses. */
const MAX_CANDIDATES = 8;

/**
 * The candidates in the order to try them: at least 128 px before 64, before 32, before the rest; among equals by kind,
 * and by how near they come to a useful size. Each URL once.
 */
export function rankCandidates(candidates: readonly IconCandidate[]): readonly IconCandidate[] {
  const byUrl = new Map<string, IconCandidate>();
  for (const candidate of candidates) {
    const known = byUrl.get(candidate.url);
    if (known === undefined || compare(candidate, known) < 0) byUrl.set(candidate.url, candidate);
  }
  const ranked = [...byUrl.values()].sort(compare);
  const guesses = ranked.filter(({ from }) => from === 'guess');
  const declared = ranked.filter(({ from }) => from !== 'guess').slice(0, MAX_CANDIDATES - guesses.length);
  return [...declared, ...guesses].sort(compare);
}

function compare(one: IconCandidate, other: IconCandidate): number {
  return (
    sizeClass(one) - sizeClass(other) ||
    kindOrder(one) - kindOrder(other) ||
    Math.abs(expectedSide(one) - IDEAL_SIDE) - Math.abs(expectedSide(other) - IDEAL_SIDE)
  );
}

function expectedSide({ size, from }: IconCandidate): number {
  if (size === 0) return IDEAL_SIDE;
  return size ?? USUAL_SIDE[from];
}

function sizeClass(candidate: IconCandidate): number {
  const side = expectedSide(candidate);
  if (candidate.from === 'mask-icon') return 4;
  if (side > HEAVY_SIDE) return 1;
  return side >= 128 ? 0 : side >= 64 ? 1 : side >= 32 ? 2 : 3;
}

const kindOrder = ({ from, maskable }: IconCandidate): number =>
  KIND_ORDER.indexOf(from) + (maskable === true ? 3.5 : 0);
