import { Inject, Injectable } from '@nestjs/common';
import { createReadStream, createWriteStream, type ReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { PlimsollError } from '../../../errors/index.js';
import { HEAD_BYTES } from '../readers/detect-format.js';

const READ_BYTES = 64 * 1024;
/** Ends the name of a file that is not whole yet. */
const PART = '.part';
const IMPORT_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A file that is being received: whole and durable after `commit`, gone after `discard`. */
export interface ImportPart {
  readonly writable: Writable;
  /** First 64 KiB of what was written. */
  head(): Promise<Buffer>;
  commit(): Promise<{ readonly bytes: number }>;
  /** Harmless after `commit`. */
  discard(): Promise<void>;
}

/** Uploaded files until they are read, and reports, in `DATA_DIR/imports`. */
@Injectable()
export class ImportFiles {
  private readonly folder: string;
  /** Names of the files that are being received. */
  private readonly receiving = new Set<string>();

  constructor(@Inject(SETTINGS) settings: Settings) {
    this.folder = join(settings.values.DATA_DIR, 'imports');
  }

  /** @throws PlimsollError `storage-unavailable` */
  async receive(importId: string): Promise<ImportPart> {
    const partPath = `${this.sourcePath(importId)}${PART}`;
    await this.storage(() => mkdir(this.folder, { recursive: true }));
    this.receiving.add(basename(partPath));
    const writable = createWriteStream(partPath, { flags: 'wx', flush: true });
    // a fault is reported by whoever writes; without a listener it would end the process
    writable.on('error', () => undefined);
    let committed = false;
    return {
      writable,
      head: () => this.storage(() => readHead(partPath)),
      commit: () =>
        this.storage(async () => {
          await finished(writable, { readable: false });
          const { size } = await stat(partPath);
          await rename(partPath, this.sourcePath(importId));
          committed = true;
          await this.syncFolder();
          return { bytes: size };
        }),
      discard: async () => {
        if (!committed) {
          if (!writable.closed) {
            writable.destroy();
            await finished(writable).catch(() => undefined);
          }
          await rm(partPath, { force: true });
        }
        this.receiving.delete(basename(partPath));
      },
    };
  }

  /** Bytes of an uploaded file; a chunk is valid until the next one. `null` when the file is gone. */
  async openSource(importId: string): Promise<ImportSource | null> {
    try {
      return new ImportSource(await open(this.sourcePath(importId), 'r'));
    } catch (error) {
      if (isMissing(error)) return null;
      throw storageFault(error);
    }
  }

  async removeSource(importId: string): Promise<void> {
    await this.storage(() => rm(this.sourcePath(importId), { force: true }));
  }

  reportPath(importId: string): string {
    return join(this.folder, `${checked(importId)}.report.jsonl`);
  }

  /** The report as far as it is written. @throws PlimsollError `operation-not-found` */
  async openReport(importId: string): Promise<ReadStream> {
    const missing = new PlimsollError(
      'operation-not-found',
      'No report of an import with this id is kept here.',
    );
    if (!IMPORT_ID.test(importId)) throw missing;
    const stream = createReadStream(this.reportPath(importId), { highWaterMark: READ_BYTES });
    try {
      await new Promise((resolve, reject) => {
        stream.once('open', resolve);
        stream.once('error', reject);
      });
    } catch (error) {
      throw isMissing(error) ? missing : storageFault(error);
    }
    return stream;
  }

  /** Removes what was last written before the time, epoch ms; returns how many files. */
  async prune(before: number): Promise<number> {
    let removed = 0;
    for (const name of await this.names()) {
      const path = join(this.folder, name);
      const found = await stat(path).catch(() => null);
      if (found === null || !found.isFile() || found.mtimeMs >= before) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  /**
   * Removes uploads that were broken off by the end of an earlier process, which nobody will go on with: one process owns
   * DATA_DIR. Returns how many.
   */
  async removeBrokenOff(): Promise<number> {
    const broken = (await this.names()).filter((name) => name.endsWith(PART) && !this.receiving.has(name));
    for (const name of broken) await rm(join(this.folder, name), { force: true });
    return broken.length;
  }

  private async names(): Promise<string[]> {
    try {
      return await readdir(this.folder);
    } catch (error) {
      if (isMissing(error)) return [];
      throw storageFault(error);
    }
  }

  private sourcePath(importId: string): string {
    return join(this.folder, `${checked(importId)}.import`);
  }

  /** So that the new name survives a power cut. */
  private async syncFolder(): Promise<void> {
    const handle = await open(this.folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  private async storage<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storageFault(error);
    }
  }
}

/** An open file, read through one buffer: what is read does not add to memory, however long the file. */
export class ImportSource {
  private readonly buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  private readBytes = 0;

  constructor(private readonly handle: FileHandle) {}

  /** How far the last pass has come. */
  get position(): number {
    return this.readBytes;
  }

  async sizeBytes(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  async head(): Promise<Buffer> {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, await fill(this.handle, head));
  }

  /** From the beginning; one pass at a time. */
  async *chunks(): AsyncGenerator<Buffer> {
    this.readBytes = 0;
    for (;;) {
      const { bytesRead } = await this.handle.read(this.buffer, 0, READ_BYTES, this.readBytes);
      if (bytesRead === 0) return;
      this.readBytes += bytesRead;
      yield this.buffer.subarray(0, bytesRead);
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

async function readHead(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, await fill(handle, head));
  } finally {
    await handle.close();
  }
}

async function fill(handle: FileHandle, buffer: Buffer): Promise<number> {
  let bytes = 0;
  while (bytes < buffer.length) {
    const { bytesRead } = await handle.read(buffer, bytes, buffer.length - bytes, bytes);
    if (bytesRead === 0) break;
    bytes += bytesRead;
  }
  return bytes;
}

function checked(importId: string): string {
  if (!IMPORT_ID.test(importId)) throw new Error('An import id is a UUID.');
  return importId;
}

const isMissing = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === 'ENOENT';

/** What a disk says, as our own error: no path, no errno in the public text. */
export function storageFault(error: unknown): PlimsollError {
  if (error instanceof PlimsollError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new PlimsollError(
    'storage-unavailable',
    isFull ? 'The disk for imports is full.' : 'The folder for imports cannot be read or written.',
    { cause: error, ...(isFull ? {} : { retryAfterSeconds: 10 }) },
  );
}
