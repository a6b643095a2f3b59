import type { Writable } from 'node:stream';
import { PlimsollError } from '../errors/index.js';
import type { BodyTarget, Flow } from './body-target.js';
import type { FetchSink } from './fetch-types.js';
import { sourceTooLarge } from './origin-faults.js';

export type ReceivedBody<S extends FetchSink> =
  { readonly kind: 'memory'; readonly bytes: Buffer } | { readonly kind: 'sink'; readonly sink: S };

export interface BodyReceiverOptions<S extends FetchSink> {
  readonly maxBytes: number;
  readonly memoryThresholdBytes: number;
  /** Length that the body will have when the origin tells the truth; `undefined` when it did not say or is encoded. */
  readonly expectedBytes: number | undefined;
  readonly openSink: () => Promise<S>;
  readonly flow: Flow;
  readonly onComplete: (body: ReceivedBody<S>) => void;
  readonly onFault: (error: unknown) => void;
}

/** Received bytes that wait in a sink before the origin is paused: network and disk overlap (chosen: four reads of a socket). */
const SINK_HIGH_WATER_BYTES = 256 * 1024;

/**
 * Chunks below this are gathered before they are written: one byte per chunk costs a sink some 150 bytes of
 * bookkeeping each, which its byte-counting back-pressure does not see. TLS records (16 KiB) fall under it.
 */
const SMALL_CHUNK_BYTES = 32 * 1024;
const GATHER_BYTES = 128 * 1024;

/** First buffer for a body of unknown length; it doubles from there. */
const FIRST_BUFFER_BYTES = 64 * 1024;

/**
 * Takes a decoded body chunk by chunk: into one private buffer of exactly its size up to the threshold, else into a
 * sink, what was received first. Counts against the cap as it goes. Ends in exactly one of `onComplete`, `onFault`,
 * or a call of `discard`.
 */
export class BodyReceiver<S extends FetchSink> implements BodyTarget {
  private receivedBytes = 0;
  private buffer: Buffer | undefined;
  private bufferedBytes = 0;
  private sink: S | undefined;
  private opening: Promise<void> | undefined;
  private paused = false;
  private ended = false;
  private closed = false;

  constructor(private readonly options: BodyReceiverOptions<S>) {}

  /** Called before the first byte; a body announced as large goes to the sink from the start. */
  start(): void {
    const { expectedBytes = 0, maxBytes, memoryThresholdBytes } = this.options;
    if (expectedBytes > maxBytes) this.fault(sourceTooLarge(maxBytes));
    else if (expectedBytes > memoryThresholdBytes) this.openSink();
  }

  /** Whether the source of bytes stands still because of the sink. */
  get isPaused(): boolean {
    return this.paused;
  }

  push(chunk: Buffer): void {
    if (this.closed) return;
    this.receivedBytes += chunk.length;
    if (this.receivedBytes > this.options.maxBytes) {
      this.fault(sourceTooLarge(this.options.maxBytes));
    } else if (this.sink !== undefined) {
      this.write(this.sink.writable, chunk);
    } else {
      this.collect(chunk);
      if (this.receivedBytes > this.options.memoryThresholdBytes) this.openSink();
    }
  }

  /** The body is whole. */
  end(): void {
    if (this.closed) return;
    this.ended = true;
    if (this.sink !== undefined) this.endSink(this.sink.writable);
    else if (this.opening === undefined) this.complete({ kind: 'memory', bytes: this.takeExact() });
  }

  overflow(): void {
    this.fault(sourceTooLarge(this.options.maxBytes));
  }

  /** Drops what was received and waits until the sink is gone. Idempotent, never rejects. */
  async discard(): Promise<void> {
    this.closed = true;
    this.buffer = undefined;
    await this.opening;
    const sink = this.sink;
    this.sink = undefined;
    if (sink === undefined) return;
    if (!sink.writable.destroyed) sink.writable.destroy();
    await sink.discard().catch(() => undefined);
  }

  private collect(chunk: Buffer): void {
    const neededBytes = this.bufferedBytes + chunk.length;
    if (this.buffer === undefined || this.buffer.length < neededBytes) this.grow(neededBytes);
    this.buffer?.set(chunk, this.bufferedBytes);
    this.bufferedBytes = neededBytes;
  }

  private grow(neededBytes: number): void {
    const { expectedBytes, memoryThresholdBytes } = this.options;
    const doubled = Math.min(
      Math.max(FIRST_BUFFER_BYTES, 2 * (this.buffer?.length ?? 0)),
      Math.max(memoryThresholdBytes, 1),
    );
    const sizeBytes = Math.max(neededBytes, this.buffer === undefined ? (expectedBytes ?? doubled) : doubled);
    const larger = Buffer.allocUnsafeSlow(sizeBytes);
    this.buffer?.copy(larger, 0, 0, this.bufferedBytes);
    this.buffer = larger;
  }

  private takeExact(): Buffer {
    const buffer = this.buffer ?? Buffer.allocUnsafeSlow(0);
    this.buffer = undefined;
    if (buffer.length === this.bufferedBytes) return buffer;
    const exact = Buffer.allocUnsafeSlow(this.bufferedBytes);
    buffer.copy(exact, 0, 0, this.bufferedBytes);
    return exact;
  }

  private openSink(): void {
    if (this.opening !== undefined) return;
    this.pause();
    this.opening = this.options.openSink().then(
      (sink) => this.attach(sink),
      (error: unknown) => this.fault(error),
    );
  }

  private attach(sink: S): void {
    this.sink = sink;
    const { writable } = sink;
    // Stays on for good: a sink may still emit an error while it is torn down.
    writable.on('error', (error) => this.fault(error));
    if (this.closed) return;
    writable.on('drain', () => this.resume());
    writable.once('finish', () => this.complete({ kind: 'sink', sink }));
    writable.once('close', () =>
      this.fault(new PlimsollError('storage-unavailable', 'The file of the download was closed too early.')),
    );
    if (this.bufferedBytes > 0) {
      const received = this.buffer?.subarray(0, this.bufferedBytes);
      this.buffer = undefined;
      this.bufferedBytes = 0;
      writable.write(received);
    }
    if (this.ended) this.endSink(writable);
    else if (writable.writableLength < SINK_HIGH_WATER_BYTES) this.resume();
  }

  private write(writable: Writable, chunk: Buffer): void {
    if (chunk.length < SMALL_CHUNK_BYTES) {
      this.gather(writable, chunk);
      return;
    }
    this.flushGathered(writable);
    this.writeThrough(writable, chunk);
  }

  private gather(writable: Writable, chunk: Buffer): void {
    if (this.bufferedBytes + chunk.length > GATHER_BYTES) this.flushGathered(writable);
    this.buffer ??= Buffer.allocUnsafeSlow(GATHER_BYTES);
    this.buffer.set(chunk, this.bufferedBytes);
    this.bufferedBytes += chunk.length;
  }

  private flushGathered(writable: Writable): void {
    if (this.buffer === undefined || this.bufferedBytes === 0) return;
    const gathered = this.buffer.subarray(0, this.bufferedBytes);
    this.buffer = undefined;
    this.bufferedBytes = 0;
    this.writeThrough(writable, gathered);
  }

  private writeThrough(writable: Writable, chunk: Buffer): void {
    if (!writable.write(chunk) && writable.writableLength >= SINK_HIGH_WATER_BYTES) this.pause();
  }

  private endSink(writable: Writable): void {
    this.flushGathered(writable);
    writable.end();
  }

  private pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.options.flow.pause();
  }

  private resume(): void {
    if (!this.paused || this.closed) return;
    this.paused = false;
    this.options.flow.resume();
  }

  private complete(body: ReceivedBody<S>): void {
    if (this.closed) return;
    this.closed = true;
    this.options.onComplete(body);
  }

  private fault(error: unknown): void {
    if (this.closed) return;
    this.closed = true;
    this.options.onFault(error);
  }
}
