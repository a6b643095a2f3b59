import { Inject, Injectable } from '@nestjs/common';
import { AsyncOperationsMonitor } from '../../async-ops/index.js';
import { CLOCK, type Clock } from '../../clock/index.js';
import { SETTINGS, type Settings } from '../../config/index.js';
import { isPlimsollError, PlimsollError } from '../../errors/index.js';
import {
  ImageMemoryManager,
  type ImageHeader,
  type ImageOperation,
  type Lease,
  type LeaseClass,
} from '../../image-memory/index.js';
import type { ImageSource } from '../image-request.js';
import type { RequestTiming } from '../request-context.js';
import { SourceLoader, type LoadedSource } from '../sources/source-loader.js';

/** One use of libvips on a stored source. */
export interface NativeOrder {
  /** Name of the operation in monitors, from a small set. */
  readonly name: 'image.transform' | 'image.placeholder';
  readonly source: ImageSource;
  readonly loaded: LoadedSource;
  readonly operation: ImageOperation;
  readonly class: LeaseClass;
  readonly signal: AbortSignal;
  readonly timing: RequestTiming;
}

/** A source that libvips may read, until it is closed. */
interface OpenInput {
  readonly input: Buffer | string;
  readonly close: () => void;
}

const NOTHING_TO_CLOSE = (): void => undefined;

/**
 * Estimate, lease, open, run: the one way to libvips. Nothing is decoded before the memory line was asked, and
 * the lease, like the pinned file, lives until libvips is done, whatever becomes of who waits.
 */
@Injectable()
export class NativeWork {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly imageMemory: ImageMemoryManager,
    private readonly operations: AsyncOperationsMonitor,
    private readonly sources: SourceLoader,
  ) {}

  /**
   * Runs `work` on the source of the order. A source that does not decode is not tried again for a while.
   *
   * @throws MemoryPressureError, MemoryBudgetExceededError, PlimsollError `server-busy` before anything is decoded;
   *   OperationTimeoutError, AbortedError, and what `work` throws
   */
  async run<T>(order: NativeOrder, work: (input: Buffer | string) => Promise<T>): Promise<T> {
    const { lease, opened } = await this.admit(order);
    const startedMs = this.clock.monotonicMs();
    try {
      return await this.runUnder(lease, order.name, order.signal, () => work(opened.input), opened.close);
    } catch (error) {
      if (isPlimsollError(error, 'undecodable-image')) await this.sources.condemn(order.source, error);
      throw error;
    } finally {
      order.timing.add('decode', this.clock.monotonicMs() - startedMs);
    }
  }

  /** Runs native work under a lease; lease and `close` end with the work, not with the waiter. */
  async runUnder<T>(
    lease: Lease,
    name: string,
    signal: AbortSignal,
    work: () => Promise<T>,
    close: () => void = NOTHING_TO_CLOSE,
  ): Promise<T> {
    let state: 'waiting' | 'running' | 'settled' = 'waiting';
    const finish = (): void => {
      state = 'settled';
      lease.release();
      close();
    };
    // Async, so that work that throws at once gives its lease back like any other.
    const native = async (): Promise<T> => {
      state = 'running';
      try {
        return await work();
      } finally {
        finish();
      }
    };
    try {
      return await this.operations.monitoredAsync('images', name, native, {
        timeoutMs: this.settings.values.IMAGE_TIMEOUT_MS,
        metadata: { lease: lease.label },
        signal,
        native: true,
      });
    } finally {
      leave(state, finish, lease);
    }
  }

  estimate(header: ImageHeader, operation: ImageOperation): number {
    return this.imageMemory.estimate(header, operation);
  }

  /**
   * A small source that was just fetched is used from memory when the reservation is granted at once; who has
   * to wait does so with the source on disk, not in memory.
   */
  private async admit(order: NativeOrder): Promise<{ lease: Lease; opened: OpenInput }> {
    const { header } = order.loaded.record;
    const { operation, signal } = order;
    const request = {
      bytes: this.estimate(header, operation),
      class: order.class,
      label: `${header.format} to ${operation.format} ${operation.outputWidth}x${operation.outputHeight}`,
      job: true,
    };
    const immediate = this.imageMemory.tryReserve(request);
    if (immediate !== null && order.loaded.bytes !== undefined) {
      return { lease: immediate, opened: { input: order.loaded.bytes, close: NOTHING_TO_CLOSE } };
    }
    const startedMs = this.clock.monotonicMs();
    const lease = immediate ?? (await this.imageMemory.reserve({ ...request, signal }));
    order.timing.add('queue', this.clock.monotonicMs() - startedMs);
    try {
      return { lease, opened: await this.open(order) };
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  /** The stored source as a file. One that was corrupt, and therefore dropped by the store, is loaded once more. */
  private async open(order: NativeOrder): Promise<OpenInput> {
    const stored = await this.openStored(order.loaded);
    if (stored !== undefined) return stored;
    if (order.loaded.bytes !== undefined) return { input: order.loaded.bytes, close: NOTHING_TO_CLOSE };
    const again = await this.sources.reload(order.source, order.signal, order.timing);
    if (again.bytes !== undefined) return { input: again.bytes, close: NOTHING_TO_CLOSE };
    const reloaded = await this.openStored(again);
    if (reloaded !== undefined) return reloaded;
    throw new PlimsollError('storage-unavailable', 'The stored source cannot be read.', {
      retryAfterSeconds: 5,
    });
  }

  private async openStored({ record }: LoadedSource): Promise<OpenInput | undefined> {
    const local = await this.sources.open(record);
    return local === null ? undefined : { input: local.path, close: () => local.release() };
  }
}

/** The waiter leaves: work that never began is undone, work that goes on keeps its lease as a zombie. */
function leave(state: 'waiting' | 'running' | 'settled', finish: () => void, lease: Lease): void {
  if (state === 'waiting') finish();
  else if (state === 'running') lease.detach();
}
