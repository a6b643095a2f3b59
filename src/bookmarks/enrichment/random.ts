/** Injection token of the source of jitter, 0 (inclusive) to 1 (exclusive); `Math.random` without one. */
export const ENRICHMENT_RANDOM = Symbol('ENRICHMENT_RANDOM');

export type Random = () => number;
