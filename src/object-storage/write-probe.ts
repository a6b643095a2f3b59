import type { Clock } from '../clock/index.js';
import type { Disk } from './disk.js';
import type { Generations } from './generations.js';
import type { ObjectPaths } from './object-paths.js';
import type { StoreRoot } from './store-root.js';
import { storageUnavailable, toStorageError } from './storage-error.js';

/** A good answer holds this long, so that a probe every second costs next to nothing. */
const HOLDS_MS = 5_000;

/** A disk that takes longer for one block hangs. */
const DEADLINE_MS = 5_000;

/** One block: a full disk has room for the name, not for this. */
const BLOCK = Buffer.alloc(4096, 'plimsoll ');

/** Whether the store can be written, at a bounded cost: one probe at a time, a good answer kept for 5 s. */
export class WriteProbe {
  private goodUntilMs = -Infinity;
  private running: Promise<void> | null = null;

  constructor(
    private readonly disk: Disk,
    private readonly clock: Clock,
    private readonly paths: ObjectPaths,
    private readonly root: StoreRoot,
    private readonly generations: Generations,
    private readonly readOnly: boolean,
  ) {}

  /** @throws PlimsollError `storage-unavailable`. */
  async check(): Promise<void> {
    if (this.clock.monotonicMs() < this.goodUntilMs) return;
    this.running ??= this.run().finally(() => {
      this.running = null;
    });
    await this.withDeadline(this.running);
  }

  private async run(): Promise<void> {
    try {
      await this.root.prepare();
      await this.root.assertPresent();
      if (!this.readOnly) await this.writeAndRead();
    } catch (error) {
      throw toStorageError(error);
    }
    this.goodUntilMs = this.clock.monotonicMs() + HOLDS_MS;
  }

  private async writeAndRead(): Promise<void> {
    const path = this.paths.temporaryFile(`${this.generations.next()}.probe`);
    const fd = await this.disk.open(path, 'wx+');
    try {
      await this.disk.write(fd, BLOCK, 0);
      const back = Buffer.allocUnsafeSlow(BLOCK.byteLength);
      const count = await this.disk.read(fd, back, back.byteLength, 0);
      if (count !== BLOCK.byteLength || !back.equals(BLOCK))
        throw storageUnavailable('it read back something else');
    } finally {
      await this.disk.close(fd);
      await this.disk.unlink(path);
    }
  }

  /** The probe goes on when its waiter has given up; the next one joins it instead of adding to the pile. */
  private withDeadline(probe: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.clock.after(DEADLINE_MS, () => {
        reject(storageUnavailable(`it did not answer within ${DEADLINE_MS} ms`));
      });
      probe.then(resolve, reject).finally(cancel);
    });
  }
}
