/** The rungs of the memory ladder, from no pressure to the last resort. */
export type MemoryLevel = 'normal' | 'coordinate' | 'degraded' | 'pressure' | 'critical' | 'emergency';

/** Why a buffer left the cache: `evict` made room, `delete` was asked for, `replace` by a newer one, `flush` with all, `expire` by age. */
export type DisposeReason = 'evict' | 'delete' | 'replace' | 'flush' | 'expire';

/** Why a buffer was not kept: `size-limit` is over MAX_IMAGE_SIZE_BYTES or the budget, `pressure` came from the ladder. */
export type RejectReason = 'size-limit' | 'pressure';

export interface MemoryFigures {
  readonly rss: number;
  readonly heapUsed: number;
  readonly threshold: number;
  readonly usagePercent: number;
  /** What moved the ladder: `rss`, `heap`, `container`, `stale-sample`, `drill`. */
  readonly cause: string;
}

/**
 * Every event of the system and what it carries. Names are stable: integrations are built on them.
 * Bytes are bytes, percentages are of L. The bus adds `at` and `epoch` to each payload.
 */
export interface EventMap {
  'memory-coordination-trigger': {
    readonly usagePercent: number;
    readonly rss: number;
    readonly threshold: number;
    readonly cacheBytes: number;
  };
  'memory-pressure-start': MemoryFigures;
  'memory-pressure-end': MemoryFigures;
  'image-disposed': { readonly key: string; readonly size: number; readonly reason: DisposeReason };
  'buffer-rejected': { readonly key: string; readonly size: number; readonly reason: RejectReason };
  'emergency-cleanup-start': {
    readonly rss: number;
    readonly threshold: number;
    readonly usagePercent: number;
  };
  'emergency-cleanup-end': {
    readonly freedBytes: number;
    readonly perCache: Readonly<Record<string, number>>;
  };
  'status-changed': {
    readonly from: MemoryLevel;
    readonly to: MemoryLevel;
    readonly metrics: { readonly rss: number; readonly heapUsed: number; readonly usagePercent: number };
  };
}

export type EventName = keyof EventMap;

/** `at` is epoch milliseconds; `epoch` grows by one with each event, so that a late listener can drop a stale order. */
export interface EventStamp {
  readonly at: number;
  readonly epoch: number;
}

export type EventPayload<K extends EventName> = EventMap[K] & EventStamp;

/** All names, for those who relay every event. */
export const EVENT_NAMES = [
  'memory-coordination-trigger',
  'memory-pressure-start',
  'memory-pressure-end',
  'image-disposed',
  'buffer-rejected',
  'emergency-cleanup-start',
  'emergency-cleanup-end',
  'status-changed',
] as const satisfies readonly EventName[];
