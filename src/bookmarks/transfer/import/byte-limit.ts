import { Transform, type TransformCallback } from 'node:stream';
import { PlimsollError } from '../../../errors/index.js';
import { TransferGarbage } from '../../../object-storage/index.js';

/** Lets at most `maxBytes` pass, then fails with `body-too-large`. Chunks are passed on, never kept. */
export class ByteLimit extends Transform {
  private passedBytes = 0;

  /** @param garbage frees what has passed: an upload would hold 32 MiB of dead chunks otherwise (bench:import) */
  constructor(
    private readonly maxBytes: number,
    private readonly garbage = new TransferGarbage(),
  ) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.passedBytes += chunk.length;
    this.garbage.note(chunk.length);
    if (this.passedBytes > this.maxBytes) done(importTooLarge(this.maxBytes));
    else done(null, chunk);
  }
}

export function importTooLarge(maxBytes: number): PlimsollError {
  return new PlimsollError(
    'body-too-large',
    `The file must not be larger than ${maxBytes} bytes (IMPORT_MAX_BYTES).`,
    { details: { maxBytes } },
  );
}
