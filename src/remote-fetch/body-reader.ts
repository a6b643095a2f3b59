import type { BodyTarget, Flow } from './body-target.js';

/** How a body was read; see `ReadOutcome`. */
export interface ReadBody {
  readonly bytesRead: number;
  readonly end: 'whole' | 'enough' | 'max-bytes';
}

/**
 * Bytes that are handed on before other work gets its turn. A socket that has more ready is read up to 32 times 64 KiB
 * without a turn of the event loop between: a page of 2 MiB stopped everything else for 85 ms (bench:extract).
 */
const TURN_BYTES = 64 * 1024;

export interface BodyReaderOptions {
  readonly maxBytes: number;
  readonly flow: Flow;
  readonly onChunk: (chunk: Buffer) => 'more' | 'enough';
  readonly onComplete: (body: ReadBody) => void;
  readonly onFault: (error: unknown) => void;
}

/**
 * Hands a decoded body on chunk by chunk and keeps none of it; ends when the reader or the cap says so. What the reader
 * does with the chunks never fills more than a turn of the event loop for each {@link TURN_BYTES}.
 */
export class BodyReader implements BodyTarget {
  private bytesRead = 0;
  private bytesInTurn = 0;
  private paused = false;
  private closed = false;

  constructor(private readonly options: BodyReaderOptions) {}

  start(): void {
    if (this.options.maxBytes <= 0) this.complete('max-bytes');
  }

  push(chunk: Buffer): void {
    if (this.closed || chunk.length === 0) return;
    const leftBytes = this.options.maxBytes - this.bytesRead;
    // Exactly the cap is a whole body still: only a byte past it tells that more was there.
    if (leftBytes > 0 && this.give(chunk.subarray(0, leftBytes)) === 'enough') this.complete('enough');
    else if (chunk.length > leftBytes) this.complete('max-bytes');
    else this.endTurnAfter(chunk.length);
  }

  end(): void {
    this.complete('whole');
  }

  overflow(): void {
    this.complete('max-bytes');
  }

  discard(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  private give(chunk: Buffer): 'more' | 'enough' {
    this.bytesRead += chunk.length;
    try {
      return this.options.onChunk(chunk);
    } catch (error) {
      this.closed = true;
      this.options.onFault(error);
      return 'more';
    }
  }

  private endTurnAfter(bytes: number): void {
    this.bytesInTurn += bytes;
    if (this.closed || this.paused || this.bytesInTurn < TURN_BYTES) return;
    this.paused = true;
    this.options.flow.pause();
    setImmediate(() => {
      this.paused = false;
      this.bytesInTurn = 0;
      if (!this.closed) this.options.flow.resume();
    });
  }

  private complete(end: ReadBody['end']): void {
    if (this.closed) return;
    this.closed = true;
    this.options.onComplete({ bytesRead: this.bytesRead, end });
  }
}
