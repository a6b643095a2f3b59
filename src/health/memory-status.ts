import type { MemoryLevel } from '../events/index.js';
import type { LevelSnapshot } from '../image-memory/index.js';

/** How memory stands, as far as probes must know. All are cheap reads of the last judgement. */
export interface MemoryStatus {
  level(): MemoryLevel;
  /** Pressure that nothing relieves: caches at their floor, no work running, two useless cleanups. */
  isStuck(): boolean;
  /** The level is held on purpose, until when (epoch ms; `null` until restart); `null` without a drill. */
  drill(): LevelSnapshot['drill'];
}

/** Injection token of the {@link MemoryStatus}. */
export const MEMORY_STATUS = Symbol('MEMORY_STATUS');
