/**
 * The memory ladder as shares of L, the one object that everything reads. A setting in bytes may override a
 * single rung (`MEMORY_*_THRESHOLD`, `IMAGE_RSS_THRESHOLD`); see `memory-plan.ts`.
 */
export const MEMORY_THRESHOLDS = Object.freeze({
  /** Caches make room, background work pauses. */
  coordinate: 0.7,
  /** Health warns, image work is made cheaper. */
  degraded: 0.75,
  /** No new decode or encode. Also the ceiling that admission reserves up to. */
  pressure: 0.8,
  /** Every route but the exempt ones answers 503. */
  critical: 0.9,
  /** All caches are flushed. */
  emergency: 0.95,
});

/** The rungs that have a threshold, lowest first. */
export type MemoryRung = keyof typeof MEMORY_THRESHOLDS;

/** A rung is left strictly below its threshold minus this share of L (chosen: 5 points, as Elasticsearch's native backstop). */
export const MEMORY_HYSTERESIS = 0.05;

/** L is at most this share of the container's or machine's memory: the rest is for the kernel and page tables. */
export const MACHINE_SHARE_OF_L = 0.9;
