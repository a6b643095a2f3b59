import type { Cancel, Clock } from '../clock/index.js';
import { AbortedError, PlimsollError } from '../errors/index.js';

/**
 * The ways in which a fetch ends from outside: its caller aborts, a deadline passes, the server shuts down. The
 * deadline is that of the line for a download slot first, and that of the fetch once it has begun. Owns one timer
 * and one listener; `close` removes both.
 */
export class Cancellation {
  private error: Error | undefined;
  private readonly callbacks = new Set<(error: Error) => void>();
  private cancelTimer: Cancel;
  private begun = false;
  private readonly onAbort = (): void =>
    this.cancel(new AbortedError('The fetch was aborted by its caller.'));

  constructor(
    private readonly clock: Clock,
    queueTimeoutMs: number,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.cancelTimer = clock.after(queueTimeoutMs, () => this.cancel(noSlotInTime()));
    if (signal?.aborted === true) this.onAbort();
    else signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /** The fetch has its first slot: from now on its own deadline counts. Later slots are part of it. */
  begin(timeoutMs: number): void {
    if (this.begun || this.error !== undefined) return;
    this.begun = true;
    this.cancelTimer();
    this.cancelTimer = this.clock.after(timeoutMs, () =>
      this.cancel(
        new PlimsollError('origin-timeout', `The source did not arrive within ${timeoutMs} ms.`, {
          details: { timeoutMs },
        }),
      ),
    );
  }

  /** @throws the reason, when the fetch has been cancelled. */
  throwIfCancelled(): void {
    if (this.error !== undefined) throw this.error;
  }

  /** Whether this error is the reason of the cancellation. */
  isCausedBy(error: unknown): boolean {
    return this.error !== undefined && this.error === error;
  }

  /** Calls back once with the reason, at once when there is one already; the returned function forgets the callback. */
  onCancel(callback: (error: Error) => void): () => void {
    if (this.error !== undefined) {
      callback(this.error);
      return () => undefined;
    }
    this.callbacks.add(callback);
    return () => void this.callbacks.delete(callback);
  }

  cancel(error: Error): void {
    if (this.error !== undefined) return;
    this.error = error;
    for (const callback of [...this.callbacks]) callback(error);
    this.callbacks.clear();
  }

  close(): void {
    this.cancelTimer();
    this.signal?.removeEventListener('abort', this.onAbort);
    this.callbacks.clear();
  }
}

const noSlotInTime = (): PlimsollError =>
  new PlimsollError('server-busy', 'No download slot came free in time; try again later.', {
    retryAfterSeconds: 2,
  });
