import type { MemoryLevel } from '../events/index.js';

/** Seconds to stay away, by rung (from the research on shedding: long enough for a dwell, short enough for a person). */
const BASE_SECONDS: Readonly<Record<MemoryLevel, number>> = {
  normal: 2,
  coordinate: 2,
  degraded: 2,
  pressure: 2,
  critical: 5,
  emergency: 10,
};

const STUCK_SECONDS = 10;

/** A client told to come back later than this does not come back. */
const LONGEST_BASE_SECONDS = 30;

/**
 * Whole seconds for `Retry-After`: the base of the rung, or the wait that the queue expects if that is longer, times a
 * random 1 to 2, so that those refused together do not return together.
 *
 * @param random 0 (inclusive) to 1 (exclusive)
 */
export function retryAfterSeconds(
  level: MemoryLevel,
  stuck: boolean,
  random: number,
  expectedWaitMs = 0,
): number {
  const base = stuck ? STUCK_SECONDS : BASE_SECONDS[level];
  const seconds = Math.max(base, Math.min(LONGEST_BASE_SECONDS, expectedWaitMs / 1_000));
  return Math.ceil(seconds * (1 + random));
}
