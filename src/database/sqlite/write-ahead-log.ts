import { fdatasync, fstatSync, openSync, closeSync, fsyncSync } from 'node:fs';
import { promisify } from 'node:util';
import { databaseUnavailable } from '../database-error.js';

const flush = promisify(fdatasync);

/**
 * Makes commits durable without blocking the event loop. SQLite itself runs with `synchronous = normal`: its log is whole at
 * every moment, but a power loss may take the last commits. So each commit is acknowledged only when the log has been
 * flushed after it, on the thread pool; commits that wait at the same time share one flush.
 */
export class WriteAheadLog {
  private readonly file: number;
  private running: Promise<void> | null = null;
  private next: Promise<void> | null = null;

  /** @param path of the log, which exists as long as the database is open @param folder that it is in */
  constructor(path: string, folder: string) {
    this.file = openSync(path, 'r+');
    // The names of both files must not be lost either.
    const handle = openSync(folder, 'r');
    fsyncSync(handle);
    closeSync(handle);
  }

  /** @throws PlimsollError `database-unavailable` when it is not known whether the commit would survive a power loss */
  sync(): Promise<void> {
    if (this.running === null) return this.start();
    // The flush that runs may have begun before the commit of this caller.
    this.next ??= this.running.then(
      () => this.startNext(),
      () => this.startNext(),
    );
    return this.next;
  }

  /** Of the file. It falls to 0 with a checkpoint of kind `truncate`. */
  get sizeBytes(): number {
    return fstatSync(this.file).size;
  }

  /** Waits for the flush that runs. */
  async close(): Promise<void> {
    await this.next?.catch(() => undefined);
    await this.running?.catch(() => undefined);
    closeSync(this.file);
  }

  private startNext(): Promise<void> {
    this.next = null;
    return this.start();
  }

  private start(): Promise<void> {
    const running = this.flush().finally(() => {
      if (this.running === running) this.running = null;
    });
    this.running = running;
    return running;
  }

  private async flush(): Promise<void> {
    try {
      await flush(this.file);
    } catch (error) {
      throw databaseUnavailable('the disk failed while a commit was flushed', error);
    }
  }
}
