import { Readable } from 'node:stream';
import type { Disk } from './disk.js';
import type { TransferGarbage } from './transfer-garbage.js';
import { storageUnavailable, toStorageError } from './storage-error.js';

/** One chunk; each is its own allocation, because the consumer may keep it. */
const CHUNK_BYTES = 64 * 1024;

/**
 * A part of an open file. Owns the descriptor: closes it at the end, on an error and when destroyed, but never
 * under a read that still runs. A file that ends too early is an error, not an end.
 */
export class ObjectStream extends Readable {
  private left: number;
  private reading: Promise<void> | null = null;

  constructor(
    private readonly disk: Disk,
    private readonly fd: number,
    private position: number,
    lengthBytes: number,
    private readonly garbage: TransferGarbage,
    private readonly onClosed: () => void,
  ) {
    super({ highWaterMark: CHUNK_BYTES });
    this.left = lengthBytes;
  }

  override _read(): void {
    if (this.left === 0) {
      this.push(null);
      return;
    }
    this.reading = this.readChunk().then(
      (chunk) => {
        this.reading = null;
        if (!this.destroyed) this.push(chunk);
      },
      (error: unknown) => {
        this.reading = null;
        this.destroy(toStorageError(error) as Error);
      },
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const close = async (): Promise<void> => {
      await this.reading;
      await this.disk.close(this.fd);
    };
    close().then(
      () => this.ended(callback, error),
      (closing: unknown) => this.ended(callback, error ?? (toStorageError(closing) as Error)),
    );
  }

  private ended(callback: (error?: Error | null) => void, error: Error | null): void {
    this.onClosed();
    callback(error);
  }

  private async readChunk(): Promise<Buffer> {
    const wanted = Math.min(CHUNK_BYTES, this.left);
    const chunk = Buffer.allocUnsafeSlow(wanted);
    const count = await this.disk.read(this.fd, chunk, wanted, this.position);
    if (count < wanted) throw storageUnavailable('a stored file became shorter while it was read');
    this.position += count;
    this.left -= count;
    this.garbage.note(count);
    return chunk;
  }
}
