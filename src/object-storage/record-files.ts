import type { Disk } from './disk.js';
import type { Generations } from './generations.js';
import { nameOf, type ObjectId, type ObjectPaths } from './object-paths.js';
import {
  decodeRecord,
  encodeRecord,
  MAX_RECORD_BYTES,
  type DecodedRecord,
  type ObjectRecord,
} from './object-record.js';
import { isMissing } from './storage-error.js';

/** Read buffers kept for the next call. */
const MAX_SPARE_BUFFERS = 8;

/** Bytes that the spare buffers may hold. */
export const RECORD_BUFFERS_BYTES = MAX_RECORD_BYTES * MAX_SPARE_BUFFERS;

export type FoundRecord = DecodedRecord | { readonly state: 'missing' };

/** Reads records, and writes them as temporary files for a rename to commit. */
export class RecordFiles {
  private readonly spare: Buffer[] = [];

  constructor(
    private readonly disk: Disk,
    private readonly paths: ObjectPaths,
    private readonly generations: Generations,
  ) {}

  /** What the disk says now. A record that names another key than its file does is corrupt. */
  async read(id: ObjectId): Promise<FoundRecord> {
    const text = await this.readText(this.paths.record(id));
    if (text === null) return { state: 'missing' };
    const found = decodeRecord(text);
    if (found.state !== 'ok') return found;
    const name = nameOf(found.record.key);
    return name?.hash === id.hash && name.kind === id.kind ? found : { state: 'corrupt' };
  }

  /** Writes the record as a temporary file and answers its path; leaves nothing behind when it fails. */
  async writeTemporary(record: ObjectRecord, durable: boolean): Promise<string> {
    const path = this.paths.temporaryFile(`${this.generations.next()}.json`);
    await this.writeFile(path, await this.disk.open(path, 'wx'), encodeRecord(record), durable);
    return path;
  }

  /** Fills and closes a fresh file; removes it when that fails. */
  async writeFile(path: string, fd: number, bytes: Uint8Array, durable: boolean): Promise<void> {
    let closed = false;
    try {
      await this.disk.write(fd, bytes, 0);
      if (durable) await this.disk.sync(fd);
      closed = true;
      await this.disk.close(fd);
    } catch (error) {
      if (!closed) await this.disk.close(fd).catch(() => undefined);
      await this.disk.unlink(path).catch(() => undefined);
      throw error;
    }
  }

  private async readText(path: string): Promise<string | null> {
    let fd: number;
    try {
      fd = await this.disk.open(path, 'r');
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
    const buffer = this.spare.pop() ?? Buffer.allocUnsafeSlow(MAX_RECORD_BYTES);
    try {
      // One short read as a rule: a second one only when the first filled the buffer.
      const count = await this.disk.readv(fd, [buffer], 0);
      return count === MAX_RECORD_BYTES ? '' : buffer.toString('utf8', 0, count);
    } finally {
      if (this.spare.length < MAX_SPARE_BUFFERS) this.spare.push(buffer);
      await this.disk.close(fd);
    }
  }
}
