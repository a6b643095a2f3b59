import type { MemoryLevel } from '../events/index.js';

/** What a probe reads from a header, so that `HEAD` is enough. */
export type SystemStatus = 'HEALTHY' | 'MEMORY_WARNING' | 'MEMORY_CRITICAL';

export const SYSTEM_STATUS_HEADER = 'X-System-Status';

const STATUS_BY_LEVEL: Readonly<Record<MemoryLevel, SystemStatus>> = {
  normal: 'HEALTHY',
  coordinate: 'HEALTHY',
  degraded: 'MEMORY_WARNING',
  pressure: 'MEMORY_WARNING',
  critical: 'MEMORY_CRITICAL',
  emergency: 'MEMORY_CRITICAL',
};

/** The rungs of the ladder in the three words of the probes. */
export function systemStatusOf(level: MemoryLevel): SystemStatus {
  return STATUS_BY_LEVEL[level];
}
