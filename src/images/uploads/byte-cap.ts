import { Transform, type TransformCallback } from 'node:stream';
import { PlimsollError } from '../../errors/index.js';

/** Lets at most `maxBytes` pass, then fails with `body-too-large`. Chunks are passed on, never kept. */
export class ByteCap extends Transform {
  private passedBytes = 0;

  constructor(private readonly maxBytes: number) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.passedBytes += chunk.length;
    if (this.passedBytes > this.maxBytes) done(bodyTooLarge(this.maxBytes));
    else done(null, chunk);
  }
}

export function bodyTooLarge(maxBytes: number): PlimsollError {
  return new PlimsollError(
    'body-too-large',
    `The image must not be larger than ${maxBytes} bytes (MAX_IMAGE_SIZE_BYTES).`,
    {
      details: { maxBytes },
    },
  );
}
