import { differenceHash, hashDistance } from './difference-hash.js';
import { isGlobe } from './globe-shape.js';
import type { IconGrid } from './icon-grid.js';
import { GENERIC_HASHES } from './generic-hashes.js';
import { isBlank, type PictureFacts } from './picture-facts.js';

/** Why a picture says nothing about its site. */
export type GenericReason = 'blank' | 'globe' | 'known-default';

/** Bits that scaling and recompression change; another drawing differs in more (a spec compares all drawn logos). */
const MAX_HASH_DISTANCE = 2;

/** `undefined` when the picture may stand for its site. */
export function genericReason(grid: IconGrid, facts: PictureFacts): GenericReason | undefined {
  if (isBlank(facts)) return 'blank';
  if (isGlobe(grid)) return 'globe';
  const hash = differenceHash(grid);
  const isKnown = GENERIC_HASHES.some((known) => hashDistance(hash, known.hash) <= MAX_HASH_DISTANCE);
  return isKnown ? 'known-default' : undefined;
}
