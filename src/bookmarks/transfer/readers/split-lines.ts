import type { ByteChunks } from './import-entry.js';

export interface TextLine {
  /** From 1. */
  readonly number: number;
  /** Without its end; `null` when it is longer than allowed. */
  readonly text: string | null;
}

const LINE_FEED = 10;

/** Lines of UTF-8, however long: of one over `maxBytes` nothing is kept. */
export async function* splitLines(chunks: ByteChunks, maxBytes: number): AsyncGenerator<TextLine> {
  let number = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let tooLong = false;

  const take = (piece: Buffer): void => {
    heldBytes += piece.length;
    if (heldBytes > maxBytes) {
      tooLong = true;
      held = [];
    } else if (!tooLong && piece.length > 0) held.push(Buffer.from(piece));
  };
  const finish = (): TextLine => {
    const text = tooLong ? null : Buffer.concat(held).toString().replace(/\r$/, '');
    held = [];
    heldBytes = 0;
    tooLong = false;
    return { number: (number += 1), text };
  };

  for await (const chunk of chunks) {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, from);
      if (end === -1) break;
      take(chunk.subarray(from, end));
      yield finish();
      from = end + 1;
    }
    take(chunk.subarray(from));
  }
  if (heldBytes > 0) yield finish();
}
