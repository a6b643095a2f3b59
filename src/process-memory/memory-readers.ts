/** RSS and V8 heap, read together. All sizes are bytes. */
export interface ProcessReading {
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  /** V8's `heap_size_limit`. */
  readonly heapLimitBytes: number;
  readonly externalBytes: number;
  readonly source: 'process' | 'injected';
}

/**
 * What is known of the container: `none` there is no limit, `limited` there is one, `unknown` its files could not
 * be read (no opinion; read again later).
 */
export type ContainerState = 'none' | 'limited' | 'unknown';

/** One reading of the container. Bytes are `null` unless `limited`. */
export interface ContainerReading {
  readonly state: ContainerState;
  /** Usage without file cache. */
  readonly usedBytes: number | null;
  readonly limitBytes: number | null;
}

/** Everything that reads memory, behind one interface, so that tests and drills replace it whole. */
export interface MemoryReaders {
  /** On the hot path of admission: about 10 µs. @throws when it cannot be read. */
  readProcess(): ProcessReading;
  /** Bytes of all ArrayBuffers; walks less than `process.memoryUsage()` promises but is kept off the hot path. @throws as above. */
  readArrayBuffersBytes(): number;
  /** Files of the container, on timed samples only. @throws when a known limit cannot be read any more. */
  readContainer(): ContainerReading;
  /** RSS of another process; `null` when it is gone. */
  readChildRssBytes(pid: number): number | null;
}

/** Injection token of the {@link MemoryReaders}. */
export const MEMORY_READERS = Symbol('MEMORY_READERS');
