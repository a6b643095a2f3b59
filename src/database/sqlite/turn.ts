import type { Clock } from '../../clock/index.js';

/** SQLite answers on the main thread: after this long the event loop gets a turn, ms (chosen: under half of 20). */
const TURN_MS = 8;

/** Shares the event loop between statements: awaits between synchronous ones alone would never let it go. */
export class Turn {
  private startedMs: number | null = null;

  constructor(private readonly clock: Clock) {}

  /** To be awaited before a statement when it is not `undefined`. */
  pause(): Promise<void> | undefined {
    const nowMs = this.clock.monotonicMs();
    if (this.startedMs === null) {
      this.startedMs = nowMs;
      setImmediate(() => (this.startedMs = null));
      return undefined;
    }
    if (nowMs - this.startedMs < TURN_MS) return undefined;
    return new Promise((resolve) => void setImmediate(resolve));
  }
}
