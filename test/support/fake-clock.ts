import type { Cancel, Clock } from '../../src/clock/index.js';

interface Scheduled {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

/** A clock that moves only when a test says so. Starts at a written date. */
export class FakeClock implements Clock {
  private elapsedMs = 0;
  private order = 0;
  private readonly scheduled = new Set<Scheduled>();

  constructor(private readonly startMs = Date.UTC(2026, 0, 1)) {}

  now(): number {
    return this.startMs + this.elapsedMs;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  after(delayMs: number, task: () => void): Cancel {
    const entry = { dueMs: this.elapsedMs + Math.max(0, delayMs), order: this.order++, task };
    this.scheduled.add(entry);
    return () => {
      this.scheduled.delete(entry);
    };
  }

  /** Timers that wait; an `afterEach` asserts 0. */
  get pendingTimers(): number {
    return this.scheduled.size;
  }

  /** Moves time forward and runs what falls due, in order, timers armed meanwhile included. */
  advance(ms: number): void {
    const end = this.elapsedMs + ms;
    for (;;) {
      const next = [...this.scheduled]
        .filter((entry) => entry.dueMs <= end)
        .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.elapsedMs = Math.max(this.elapsedMs, next.dueMs);
      this.scheduled.delete(next);
      next.task();
    }
    this.elapsedMs = end;
  }

  /** Like {@link advance}, in steps, letting promises settle after each. */
  async advanceAsync(ms: number, stepMs = ms): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.advance(Math.min(stepMs, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
