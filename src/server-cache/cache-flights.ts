import { AbortedError } from '../errors/index.js';
import type { AsyncOperationsMonitor, BackgroundTasks } from '../async-ops/index.js';
import { familyName } from './cache-families.js';

/** How one load is run. @internal */
export interface FlightPlan {
  readonly key: string;
  readonly load: (signal: AbortSignal) => Promise<unknown>;
  readonly timeoutMs: number;
  /** Takes what was loaded; returns what the waiters get. Not called when the key was invalidated meanwhile. */
  readonly keep: (value: unknown) => unknown;
}

interface Flight {
  readonly controller: AbortController;
  promise: Promise<unknown>;
  waiters: number;
  /** A refresh in the background goes on without waiters. */
  readonly background: boolean;
  invalidated: boolean;
}

/** Loads under way, one for each key. @internal */
export class CacheFlights {
  private readonly flights = new Map<string, Flight>();
  private background = 0;
  coalesced = 0;

  constructor(
    private readonly operations: AsyncOperationsMonitor,
    private readonly tasks: BackgroundTasks,
    private readonly maxBackground: number,
  ) {}

  get size(): number {
    return this.flights.size;
  }

  /** Joins the load of this key, or starts it. The load is aborted when its last waiter is gone. */
  join(plan: FlightPlan, signal: AbortSignal | undefined): Promise<unknown> {
    if (signal?.aborted === true)
      return Promise.reject(new AbortedError(undefined, { cause: signal.reason }));
    const known = this.flights.get(plan.key);
    if (known !== undefined) this.coalesced += 1;
    return this.wait(plan.key, known ?? this.start(plan, false), signal);
  }

  /** Starts a load that nobody waits for, unless one is under way or too many are. `onFailure` is told of its end without a value. */
  refresh(plan: FlightPlan, onFailure: () => void): boolean {
    if (this.flights.has(plan.key) || this.background >= this.maxBackground) return false;
    this.background += 1;
    const flight = this.start(plan, true);
    const done = flight.promise.then(
      () => {
        this.background -= 1;
      },
      (error: unknown) => {
        this.background -= 1;
        onFailure();
        throw error;
      },
    );
    this.tasks.detach(done, 'server-cache.refresh');
    return true;
  }

  /** What is being loaded for this key is given to its waiters and not kept: it may be older than the change. */
  invalidate(key: string): void {
    const flight = this.flights.get(key);
    if (flight === undefined) return;
    flight.invalidated = true;
    this.flights.delete(key);
  }

  keys(): IterableIterator<string> {
    return this.flights.keys();
  }

  private start(plan: FlightPlan, background: boolean): Flight {
    const controller = new AbortController();
    const flight: Flight = {
      controller,
      promise: Promise.resolve(),
      waiters: 0,
      background,
      invalidated: false,
    };
    this.flights.set(plan.key, flight);
    flight.promise = this.operations
      .monitoredAsync('server-cache', 'cache.load', plan.load, {
        timeoutMs: plan.timeoutMs,
        signal: controller.signal,
        metadata: { family: familyName(plan.key) },
      })
      .then((value) => (flight.invalidated ? value : plan.keep(value)))
      .finally(() => this.forget(plan.key, flight));
    // Waiters report its failure; this one only owns it.
    const owned = flight.promise.then(
      () => undefined,
      () => undefined,
    );
    this.tasks.detach(owned, 'server-cache.load');
    return flight;
  }

  private wait(key: string, flight: Flight, signal: AbortSignal | undefined): Promise<unknown> {
    flight.waiters += 1;
    if (signal === undefined) return flight.promise;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        reject(new AbortedError(undefined, { cause: signal.reason }));
        flight.waiters -= 1;
        if (flight.waiters > 0 || flight.background) return;
        this.forget(key, flight);
        flight.controller.abort(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const stop = (): void => signal.removeEventListener('abort', onAbort);
      flight.promise.then(
        (value) => {
          stop();
          resolve(value);
        },
        (error: unknown) => {
          stop();
          reject(error);
        },
      );
    });
  }

  /** Only this flight: a newer one for the key stays. */
  private forget(key: string, flight: Flight): void {
    if (this.flights.get(key) === flight) this.flights.delete(key);
  }
}
