import type { MemoryLevel } from '../events/index.js';
import { isAtLeast } from './ladder.js';

/** How late the loop and the threadpool answer; see `EventLoopMonitor`. */
export interface Responsiveness {
  readonly p99Ms: number;
  readonly threadpoolMs: number;
}

export interface JobLimitInput {
  /** `IMAGE_JOBS`, or cores + 1. */
  readonly jobs: number;
  readonly level: MemoryLevel;
  readonly stuck: boolean;
  /** Share that the ramp after `pressure` allows, 0 to 1. */
  readonly rampRatio: number;
  readonly responsiveness: Responsiveness;
}

/** A no-op that waits this long in the threadpool stands behind decoding (measured: 0.2 ms when threads are spare, 290 when full). */
const SLOW_THREADPOOL_MS = 100;
/** A loop this late serves nobody well (chosen). */
const SLOW_LOOP_MS = 200;

/**
 * Image jobs that may run at once: all of them up to `coordinate`, one at `degraded`, none from `pressure` up, one
 * probe while the ladder is stuck. A ramp allows a share, rounded up; a slow threadpool or loop halves what is left,
 * for files, DNS and answers need both.
 */
export function jobLimit({ jobs, level, stuck, rampRatio, responsiveness }: JobLimitInput): number {
  if (isAtLeast(level, 'pressure')) return stuck ? 1 : 0;
  if (level === 'degraded') return 1;
  const slow = responsiveness.threadpoolMs >= SLOW_THREADPOOL_MS || responsiveness.p99Ms >= SLOW_LOOP_MS;
  return Math.max(1, Math.ceil(jobs * rampRatio * (slow ? 0.5 : 1)));
}
