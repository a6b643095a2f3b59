import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

export type CheckpointMode = 'passive' | 'truncate';

/** A reader keeps a checkpoint waiting for this long at most, ms. */
const BUSY_TIMEOUT_MS = 1_000;

/** As text: the same in compiled code and under test, and it needs nothing but the driver. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const Sqlite = require(workerData.driver);
const file = new Sqlite(workerData.path, { timeout: workerData.timeoutMs });
file.pragma('wal_autocheckpoint = 0');
file.pragma('cache_size = 0');
parentPort.on('message', (mode) => {
  if (mode === null) {
    file.close();
    parentPort.close();
    return;
  }
  try {
    file.pragma('wal_checkpoint(' + mode + ')');
    parentPort.postMessage(null);
  } catch (error) {
    parentPort.postMessage(error.message);
  }
});
`;

interface Pending {
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

/** One thread that copies the log into the file: the two flushes of a checkpoint may take longer than a request may wait. */
export class CheckpointThread {
  private readonly worker: Worker;
  private readonly ended: Promise<void>;
  private pending: Pending | null = null;
  private running = true;

  constructor(path: string) {
    this.worker = new Worker(PROGRAM, {
      eval: true,
      execArgv: [],
      env: {},
      name: 'plimsoll-checkpoint',
      workerData: {
        path,
        driver: createRequire(import.meta.url).resolve('better-sqlite3'),
        timeoutMs: BUSY_TIMEOUT_MS,
      },
      // It allocates next to nothing; without limits it would be sized like the main heap.
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 },
    });
    this.worker.unref();
    this.worker.on('message', (problem: string | null) => this.settle(problem));
    // What it could not catch, such as a file that is gone, ends it.
    this.worker.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', () => {
        this.running = false;
        this.settle('its thread has ended');
        resolve();
      });
    });
  }

  get alive(): boolean {
    return this.running;
  }

  /** One at a time; keeps the process alive meanwhile. @throws Error when the thread has ended or SQLite refuses */
  run(mode: CheckpointMode): Promise<void> {
    return new Promise((done, failed) => {
      this.pending = { done, failed };
      this.worker.ref();
      if (this.running) this.worker.postMessage(mode);
      else this.settle('its thread has ended');
    });
  }

  /** The file is closed before the thread ends: the driver crashes otherwise. */
  close(): Promise<void> {
    this.worker.ref();
    this.worker.postMessage(null);
    return this.ended;
  }

  private settle(problem: string | null): void {
    const { pending } = this;
    this.pending = null;
    this.worker.unref();
    if (problem === null) pending?.done();
    else pending?.failed(new Error(problem));
  }
}
