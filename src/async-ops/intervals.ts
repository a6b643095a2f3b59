import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { CLOCK, type Cancel, type Clock } from '../clock/index.js';
import { BackgroundTasks } from './background-tasks.js';

export interface IntervalFigures {
  readonly everyMs: number;
  readonly running: boolean;
  readonly runs: number;
  /** Ticks that found the run before still under way. */
  readonly skips: number;
  readonly errors: number;
  /** Epoch ms of the start of the last run, and how long it took. */
  readonly lastAt: number | null;
  readonly lastDurationMs: number | null;
}

type IntervalsSnapshot = Readonly<Record<string, IntervalFigures>>;

interface Interval {
  readonly name: string;
  readonly everyMs: number;
  readonly task: () => void | Promise<void>;
  cancelTimer: Cancel;
  running: boolean;
  runs: number;
  skips: number;
  errors: number;
  lastAt: number | null;
  lastDurationMs: number | null;
}

/**
 * Repeated work, known by name to the `SchedulerRegistry` of `@nestjs/schedule`. Use it instead of `@Interval`, which
 * overlaps with itself: here a tick is skipped and counted while the run before is under way. A run that throws or
 * rejects is logged and counted, and the next one comes. Timers are unref'd and removed before shutdown; a run that
 * is under way then is among the background tasks that shutdown waits for.
 */
@Injectable()
export class Intervals implements BeforeApplicationShutdown {
  private readonly logger = new Logger(Intervals.name);
  private readonly intervals = new Map<string, Interval>();

  constructor(
    private readonly registry: SchedulerRegistry,
    private readonly background: BackgroundTasks,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Runs `task` every `everyMs` milliseconds, first after one period, until the returned function is called.
   *
   * @throws Error when the name is taken or the period is not positive: a fault of the program.
   */
  every(name: string, everyMs: number, task: () => void | Promise<void>): Cancel {
    if (!(everyMs > 0)) throw new Error(`The interval "${name}" needs a period over 0 ms, got ${everyMs}.`);
    const interval: Interval = {
      name,
      everyMs,
      task,
      cancelTimer: () => {},
      running: false,
      runs: 0,
      skips: 0,
      errors: 0,
      lastAt: null,
      lastDurationMs: null,
    };
    // The registry refuses a name that is taken. It keeps a handle that is not a timer of Node's, on purpose: our
    // timers belong to the clock, and one that the registry has dropped ends at its next tick.
    this.registry.addInterval(name, interval);
    this.intervals.get(name)?.cancelTimer();
    this.intervals.set(name, interval);
    this.arm(interval);
    return () => this.remove(interval);
  }

  snapshot(): IntervalsSnapshot {
    const figures: Record<string, IntervalFigures> = {};
    for (const { name, task: _task, cancelTimer: _cancel, ...rest } of this.intervals.values())
      figures[name] = rest;
    return figures;
  }

  beforeApplicationShutdown(): void {
    for (const interval of [...this.intervals.values()]) this.remove(interval);
  }

  private arm(interval: Interval): void {
    interval.cancelTimer = this.clock.after(interval.everyMs, () => {
      if (!this.isRegistered(interval)) return this.remove(interval);
      this.arm(interval);
      this.tick(interval);
    });
  }

  private tick(interval: Interval): void {
    if (interval.running) {
      interval.skips += 1;
      return;
    }
    interval.running = true;
    interval.runs += 1;
    interval.lastAt = this.clock.now();
    const startedMs = this.clock.monotonicMs();
    const done = (): void => {
      interval.running = false;
      interval.lastDurationMs = this.clock.monotonicMs() - startedMs;
    };
    const fail = (error: unknown): void => {
      interval.errors += 1;
      this.logger.error(
        `Interval ${interval.name} failed: ${error instanceof Error ? error.message : String(error)}`,
      );
      done();
    };
    try {
      const result = interval.task();
      if (result === undefined) done();
      else this.background.detach(result.then(done, fail), `interval.${interval.name}`);
    } catch (error) {
      fail(error);
    }
  }

  private remove(interval: Interval): void {
    interval.cancelTimer();
    if (this.intervals.get(interval.name) === interval) this.intervals.delete(interval.name);
    if (this.isRegistered(interval)) this.registry.deleteInterval(interval.name);
  }

  private isRegistered(interval: Interval): boolean {
    return (
      this.registry.doesExist('interval', interval.name) &&
      this.registry.getInterval(interval.name) === interval
    );
  }
}
