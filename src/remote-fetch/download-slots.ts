import { PlimsollError, isPlimsollError } from '../errors/index.js';
import type { Cancellation } from './cancellation.js';

interface Waiter {
  readonly grant: () => void;
}

interface OriginState {
  active: number;
  readonly waiting: Set<Waiter>;
}

const RETRY_AFTER_SECONDS = 2;

/**
 * Bounds downloads: `total` at once, `perOrigin` to one origin, `maxWaiting` in line. A freed slot goes to the
 * origins in turn, first come first served within one, so that the waiters of a slow origin stand in nobody's
 * way. Waiting holds a closure, no bytes.
 */
export class DownloadSlots {
  private activeTotal = 0;
  private waitingTotal = 0;
  /** In order of turn: whoever was served goes to the end. */
  private readonly origins = new Map<string, OriginState>();

  constructor(
    private readonly total: number,
    private readonly perOrigin: number,
    private readonly maxWaiting: number,
  ) {}

  get active(): number {
    return this.activeTotal;
  }

  get waiting(): number {
    return this.waitingTotal;
  }

  /**
   * Waits for a slot.
   *
   * @returns gives the slot back; calling it twice is harmless.
   * @throws PlimsollError `server-busy` when too many wait already or the deadline passes in line (the origin has
   *   no part in that); else the reason of the cancellation.
   */
  async acquire(origin: string, cancellation: Cancellation): Promise<() => void> {
    cancellation.throwIfCancelled();
    const state = this.stateOf(origin);
    if (!this.hasRoom(state) || state.waiting.size > 0) await this.wait(origin, state, cancellation);
    else this.take(state);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.activeTotal -= 1;
      state.active -= 1;
      this.serve();
      this.forgetIdle(origin, state);
    };
  }

  private wait(origin: string, state: OriginState, cancellation: Cancellation): Promise<void> {
    if (this.waitingTotal >= this.maxWaiting) {
      this.forgetIdle(origin, state);
      return Promise.reject(busy('Too many downloads wait already; try again later.'));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        state.waiting.delete(waiter);
        this.waitingTotal -= 1;
      };
      const forget = cancellation.onCancel((error) => {
        leave();
        this.forgetIdle(origin, state);
        reject(
          isPlimsollError(error, 'origin-timeout')
            ? busy('No download slot came free before the deadline of the request; try again later.')
            : error,
        );
      });
      const waiter: Waiter = {
        grant: () => {
          forget();
          leave();
          resolve();
        },
      };
      state.waiting.add(waiter);
      this.waitingTotal += 1;
    });
  }

  /** Hands free slots to the origins in turn. */
  private serve(): void {
    let served = true;
    while (served && this.activeTotal < this.total) {
      served = false;
      for (const [origin, state] of this.origins) {
        const [next] = state.waiting;
        if (next === undefined || !this.hasRoom(state)) continue;
        this.origins.delete(origin);
        this.origins.set(origin, state);
        this.take(state);
        next.grant();
        served = true;
        break;
      }
    }
  }

  private take(state: OriginState): void {
    state.active += 1;
    this.activeTotal += 1;
  }

  private hasRoom(state: OriginState): boolean {
    return this.activeTotal < this.total && state.active < this.perOrigin;
  }

  private stateOf(origin: string): OriginState {
    const known = this.origins.get(origin);
    if (known !== undefined) return known;
    const state: OriginState = { active: 0, waiting: new Set() };
    this.origins.set(origin, state);
    return state;
  }

  private forgetIdle(origin: string, state: OriginState): void {
    if (state.active === 0 && state.waiting.size === 0) this.origins.delete(origin);
  }
}

const busy = (message: string): PlimsollError =>
  new PlimsollError('server-busy', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
