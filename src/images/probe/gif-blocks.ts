import type { ReadAt } from './webp-codec.js';

/** How much is read at once, bytes. */
const CHUNK_BYTES = 64 * 1024;

export interface GifBlocks {
  readonly frames: number;
  /** Did the file break off inside a block? A missing trailer alone is forgiven: browsers forgive it too. */
  readonly truncated: boolean;
}

/**
 * Walks the blocks of a GIF without decoding one: its decoder takes whatever frames a truncated file still has, half
 * a frame included, for the whole. Stops after `maxFrames` + 1 frames.
 */
export async function walkGif(readAt: ReadAt, maxFrames: number): Promise<GifBlocks> {
  const bytes = new ByteReader(readAt);
  let frames = 0;
  try {
    await bytes.skip(10);
    await skipPalette(bytes);
    await bytes.skip(2);
    while (frames <= maxFrames) {
      const kind = await bytes.nextOrEnd();
      if (kind === 0x21) await bytes.skip(1);
      else if (kind === 0x2c) {
        await bytes.skip(8);
        await skipPalette(bytes);
        await bytes.skip(1);
      } else break;
      await skipSubBlocks(bytes);
      if (kind === 0x2c) frames += 1;
    }
    return { frames, truncated: false };
  } catch (error) {
    if (error instanceof EndOfFile) return { frames, truncated: true };
    throw error;
  }
}

/** The flags byte comes first: bit 7 says whether there is a palette, bits 0 to 2 its size. */
async function skipPalette(bytes: ByteReader): Promise<void> {
  const flags = await bytes.next();
  if ((flags & 0x80) !== 0) await bytes.skip(3 * 2 ** ((flags & 7) + 1));
}

async function skipSubBlocks(bytes: ByteReader): Promise<void> {
  for (;;) {
    const length = await bytes.next();
    if (length === 0) return;
    await bytes.skip(length);
  }
}

class EndOfFile extends Error {}

/** Forward only; never holds more than a chunk. */
class ByteReader {
  private chunk: Uint8Array = new Uint8Array(0);
  private start = 0;
  private position = 0;

  constructor(private readonly readAt: ReadAt) {}

  skip(count: number): Promise<void> | void {
    this.position += count;
    // What was skipped must exist: the byte before the position.
    if (this.position - this.start <= this.chunk.length) return;
    return this.load(this.position - 1).then(() => undefined);
  }

  /** A promise only where a chunk has to be read. */
  next(): Promise<number> | number {
    const value = this.chunk[this.position - this.start];
    if (value === undefined) return this.load(this.position).then(() => this.next());
    this.position += 1;
    return value;
  }

  async nextOrEnd(): Promise<number | undefined> {
    try {
      return await this.next();
    } catch (error) {
      if (error instanceof EndOfFile) return undefined;
      throw error;
    }
  }

  private async load(at: number): Promise<void> {
    this.chunk = await this.readAt(at, CHUNK_BYTES);
    this.start = at;
    if (this.chunk.length === 0) throw new EndOfFile();
  }
}
