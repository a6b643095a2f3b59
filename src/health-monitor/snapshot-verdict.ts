import type { MemoryLevel } from '../events/index.js';
import { isAtLeast } from '../image-memory/index.js';

/**
 * Room that a heap snapshot must find, as a multiple of the heap in use: it takes 16.5 times (measured with heaps of
 * 68 and 269 MB), the rest is for what the measurement did not see.
 */
export const SNAPSHOT_HEAP_RATIO = 20;

/** `no-reading`: memory could not be read; `level`: `degraded` or above; `no-room`: it would cross the line. */
export type SnapshotRefusal = 'no-reading' | 'level' | 'no-room';

/** What the verdict is made of. Sizes are bytes. */
export interface SnapshotFigures {
  readonly level: MemoryLevel;
  readonly lineBytes: number;
  /** Child processes included. */
  readonly rssBytes: number;
  /** Promised to image work, which runs on in the threadpool while the snapshot is written. */
  readonly reservedBytes: number;
  readonly heapUsedBytes: number;
  /** Are these figures of now? */
  readonly fresh: boolean;
}

/** May a heap snapshot be written now? `null` means yes. */
export function refuseSnapshot(figures: SnapshotFigures): SnapshotRefusal | null {
  const { level, lineBytes, rssBytes, reservedBytes, heapUsedBytes, fresh } = figures;
  if (!fresh) return 'no-reading';
  if (isAtLeast(level, 'degraded')) return 'level';
  return lineBytes - rssBytes - reservedBytes > SNAPSHOT_HEAP_RATIO * heapUsedBytes ? null : 'no-room';
}
