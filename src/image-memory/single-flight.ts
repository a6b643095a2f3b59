import type { Cancel, Clock } from '../clock/index.js';
import { AbortedError, OperationTimeoutError } from '../errors/index.js';

export interface FlightOptions {
  /** The caller went away: only its own wait ends. */
  readonly signal?: AbortSignal;
  /** Longest that this caller waits, ms; others wait on. */
  readonly deadlineMs?: number;
}

export interface FlightResult<T> {
  readonly value: T;
  /** Did the caller join work that another had started? */
  readonly coalesced: boolean;
}

export interface SingleFlightSnapshot {
  readonly inFlight: number;
  readonly waiting: number;
  readonly started: number;
  readonly coalesced: number;
  readonly failed: number;
  /** Work whose last waiter left before it ended. */
  readonly abandoned: number;
}

interface Flight {
  readonly result: Promise<unknown>;
  readonly abort: AbortController;
  waiters: number;
  settled: boolean;
}

/**
 * One piece of work per key, however many ask. The work belongs to all who wait, not to the one who came first: it
 * is aborted only when the last waiter left. Nothing is kept: a result, good or bad, reaches those who wait and is
 * forgotten. A flush of a cache does not touch it.
 */
export class SingleFlight {
  private readonly flights = new Map<string, Flight>();
  private waiting = 0;
  private started = 0;
  private coalesced = 0;
  private failed = 0;
  private abandoned = 0;

  constructor(private readonly clock: Clock) {}

  /**
   * Joins the work under `key`, or starts it. The key must hold every option that changes the result.
   *
   * @throws AbortedError when `signal` aborts; OperationTimeoutError when `deadlineMs` pass; what the work throws.
   */
  async run<T>(
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    options: FlightOptions = {},
  ): Promise<FlightResult<T>> {
    if (options.signal?.aborted === true) throw new AbortedError();
    const running = this.flights.get(key);
    const flight = running ?? this.start(key, work);
    if (running !== undefined) this.coalesced += 1;
    const value = (await this.join(key, flight, options)) as T;
    return { value, coalesced: running !== undefined };
  }

  /** Is work under this key running? */
  has(key: string): boolean {
    return this.flights.has(key);
  }

  snapshot(): SingleFlightSnapshot {
    return {
      inFlight: this.flights.size,
      waiting: this.waiting,
      started: this.started,
      coalesced: this.coalesced,
      failed: this.failed,
      abandoned: this.abandoned,
    };
  }

  private start(key: string, work: (signal: AbortSignal) => Promise<unknown>): Flight {
    const abort = new AbortController();
    this.started += 1;
    // Async, so that work that throws at once fails like any other.
    const result = (async () => work(abort.signal))();
    const flight: Flight = { result, abort, waiters: 0, settled: false };
    this.flights.set(key, flight);
    const end = (): void => {
      flight.settled = true;
      this.forget(key, flight);
    };
    // Also the handler of last resort: abandoned work may fail without anybody waiting.
    result.then(end, () => {
      this.failed += 1;
      end();
    });
    return flight;
  }

  private join(key: string, flight: Flight, { signal, deadlineMs }: FlightOptions): Promise<unknown> {
    flight.waiters += 1;
    this.waiting += 1;
    return new Promise((resolve, reject) => {
      let cancelDeadline: Cancel | undefined;
      let left = false;
      const leave = (deliver: () => void): void => {
        if (left) return;
        left = true;
        signal?.removeEventListener('abort', onAbort);
        cancelDeadline?.();
        this.waiting -= 1;
        flight.waiters -= 1;
        deliver();
        if (flight.waiters === 0 && !flight.settled) this.abandon(key, flight);
      };
      const onAbort = (): void => leave(() => reject(new AbortedError()));
      signal?.addEventListener('abort', onAbort, { once: true });
      if (deadlineMs !== undefined) {
        cancelDeadline = this.clock.after(deadlineMs, () =>
          leave(() => reject(new OperationTimeoutError('single-flight', deadlineMs))),
        );
      }
      flight.result.then(
        (value) => leave(() => resolve(value)),
        (error: unknown) => leave(() => reject(error as Error)),
      );
    });
  }

  /** Nobody waits any more. Whoever comes next starts afresh instead of joining work that is being aborted. */
  private abandon(key: string, flight: Flight): void {
    this.abandoned += 1;
    this.forget(key, flight);
    flight.abort.abort(new AbortedError('Nobody waits for the work any more.'));
  }

  /** Only its own flight: another may have taken off under the key since. */
  private forget(key: string, flight: Flight): void {
    if (this.flights.get(key) === flight) this.flights.delete(key);
  }
}
