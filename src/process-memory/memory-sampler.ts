import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { CLOCK, type Cancel, type Clock } from '../clock/index.js';
import {
  MEMORY_READERS,
  type ContainerReading,
  type MemoryReaders,
  type ProcessReading,
} from './memory-readers.js';
import type { MemorySample } from './memory-sample.js';

/** `fast` while a lease is held or the level is not normal, else `slow`. */
export type SampleCadence = 'fast' | 'slow';

/** Periods of the timer, ms (from the research on overload managers: Envoy polls every 250 ms). */
const CADENCE_MS: Readonly<Record<SampleCadence, number>> = { fast: 250, slow: 2_000 };

/** A container reading older than this is no opinion any more, ms. */
const CONTAINER_MAX_AGE_MS = 5_000;

export type SampleListener = (sample: MemorySample) => void;

export interface MemorySamplerSnapshot {
  readonly latest: MemorySample;
  readonly cadence: SampleCadence;
  readonly samples: number;
  /** Readings of the process that failed, ever, and in a row until now. */
  readonly failures: number;
  readonly failuresInARow: number;
  /** `unknown`: no opinion, because its files cannot be read. */
  readonly container: { readonly state: ContainerReading['state']; readonly failures: number };
  readonly children: number;
  readonly listeners: number;
  readonly listenerErrors: number;
  readonly lastError: string | null;
}

/**
 * Measures what the process holds; decides nothing. A timer samples on its own (containers included), admission
 * samples in between. A reading that fails keeps the last good figures with `ok: false`; `at` and `monotonicMs`
 * then say when the figures were good, so that their age shows how long there was no opinion.
 */
@Injectable()
export class MemorySampler implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(MemorySampler.name);
  private readonly listeners = new Set<SampleListener>();
  /** Child processes and how often each is tracked. */
  private readonly children = new Map<number, number>();
  private cadence: SampleCadence = 'slow';
  private cancelTimer: Cancel | undefined;
  private running = false;
  private notifying = false;
  private attemptedMs = -Infinity;
  private samples = 0;
  private failures = 0;
  private failuresInARow = 0;
  private containerFailures = 0;
  private listenerErrors = 0;
  private lastError: string | null = null;
  private arrayBuffersBytes = 0;
  private container: ContainerReading = { state: 'none', usedBytes: null, limitBytes: null };
  private containerReadMs = -Infinity;
  private current: MemorySample;

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(MEMORY_READERS) private readonly readers: MemoryReaders,
  ) {
    this.current = Object.freeze<MemorySample>({
      at: clock.now(),
      monotonicMs: clock.monotonicMs(),
      rssBytes: 0,
      heapUsedBytes: 0,
      heapLimitBytes: 0,
      externalBytes: 0,
      arrayBuffersBytes: 0,
      containerUsedBytes: null,
      containerLimitBytes: null,
      childrenRssBytes: 0,
      ok: false,
      source: 'process',
    });
    this.sampleTimed();
  }

  /** The last sample; reads nothing. */
  latest(): MemorySample {
    return this.current;
  }

  /** Reads RSS, heap and children now (about 10 µs); the container's figures are those of the last timed sample. Never throws. */
  sample(): MemorySample {
    this.attemptedMs = this.clock.monotonicMs();
    this.samples += 1;
    let reading: ProcessReading | undefined;
    try {
      const read = this.readers.readProcess();
      if (!(read.rssBytes > 0)) throw new Error('The reading holds no RSS.');
      reading = read;
      this.failuresInARow = 0;
    } catch (error) {
      this.fail(error);
    }
    this.current = Object.freeze(
      reading === undefined ? { ...this.current, ok: false } : this.compose(reading),
    );
    this.notify();
    return this.current;
  }

  /** The last sample when it was taken within `maxAgeMs`, else a new one. */
  fresh(maxAgeMs: number): MemorySample {
    return this.clock.monotonicMs() - this.attemptedMs > maxAgeMs ? this.sample() : this.current;
  }

  /**
   * Calls `listener` with every sample until the returned function is called. Listeners run inside the sample, must
   * be short, and may not count on being told of samples that another listener takes meanwhile.
   */
  onSample(listener: SampleListener): () => void {
    // A wrapper of its own, so that one function may listen twice and stop once.
    const own: SampleListener = (sample) => listener(sample);
    this.listeners.add(own);
    return () => {
      this.listeners.delete(own);
    };
  }

  /** Changes the period of the timer: `fast` 250 ms, `slow` 2 s. The next sample is due one new period from now. */
  setCadence(cadence: SampleCadence): void {
    if (cadence === this.cadence) return;
    this.cadence = cadence;
    if (this.running) this.arm();
  }

  /** Counts the RSS of a child process in every sample until the returned function is called or the process is gone. */
  trackChild(pid: number): () => void {
    this.children.set(pid, (this.children.get(pid) ?? 0) + 1);
    let tracked = true;
    return () => {
      const count = this.children.get(pid);
      if (!tracked || count === undefined) return;
      tracked = false;
      if (count > 1) this.children.set(pid, count - 1);
      else this.children.delete(pid);
    };
  }

  /** For metrics; reads nothing. */
  snapshot(): MemorySamplerSnapshot {
    return {
      latest: this.current,
      cadence: this.cadence,
      samples: this.samples,
      failures: this.failures,
      failuresInARow: this.failuresInARow,
      container: { state: this.container.state, failures: this.containerFailures },
      children: this.children.size,
      listeners: this.listeners.size,
      listenerErrors: this.listenerErrors,
      lastError: this.lastError,
    };
  }

  onApplicationBootstrap(): void {
    this.running = true;
    this.arm();
  }

  onApplicationShutdown(): void {
    this.running = false;
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.listeners.clear();
    this.children.clear();
  }

  /** Re-armed after the work. Cancels first: a listener may have changed the cadence, and armed the timer, meanwhile. */
  private arm(): void {
    this.cancelTimer?.();
    this.cancelTimer = this.clock.after(CADENCE_MS[this.cadence], () => {
      this.sampleTimed();
      if (this.running) this.arm();
    });
  }

  private sampleTimed(): void {
    this.readSlowFigures();
    this.sample();
  }

  private readSlowFigures(): void {
    try {
      this.arrayBuffersBytes = this.readers.readArrayBuffersBytes();
    } catch (error) {
      this.note(error);
    }
    const nowMs = this.clock.monotonicMs();
    try {
      const reading = this.readers.readContainer();
      if (reading.state === 'unknown' && this.container.state === 'limited')
        throw new Error('The container limit is gone.');
      if (reading.state !== 'unknown' || this.container.state !== 'unknown') this.container = reading;
      this.containerReadMs = nowMs;
    } catch (error) {
      this.containerFailures += 1;
      this.note(error);
      if (nowMs - this.containerReadMs >= CONTAINER_MAX_AGE_MS) {
        this.container = { state: 'unknown', usedBytes: null, limitBytes: this.container.limitBytes };
      }
    }
  }

  private compose(reading: ProcessReading): MemorySample {
    return {
      at: this.clock.now(),
      monotonicMs: this.attemptedMs,
      rssBytes: reading.rssBytes,
      heapUsedBytes: reading.heapUsedBytes,
      heapLimitBytes: reading.heapLimitBytes,
      externalBytes: reading.externalBytes,
      arrayBuffersBytes: this.arrayBuffersBytes,
      containerUsedBytes: this.container.usedBytes,
      containerLimitBytes: this.container.limitBytes,
      childrenRssBytes: this.readChildren(),
      ok: true,
      source: reading.source,
    };
  }

  private readChildren(): number {
    let totalBytes = 0;
    for (const pid of this.children.keys()) {
      const rssBytes = this.readers.readChildRssBytes(pid);
      // Its pid may be given to a stranger next: forget it at once.
      if (rssBytes === null) this.children.delete(pid);
      else totalBytes += rssBytes;
    }
    return totalBytes;
  }

  private notify(): void {
    if (this.notifying) return;
    this.notifying = true;
    for (const listener of this.listeners) {
      try {
        listener(this.current);
      } catch (error) {
        this.listenerErrors += 1;
        if (isPowerOfTwo(this.listenerErrors)) {
          this.logger.error(
            `A listener of memory samples failed (${this.listenerErrors} so far): ${messageOf(error)}`,
          );
        }
      }
    }
    this.notifying = false;
  }

  private fail(error: unknown): void {
    this.failures += 1;
    this.failuresInARow += 1;
    this.note(error);
    // Up to four readings a second: log the 1st, 2nd, 4th, 8th … of a row.
    if (isPowerOfTwo(this.failuresInARow)) {
      this.logger.warn(`Memory could not be read (${this.failuresInARow} in a row): ${messageOf(error)}`);
    }
  }

  private note(error: unknown): void {
    this.lastError = messageOf(error).slice(0, 200);
  }
}

const isPowerOfTwo = (count: number): boolean => (count & (count - 1)) === 0;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
