import type { Clock } from '../clock/index.js';
import { PlimsollError } from '../errors/index.js';
import { storageUnavailable } from './storage-error.js';

/** Chosen: more writers of one key than this wait on each other for nothing. */
const MAX_WAITERS_PER_KEY = 64;
const MAX_WAITERS = 1024;

/** A write takes milliseconds; a wait of this length means that the disk hangs. */
const WAIT_DEADLINE_MS = 30_000;

interface Waiter {
  readonly grant: () => void;
}

/** One writer per key at a time, the others in order of arrival. Bounded in waiters and in time. */
export class KeyLocks {
  private readonly held = new Map<string, Waiter[]>();
  private waiting = 0;

  constructor(private readonly clock: Clock) {}

  isHeld(id: string): boolean {
    return this.held.has(id);
  }

  /** Keys being written now. */
  get size(): number {
    return this.held.size;
  }

  /** @throws PlimsollError `server-busy` past the bound, `storage-unavailable` past the deadline. */
  async run<T>(id: string, task: () => Promise<T>): Promise<T> {
    await this.acquire(id);
    try {
      return await task();
    } finally {
      this.release(id);
    }
  }

  private acquire(id: string): Promise<void> | undefined {
    const queue = this.held.get(id);
    if (queue === undefined) {
      this.held.set(id, []);
      return undefined;
    }
    if (queue.length >= MAX_WAITERS_PER_KEY || this.waiting >= MAX_WAITERS) {
      throw new PlimsollError('server-busy', 'Too many writes wait for the object store; try again later.', {
        retryAfterSeconds: 2,
      });
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.waiting -= 1;
        cancel();
      };
      const waiter: Waiter = {
        grant: () => {
          leave();
          resolve();
        },
      };
      const cancel = this.clock.after(WAIT_DEADLINE_MS, () => {
        const index = queue.indexOf(waiter);
        if (index < 0) return;
        queue.splice(index, 1);
        leave();
        reject(storageUnavailable(`a write waited ${WAIT_DEADLINE_MS} ms for another of the same key`));
      });
      this.waiting += 1;
      queue.push(waiter);
    });
  }

  private release(id: string): void {
    const next = this.held.get(id)?.shift();
    if (next === undefined) this.held.delete(id);
    else next.grant();
  }
}
