import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import { isAbort } from '../errors/index.js';

/** Labels that are counted apart; they are meant to be a handful. */
const MAX_LABELS = 128;

export interface BackgroundTaskCounts {
  readonly started: number;
  readonly running: number;
  readonly failed: number;
}

export interface BackgroundTasksSnapshot extends BackgroundTaskCounts {
  readonly byLabel: Readonly<Record<string, BackgroundTaskCounts>>;
}

export interface SettledOutcome {
  /** Whether nothing ran any more when the wait ended. */
  readonly settled: boolean;
  /** Labels of what still ran, with how many. */
  readonly remaining: Readonly<Record<string, number>>;
}

interface Tally {
  started: number;
  running: number;
  failed: number;
}

/** The owner of every promise that nobody awaits. */
@Injectable()
export class BackgroundTasks {
  private readonly logger = new Logger(BackgroundTasks.name);
  private readonly labels = new Map<string, Tally>();
  private running = 0;
  private readonly idleWaiters = new Set<() => void>();

  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  /** Lets `promise` go on by itself: a failure is logged and counted, an abort is neither. `label` is from a small fixed set. */
  detach(promise: PromiseLike<unknown>, label: string): void {
    const tally = this.tally(label);
    tally.started += 1;
    tally.running += 1;
    this.running += 1;
    const done = (): void => {
      tally.running -= 1;
      this.running -= 1;
      if (this.running === 0) for (const wake of [...this.idleWaiters]) wake();
    };
    promise.then(done, (error: unknown) => {
      if (!isAbort(error)) {
        tally.failed += 1;
        this.logger.warn(
          `Background task ${label} failed: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
      done();
    });
  }

  /** Waits until nothing runs any more, what starts meanwhile included, or `deadlineMs` have passed. For shutdown. Never rejects. */
  async settled(deadlineMs: number): Promise<SettledOutcome> {
    if (this.running > 0) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          cancel();
          this.idleWaiters.delete(wake);
          resolve();
        };
        const cancel = this.clock.after(deadlineMs, wake);
        this.idleWaiters.add(wake);
      });
    }
    const remaining: Record<string, number> = {};
    for (const [label, { running }] of this.labels) if (running > 0) remaining[label] = running;
    return { settled: this.running === 0, remaining };
  }

  snapshot(): BackgroundTasksSnapshot {
    const byLabel: Record<string, BackgroundTaskCounts> = {};
    let started = 0;
    let failed = 0;
    for (const [label, tally] of this.labels) {
      byLabel[label] = { ...tally };
      started += tally.started;
      failed += tally.failed;
    }
    return { started, running: this.running, failed, byLabel };
  }

  private tally(label: string): Tally {
    const own = this.labels.size >= MAX_LABELS && !this.labels.has(label) ? 'other' : label;
    let tally = this.labels.get(own);
    if (tally === undefined) {
      tally = { started: 0, running: 0, failed: 0 };
      this.labels.set(own, tally);
    }
    return tally;
  }
}
