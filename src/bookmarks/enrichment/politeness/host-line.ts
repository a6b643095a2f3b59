import type { HostBreaker } from './host-breaker.js';

/** What is known of one host. Times are monotonic ms. */
export interface HostLine {
  readonly host: string;
  readonly breaker: HostBreaker;
  /** Resolves when the visitor before has left. */
  turn: Promise<void>;
  /** Who is there or waits, the visitor included. */
  inLine: number;
  /** The pause after the last visit ends. */
  nextAtMs: number;
  /** The host asked to be left alone until then. */
  restUntilMs: number;
  /** The last time that was promised to one who was sent away. */
  promisedMs: number;
  /** How long the last visit took; `undefined` before the first has ended. */
  visitMs: number | undefined;
  readonly weightBytes: number;
}
