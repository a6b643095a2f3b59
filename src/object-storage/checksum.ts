import { createHash, hash, type Hash } from 'node:crypto';
import type { Disk } from './disk.js';

/** Bytes hashed before the event loop gets a turn (about 0.6 ms). */
const SLICE_BYTES = 1024 * 1024;

/** One read while verifying a file; buffers of this size are reused. */
const BUFFER_BYTES = 256 * 1024;
const MAX_SPARE_BUFFERS = 4;

/** Bytes that the spare buffers may hold. */
export const CHECKSUM_BUFFERS_BYTES = BUFFER_BYTES * MAX_SPARE_BUFFERS;

/** Lower-case hex. Small inputs in one call, large ones slice by slice so that the loop goes on. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  if (bytes.byteLength <= SLICE_BYTES) return hash('sha256', bytes);
  const digest = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += SLICE_BYTES) {
    digest.update(bytes.subarray(at, at + SLICE_BYTES));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return digest.digest('hex');
}

/** Hashes files by reading them into a few buffers that are used again and again. */
export class FileChecksum {
  private readonly spare: Buffer[] = [];

  constructor(private readonly disk: Disk) {}

  /** Hex sha256 of the first `bytes` of an open file, or `null` when it is shorter. */
  async of(fd: number, bytes: number): Promise<string | null> {
    const buffer = this.spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
    try {
      return await this.run(createHash('sha256'), fd, bytes, buffer);
    } finally {
      if (this.spare.length < MAX_SPARE_BUFFERS) this.spare.push(buffer);
    }
  }

  private async run(digest: Hash, fd: number, bytes: number, buffer: Buffer): Promise<string | null> {
    for (let at = 0; at < bytes;) {
      const count = await this.disk.read(fd, buffer, Math.min(buffer.byteLength, bytes - at), at);
      if (count === 0) return null;
      digest.update(buffer.subarray(0, count));
      at += count;
    }
    return digest.digest('hex');
  }
}
