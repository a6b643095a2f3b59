import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import type { Disk } from './disk.js';
import type { Spool } from './object-store.js';
import { isMissing, toStorageError } from './storage-error.js';
import type { TransferGarbage } from './transfer-garbage.js';

/** Most bytes that wait for the disk; what has gathered meanwhile goes out in one call. */
const WAITING_BYTES = 256 * 1024;

type SpoolState = 'open' | 'committing' | 'committed' | 'discarded';

/** Feeds the spool; hashing runs on this thread while the write runs on another. */
class SpoolWritable extends Writable {
  constructor(
    private readonly append: (chunks: readonly Uint8Array[]) => Promise<void>,
    private readonly finished: () => void,
  ) {
    super({ highWaterMark: WAITING_BYTES });
  }

  override _write(
    chunk: Uint8Array,
    _encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    this.hand([chunk], callback);
  }

  override _writev(items: { readonly chunk: Uint8Array }[], callback: (error?: Error | null) => void): void {
    this.hand(
      items.map((item) => item.chunk),
      callback,
    );
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.finished();
    callback();
  }

  private hand(chunks: readonly Uint8Array[], callback: (error?: Error | null) => void): void {
    this.append(chunks).then(
      () => callback(),
      (error: unknown) => callback(toStorageError(error) as Error),
    );
  }
}

/** A temporary file with one descriptor from its creation until it is committed or discarded. */
export class FileSpool implements Spool {
  readonly writable: Writable;
  private readonly hash = createHash('sha256');
  private digest: string | null = null;
  private state: SpoolState = 'open';
  private written = 0;
  /** The write or the commit that runs. */
  private busy: Promise<unknown> | null = null;
  private removal: Promise<void> | null = null;

  constructor(
    private readonly disk: Disk,
    readonly path: string,
    /** The name of the data file to be. */
    readonly generation: string,
    private readonly fd: number,
    private readonly garbage: TransferGarbage,
    private readonly onClosed: (spool: FileSpool) => void,
  ) {
    this.writable = new SpoolWritable(
      (chunks) => this.append(chunks),
      () => {
        this.digest = this.hash.digest('hex');
      },
    );
    // An error is the writer's to handle; a spool whose writer has left is discarded, not a crash.
    this.writable.on('error', () => undefined);
  }

  get bytes(): number {
    return this.written;
  }

  get sha256(): string {
    if (this.digest === null)
      throw new TypeError('The spool has no checksum before its writable has finished.');
    return this.digest;
  }

  /**
   * Runs `move` with the open descriptor; the spool is gone when it resolves to `true` and as before otherwise.
   *
   * @throws TypeError when the writable has not finished, or the spool was committed or discarded.
   */
  async commit(move: (fd: number) => Promise<boolean>): Promise<boolean> {
    if (this.state !== 'open' || this.digest === null || this.busy !== null) {
      throw new TypeError(
        `A spool is committed once, after its writable has finished; this one is ${this.state}.`,
      );
    }
    this.state = 'committing';
    const moving = move(this.fd);
    this.busy = moving;
    try {
      this.state = (await moving) ? 'committed' : 'open';
    } catch (error) {
      this.state = 'open';
      throw error;
    } finally {
      this.busy = null;
    }
    if (this.state === 'committed') await this.close();
    return this.state === 'committed';
  }

  discard(): Promise<void> {
    this.removal ??= this.remove();
    return this.removal;
  }

  private async append(chunks: readonly Uint8Array[]): Promise<void> {
    const writing = this.disk.writev(this.fd, chunks, this.written);
    this.busy = writing;
    try {
      for (const chunk of chunks) this.hash.update(chunk);
      await writing;
    } finally {
      this.busy = null;
    }
    const before = this.written;
    for (const chunk of chunks) this.written += chunk.byteLength;
    this.garbage.note(this.written - before);
  }

  private async remove(): Promise<void> {
    this.writable.destroy();
    await this.busy?.catch(() => undefined);
    if (this.state !== 'open') return;
    this.state = 'discarded';
    await this.close();
    await this.disk.unlink(this.path).catch((error: unknown) => {
      // What cannot be removed now is swept at the next start.
      if (!isMissing(error)) return;
    });
  }

  private async close(): Promise<void> {
    // The bytes have been written, and synced where asked: a failing close takes nothing back.
    await this.disk.close(this.fd).catch(() => undefined);
    this.onClosed(this);
  }
}
