import type { HitTable } from '../images/index.js';

/**
 * Where the responder in front of Express finds prepared answers: to exactly this raw URL and `Accept` header,
 * or `null` when there is none that is fresh and still permitted. Called for every request: it is synchronous
 * and cheap.
 */
export type HitLookup = Pick<HitTable, 'lookup'>;

/** Injection token of the {@link HitLookup}. */
export const HIT_LOOKUP = Symbol('HIT_LOOKUP');
