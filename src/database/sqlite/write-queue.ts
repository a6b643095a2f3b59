import type { Cancel, Clock } from '../../clock/index.js';
import { PlimsollError } from '../../errors/index.js';
import { databaseUnavailable } from '../database-error.js';

/** A writer that waits longer is told so, ms (chosen: the deadline of an image, QUEUE_DEADLINE_MS, is the same). */
export const WRITE_WAIT_MS = 10_000;

/** More writers at once are refused (chosen: each is a request with its body). */
const MAX_WAITERS = 4_096;

interface Waiter {
  readonly admit: () => void;
  readonly refuse: (error: Error) => void;
  readonly cancelDeadline: Cancel;
}

/** One writer at a time, in the order of arrival. */
export class WriteQueue {
  private readonly waiters = new Set<Waiter>();
  private busy = false;
  private closed = false;
  private onIdle: (() => void) | null = null;

  constructor(private readonly clock: Clock) {}

  /**
   * Resolves when it is the caller's turn, which lasts until it calls the function that it gets.
   *
   * @throws PlimsollError `database-unavailable` after {@link WRITE_WAIT_MS}, `shutting-down` once closed
   */
  async enter(): Promise<() => void> {
    this.assertOpen();
    if (this.busy) await this.wait();
    this.busy = true;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.next();
    };
  }

  /** @throws PlimsollError `shutting-down` once closed */
  assertOpen(): void {
    if (this.closed) throw shuttingDown();
  }

  /** Refuses who waits and who comes; resolves when the writer that is at it has left. */
  async close(): Promise<void> {
    this.closed = true;
    for (const waiter of this.waiters) this.take(waiter).refuse(shuttingDown());
    if (this.busy) await new Promise<void>((resolve) => (this.onIdle = resolve));
  }

  private wait(): Promise<void> {
    if (this.waiters.size >= MAX_WAITERS) {
      return Promise.reject(databaseUnavailable(`${MAX_WAITERS} writers wait already`));
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        admit: resolve,
        refuse: reject,
        cancelDeadline: this.clock.after(WRITE_WAIT_MS, () => {
          this.take(waiter).refuse(databaseUnavailable(`other writers held it for ${WRITE_WAIT_MS} ms`));
        }),
      };
      this.waiters.add(waiter);
    });
  }

  private next(): void {
    const first = this.waiters.values().next().value;
    if (first !== undefined) {
      // Stays busy: whoever comes now queues behind.
      this.take(first).admit();
      return;
    }
    this.busy = false;
    this.onIdle?.();
  }

  private take(waiter: Waiter): Waiter {
    this.waiters.delete(waiter);
    waiter.cancelDeadline();
    return waiter;
  }
}

const shuttingDown = (): PlimsollError =>
  new PlimsollError('shutting-down', 'The server is shutting down: the database is closed.');
