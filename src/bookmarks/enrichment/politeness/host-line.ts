import type { Clock } from '../../../clock/index.js';
import { isPlimsollError } from '../../../errors/index.js';
import { HostBreaker } from './host-breaker.js';
import { originStatusOf } from './host-fault.js';
import { HostResting, type RestReason } from './host-resting.js';

/** What all lines share. */
export interface LineTerms {
  readonly clock: Clock;
  readonly random: () => number;
  /** Between the end of a visit and the next one, ms. */
  readonly pauseMs: number;
}

/** Objects of one line, its circuit breaker the most of them (heap growth over 10 000: 1 640 bytes each), beside the name. */
const LINE_BYTES = 2_048;

/** Apart from each other at least, ms, whoever is sent away. */
const SMALLEST_SPACING_MS = 20;

/** Nobody is promised a time further away than this, ms. */
const LONGEST_PROMISE_MS = 3_600_000;

/** A `Retry-After` is believed up to this, ms; without one a 429 stands for a minute (chosen). */
const LONGEST_RETRY_AFTER_MS = 3_600_000;
const TOO_MANY_REQUESTS_MS = 60_000;

/** What is known of one host, and when it may be visited. Times are monotonic ms. */
export class HostLine {
  readonly breaker: HostBreaker;
  readonly weightBytes: number;
  /** Resolves when the visitor before has left. */
  turn: Promise<void> = Promise.resolve();
  /** Who is there or waits, the visitor included. */
  inLine = 0;
  /** The pause after the last visit ends. */
  private nextAtMs = 0;
  /** The host asked to be left alone until then. */
  private restUntilMs = 0;
  /** The last time that was promised to one who was sent away. */
  private promisedMs = 0;
  /** How long the last visit took; `undefined` before the first has ended. */
  private visitMs: number | undefined;

  constructor(
    readonly host: string,
    private readonly terms: LineTerms,
  ) {
    this.breaker = new HostBreaker(host, terms.clock, terms.random);
    this.weightBytes = LINE_BYTES + 2 * host.length;
  }

  /** Nothing worth remembering. */
  get clean(): boolean {
    return this.rest() === null && this.breaker.clean && this.promisedMs < this.now();
  }

  /** What is left of the pause after the last visit, and of what the host asked for, ms. */
  get pauseLeftMs(): number {
    return Math.max(0, Math.max(this.nextAtMs, this.restUntilMs) - this.now());
  }

  /** Why nobody should come now, or `null`. */
  rest(): RestReason | null {
    if (this.inLine > 0) return 'busy';
    if (this.breaker.restMs > 0) return 'broken';
    if (this.restUntilMs > this.now()) return 'retry-after';
    return this.nextAtMs > this.now() ? 'pause' : null;
  }

  /** For one who comes now, ms. Infinite while the length of a visit is not known, and while a circuit is being probed. */
  expectedWaitMs(): number {
    if (this.inLine === 0) return Math.max(this.breaker.restMs, this.pauseLeftMs);
    if (this.breaker.open || this.visitMs === undefined) return Infinity;
    return this.inLine * (this.visitMs + this.terms.pauseMs);
  }

  /** The host was asked just now: its pause starts anew. `startedMs`: of a visit that ends with it. */
  noteAsked(startedMs?: number): void {
    if (startedMs !== undefined) this.visitMs = this.now() - startedMs;
    this.nextAtMs = this.now() + this.terms.pauseMs;
  }

  /** `Retry-After` of a 429 or 503; a 429 without one stands for a minute. */
  heed(error: unknown): void {
    if (!isPlimsollError(error, 'origin-error') || error.details['remembered'] === true) return;
    const status = originStatusOf(error);
    if (status !== 429 && status !== 503) return;
    const { retryAfterMs } = error.details;
    const silentMs = status === 429 ? TOO_MANY_REQUESTS_MS : 0;
    const askedMs =
      typeof retryAfterMs === 'number' ? Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) : silentMs;
    this.restUntilMs = Math.max(this.restUntilMs, this.now() + askedMs);
  }

  /** A time of its own for each who is sent away, so that a thousand pages of one host do not come back together. */
  sendAway(urgent: boolean): HostResting {
    const { clock, pauseMs } = this.terms;
    const now = this.now();
    const reason = this.rest() ?? 'busy';
    const spacingMs = Math.max(SMALLEST_SPACING_MS, pauseMs + (this.visitMs ?? 0));
    const freeMs = Math.max(
      this.inLine > 0 ? now + spacingMs : now,
      this.nextAtMs,
      this.restUntilMs,
      now + this.breaker.restMs,
    );
    let atMs = freeMs;
    if (!urgent) {
      atMs = Math.min(Math.max(freeMs, this.promisedMs + spacingMs), freeMs + LONGEST_PROMISE_MS);
      this.promisedMs = atMs;
    }
    return new HostResting(Math.ceil(clock.now() + atMs - now), reason);
  }

  /** Takes over what the host asked for, and its pause: what is not a failure outlives one that is forgotten. */
  takeOver({ nextAtMs, restUntilMs }: HostLine): void {
    this.nextAtMs = nextAtMs;
    this.restUntilMs = restUntilMs;
  }

  private now(): number {
    return this.terms.clock.monotonicMs();
  }
}
