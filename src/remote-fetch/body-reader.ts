import type { BodyTarget } from './body-target.js';

/** How a body was read; see `ReadOutcome`. */
export interface ReadBody {
  readonly bytesRead: number;
  readonly end: 'whole' | 'enough' | 'max-bytes';
}

export interface BodyReaderOptions {
  readonly maxBytes: number;
  readonly onChunk: (chunk: Buffer) => 'more' | 'enough';
  readonly onComplete: (body: ReadBody) => void;
  readonly onFault: (error: unknown) => void;
}

/** Hands a decoded body on chunk by chunk and keeps none of it; ends when the reader or the cap says so. */
export class BodyReader implements BodyTarget {
  private bytesRead = 0;
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

  private complete(end: ReadBody['end']): void {
    if (this.closed) return;
    this.closed = true;
    this.options.onComplete({ bytesRead: this.bytesRead, end });
  }
}
