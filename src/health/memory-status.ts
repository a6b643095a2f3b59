import type { MemoryLevel } from '../events/index.js';

/** How memory stands, as far as probes must know. Both are cheap reads of the last judgement. */
export interface MemoryStatus {
  level(): MemoryLevel;
  /** Pressure that nothing relieves: caches at their floor, no work running, two useless cleanups. */
  isStuck(): boolean;
}

/** Injection token of the {@link MemoryStatus}. */
export const MEMORY_STATUS = Symbol('MEMORY_STATUS');
