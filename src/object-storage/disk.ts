import fs from 'node:fs';

/** Injection token of the {@link Disk}. */
export const DISK = Symbol('DISK');

/** Folders for the owner and the group, files likewise; an operator's umask narrows them further. */
const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;

/** File systems that cannot fsync a folder say so with these; their rename is as durable as it gets. */
const NO_FOLDER_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS']);

type Done = (error: NodeJS.ErrnoException | null) => void;

const done = (start: (callback: Done) => void): Promise<void> =>
  new Promise((resolve, reject) => start((error) => (error === null ? resolve() : reject(error))));

const value = <T>(
  start: (callback: (error: NodeJS.ErrnoException | null, result: T) => void) => void,
): Promise<T> =>
  new Promise((resolve, reject) =>
    start((error, result) => (error === null ? resolve(result) : reject(error))),
  );

/**
 * The system calls of the store, one by one, over plain descriptors: `fs.promises` costs an object and about
 * twice the CPU for each open file. A class, so that tests can let a chosen call fail. Errors are the system's.
 */
export class Disk {
  open(path: string, flags: 'r' | 'wx' | 'wx+'): Promise<number> {
    return value((callback) => fs.open(path, flags, FILE_MODE, callback));
  }

  close(fd: number): Promise<void> {
    return done((callback) => fs.close(fd, callback));
  }

  /** Bytes read into `buffer` from its start; fewer than asked only at the end of the file. */
  async read(fd: number, buffer: Uint8Array, lengthBytes: number, position: number): Promise<number> {
    let total = 0;
    while (total < lengthBytes) {
      const count = await value<number>((callback) =>
        fs.read(fd, buffer, total, lengthBytes - total, position + total, callback),
      );
      if (count === 0) break;
      total += count;
    }
    return total;
  }

  /** One call into several buffers; may stop early like the system's. */
  readv(fd: number, buffers: Uint8Array[], position: number): Promise<number> {
    return value((callback) => fs.readv(fd, buffers, position, callback));
  }

  /** Writes all of it. */
  async write(fd: number, bytes: Uint8Array, position: number): Promise<void> {
    let total = 0;
    while (total < bytes.byteLength) {
      total += await value<number>((callback) =>
        fs.write(fd, bytes, total, bytes.byteLength - total, position + total, callback),
      );
    }
  }

  /** Writes all chunks, in one call as a rule. */
  async writev(fd: number, chunks: readonly Uint8Array[], position: number): Promise<void> {
    let left = chunks.filter((chunk) => chunk.byteLength > 0);
    let at = position;
    while (left.length > 0) {
      const batch = left;
      const written = await value<number>((callback) => fs.writev(fd, batch, at, callback));
      at += written;
      left = afterBytes(batch, written);
    }
  }

  sync(fd: number): Promise<void> {
    return done((callback) => fs.fsync(fd, callback));
  }

  async syncFolder(path: string): Promise<void> {
    const fd = await this.open(path, 'r');
    try {
      await this.sync(fd);
    } catch (error) {
      if (!NO_FOLDER_SYNC.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    } finally {
      await this.close(fd);
    }
  }

  rename(from: string, to: string): Promise<void> {
    return done((callback) => fs.rename(from, to, callback));
  }

  unlink(path: string): Promise<void> {
    return done((callback) => fs.unlink(path, callback));
  }

  stat(path: string): Promise<fs.Stats> {
    return value((callback) => fs.stat(path, callback));
  }

  fstat(fd: number): Promise<fs.Stats> {
    return value((callback) => fs.fstat(fd, callback));
  }

  /** Sets both times of a file, epoch seconds. */
  utimes(path: string, seconds: number): Promise<void> {
    return done((callback) => fs.utimes(path, seconds, seconds, callback));
  }

  readdir(path: string): Promise<string[]> {
    return value((callback) => fs.readdir(path, callback));
  }

  /** One level. */
  mkdir(path: string): Promise<void> {
    return done((callback) => fs.mkdir(path, FOLDER_MODE, callback));
  }

  async mkdirs(path: string): Promise<void> {
    await value<string | undefined>((callback) =>
      fs.mkdir(path, { recursive: true, mode: FOLDER_MODE }, callback),
    );
  }
}

function afterBytes(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
  let skip = written;
  let index = 0;
  while (index < chunks.length && skip >= (chunks[index]?.byteLength ?? 0))
    skip -= chunks[index++]?.byteLength ?? 0;
  const rest = chunks.slice(index);
  if (skip > 0 && rest[0] !== undefined) rest[0] = rest[0].subarray(skip);
  return rest;
}
