/** One reading of what the process holds. All sizes are bytes. Frozen. */
export interface MemorySample {
  /** Epoch ms, and monotonic ms for ages. */
  readonly at: number;
  readonly monotonicMs: number;
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  /** V8's `heap_size_limit`; never `heapTotal`, which V8 sizes to demand. */
  readonly heapLimitBytes: number;
  readonly externalBytes: number;
  readonly arrayBuffersBytes: number;
  /** Container usage without file cache; `null` without a container limit or opinion. */
  readonly containerUsedBytes: number | null;
  readonly containerLimitBytes: number | null;
  /** RSS of image child processes. */
  readonly childrenRssBytes: number;
  /** `false` when reading failed: the figures are then the last good ones. */
  readonly ok: boolean;
  /** Where the figures came from. */
  readonly source: 'process' | 'injected';
}
