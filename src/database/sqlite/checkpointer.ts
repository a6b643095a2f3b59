import { Logger } from '@nestjs/common';
import type { Clock } from '../../clock/index.js';
import { isPlimsollError } from '../../errors/index.js';
import { CheckpointThread, type CheckpointMode } from './checkpoint-thread.js';
import type { WriteAheadLog } from './write-ahead-log.js';
import type { WriteQueue } from './write-queue.js';

/** The log is copied into the file beyond this size, bytes (SQLite's own default: 1 000 pages). */
const START_BYTES = 4 * 1024 ** 2;

/** After a failure the next attempt waits for this long, ms. */
const RETRY_MS = 10_000;

/** Keeps the log small, beside the event loop. */
export class Checkpointer {
  private readonly logger = new Logger('Database');
  private thread: CheckpointThread | null = null;
  private running: Promise<void> | null = null;
  private notBeforeMs = 0;
  private closed = false;

  constructor(
    private readonly path: string,
    private readonly log: WriteAheadLog,
    private readonly queue: WriteQueue,
    private readonly clock: Clock,
  ) {}

  /** To be called after every commit; returns at once. */
  afterCommit(): void {
    if (this.running !== null || this.closed || this.log.sizeBytes < START_BYTES) return;
    if (this.clock.monotonicMs() < this.notBeforeMs) return;
    this.running = this.checkpoint()
      .catch((error: unknown) => {
        if (isPlimsollError(error, 'shutting-down')) return;
        this.notBeforeMs = this.clock.monotonicMs() + RETRY_MS;
        this.logger.warn(`The log of the database could not be shortened: ${String(error)}`);
      })
      .finally(() => (this.running = null));
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.running;
    await this.thread?.close();
  }

  private async checkpoint(): Promise<void> {
    // Most of it while writers go on …
    await this.run('passive');
    // … and the rest while none does, else the log would never come to its end and grow for ever.
    const leave = await this.queue.enter();
    try {
      await this.run('truncate');
    } finally {
      leave();
    }
  }

  private async run(mode: CheckpointMode): Promise<void> {
    if (this.closed) return;
    this.thread ??= new CheckpointThread(this.path);
    try {
      await this.thread.run(mode);
    } catch (error) {
      // A thread that has ended is replaced; one that answered stays.
      if (!this.thread.alive) this.thread = null;
      throw error;
    }
  }
}
