/** Cancels what was scheduled; calling it twice is harmless. */
export type Cancel = () => void;

/**
 * Time as a dependency, so that tests advance it instead of sleeping.
 * Timers are unref'd: none keeps the process alive.
 */
export interface Clock {
  /** Wall clock, epoch milliseconds. It may jump. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary start; use it for every duration and deadline. */
  monotonicMs(): number;
  /** Runs `task` once after `delayMs`. A task that throws ends in the process's uncaught handler: catch inside. */
  after(delayMs: number, task: () => void): Cancel;
}

/** Injection token of the {@link Clock}. */
export const CLOCK = Symbol('CLOCK');
