import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Cancel, type Clock } from '../clock/index.js';
import { AbortedError, OperationTimeoutError, isAbort, isPlimsollError } from '../errors/index.js';
import { OperationHistory } from './operation-history.js';
import { presentMetadata, presentText } from './operation-metadata.js';
import { OperationNames, type OperationTally } from './operation-names.js';
import type {
  NamedOperationCounts,
  OperationCounts,
  OperationMetadata,
  OperationOutcome,
  OperationState,
  OperationView,
} from './operation.js';

/** Operations that ended and are still listed (chosen: some minutes of a busy server, under 1 MiB). */
const HISTORY_LENGTH = 500;

/** Distinct names that are counted apart. */
const MAX_NAMES = 256;

const DEFAULT_LIST_LENGTH = 100;

/** Stands in for work that declares no parameter: making a signal is most of an operation's cost (3 of 5 µs). */
const NEVER_ABORTED = new AbortController().signal;

export interface MonitorOptions {
  /** The waiter is rejected after this, ms. Without it only the work itself and `signal` end the wait. */
  readonly timeoutMs?: number | undefined;
  /** Shown in lists; URLs are redacted. */
  readonly metadata?: OperationMetadata | undefined;
  /** The caller's signal: when it aborts, the waiter is rejected and the work told to stop. */
  readonly signal?: AbortSignal | undefined;
  /** The work cannot be stopped (libvips): after a timeout or an abort it is listed as `detached` until it settles. */
  readonly native?: boolean | undefined;
}

export interface ListOptions {
  /** Most entries, 1 to 500; 100 by default. */
  readonly limit?: number;
  readonly state?: OperationState;
}

export interface OperationsSummary extends OperationCounts {
  /** Work that is not native, was told to stop and has not settled yet. */
  readonly lingering: number;
  /** Native or lingering work that failed after its waiter was gone. */
  readonly lateFailures: number;
  /** Age of the oldest operation that runs or is detached, ms; 0 without one. */
  readonly oldestMs: number;
}

export interface OperationsSnapshot extends OperationsSummary {
  readonly historyLength: number;
  readonly byName: readonly NamedOperationCounts[];
}

/** One operation under way. Fields are ordered by use; a class, so that V8 keeps one shape. */
class Operation {
  outcome: OperationOutcome | null = null;
  error: string | null = null;

  constructor(
    readonly id: number,
    readonly context: string,
    readonly name: string,
    readonly tally: OperationTally,
    readonly startedAt: number,
    readonly startedMs: number,
    readonly timeoutMs: number | undefined,
    readonly native: boolean,
    readonly metadata: OperationMetadata | undefined,
  ) {}
}

/**
 * Knows what runs now and for how long, what ended lately, and what fails, by name. Every step of a request runs in
 * {@link monitoredAsync}. Its own cost is a few microseconds an operation.
 */
@Injectable()
export class AsyncOperationsMonitor {
  private readonly active = new Map<number, Operation>();
  private readonly history = new OperationHistory(HISTORY_LENGTH);
  private readonly names = new OperationNames(MAX_NAMES);
  private lastId = 0;
  private lingering = 0;
  private lateFailures = 0;

  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  /**
   * Runs `work` and watches it. `context` and `name` come from a small fixed set (`images`, `image.fetch`).
   *
   * The promise settles with the work, or earlier: after `timeoutMs` with `OperationTimeoutError`, on an abort of
   * `options.signal` with `AbortedError`. In both cases the signal that `work` was given aborts, and what the work
   * does afterwards reaches nobody (a late failure is counted). With a signal that has aborted before, `work` is not
   * called at all. What the work throws or rejects with is passed on unchanged. Without `timeoutMs` the work gets
   * the caller's own signal. Work that declares no parameter (`work.length` is 0) gets no signal of its own.
   */
  monitoredAsync<T>(
    context: string,
    name: string,
    work: (signal: AbortSignal) => T | PromiseLike<T>,
    options: MonitorOptions = {},
  ): Promise<T> {
    const { timeoutMs, signal, native, metadata } = options;
    const tally = this.names.tally(context, name);
    const operation = new Operation(
      (this.lastId += 1),
      context,
      name,
      tally,
      this.clock.now(),
      this.clock.monotonicMs(),
      timeoutMs,
      native === true,
      metadata,
    );
    tally.started += 1;
    tally.running += 1;
    this.active.set(operation.id, operation);
    if (signal?.aborted === true) {
      const error = abortedBy(signal);
      this.end(operation, 'aborted', error);
      return Promise.reject(error);
    }

    return new Promise<T>((resolve, reject) => {
      let cancelTimer: Cancel | undefined;
      let controller: AbortController | undefined;
      const onAbort = (): void => giveUp('aborted', abortedBy(signal as AbortSignal), signal?.reason);
      const stopWatching = (): void => {
        cancelTimer?.();
        signal?.removeEventListener('abort', onAbort);
      };
      const giveUp = (outcome: 'timeout' | 'aborted', error: Error, reason: unknown): void => {
        if (operation.outcome !== null) return;
        stopWatching();
        this.detach(operation, outcome, error);
        reject(error);
        controller?.abort(reason);
      };

      if (work.length > 0 && (timeoutMs !== undefined || signal === undefined))
        controller = new AbortController();
      if (timeoutMs !== undefined) {
        cancelTimer = this.clock.after(timeoutMs, () => {
          const error = new OperationTimeoutError(name, timeoutMs);
          giveUp('timeout', error, error);
        });
      }
      signal?.addEventListener('abort', onAbort);

      let running: Promise<T>;
      try {
        running = Promise.resolve(work(controller?.signal ?? signal ?? NEVER_ABORTED));
      } catch (error) {
        running = Promise.reject(error);
      }
      running.then(
        (value) => {
          if (operation.outcome !== null) return this.settleLate(operation, false);
          stopWatching();
          this.end(operation, 'completed', undefined);
          resolve(value);
        },
        (error: unknown) => {
          if (operation.outcome !== null) return this.settleLate(operation, !isAbort(error));
          stopWatching();
          this.end(operation, isAbort(error) ? 'aborted' : 'failed', error);
          reject(error);
        },
      );
    });
  }

  /** What runs and is detached, oldest first, then what ended, newest first; never more than `limit`. */
  list(options: ListOptions = {}): OperationView[] {
    const limit = Math.min(Math.max(1, Math.trunc(options.limit ?? DEFAULT_LIST_LENGTH)), HISTORY_LENGTH);
    const { state } = options;
    const listed: OperationView[] = [];
    for (const operation of this.active.values()) {
      if (listed.length >= limit) return listed;
      if (state === undefined || stateOf(operation) === state) listed.push(this.view(operation));
    }
    for (const view of this.history.newestFirst()) {
      if (listed.length >= limit) return listed;
      if (state === undefined || view.state === state) listed.push(view);
    }
    return listed;
  }

  /** One operation that runs, is detached, or is among the last that ended. */
  get(id: number): OperationView | undefined {
    const operation = this.active.get(id);
    return operation === undefined ? this.history.find(id) : this.view(operation);
  }

  /** Totals. */
  summary(): OperationsSummary {
    const oldest = this.active.values().next();
    return {
      ...this.names.sum(),
      lingering: this.lingering,
      lateFailures: this.lateFailures,
      oldestMs: oldest.done === true ? 0 : this.clock.monotonicMs() - oldest.value.startedMs,
    };
  }

  /** Totals and counters by name, for metrics. */
  snapshot(): OperationsSnapshot {
    return {
      ...this.summary(),
      historyLength: this.history.size,
      byName: [...this.names.all()].map((tally) => tally.view()),
    };
  }

  /** The waiter is gone; native work stays listed until it settles. */
  private detach(operation: Operation, outcome: 'timeout' | 'aborted', error: Error): void {
    if (!operation.native) {
      this.lingering += 1;
      this.end(operation, outcome, error);
      return;
    }
    this.close(operation, outcome, error);
    operation.tally.detached += 1;
  }

  private settleLate(operation: Operation, failed: boolean): void {
    if (failed) this.lateFailures += 1;
    if (!operation.native) {
      this.lingering -= 1;
      return;
    }
    operation.tally.detached -= 1;
    this.file(operation);
  }

  private end(operation: Operation, outcome: OperationOutcome, error: unknown): void {
    this.close(operation, outcome, error);
    this.file(operation);
  }

  private close(operation: Operation, outcome: OperationOutcome, error: unknown): void {
    operation.outcome = outcome;
    operation.tally.end(outcome, this.clock.monotonicMs() - operation.startedMs);
    if (outcome === 'completed') return;
    operation.error = describe(error);
    if (outcome === 'aborted') return;
    operation.tally.lastError = operation.error;
    operation.tally.lastErrorAt = this.clock.now();
  }

  private file(operation: Operation): void {
    this.active.delete(operation.id);
    this.history.push(this.view(operation, operation.outcome ?? 'failed'));
  }

  private view(operation: Operation, state = stateOf(operation)): OperationView {
    return {
      id: operation.id,
      context: operation.context,
      name: operation.name,
      state,
      outcome: operation.outcome,
      startedAt: operation.startedAt,
      durationMs: this.clock.monotonicMs() - operation.startedMs,
      timeoutMs: operation.timeoutMs ?? null,
      error: operation.error,
      metadata: presentMetadata(operation.metadata),
    };
  }
}

/** An operation that is listed as active and has an outcome has lost its waiter. */
const stateOf = (operation: Operation): OperationState =>
  operation.outcome === null ? 'running' : 'detached';

const abortedBy = (signal: AbortSignal): AbortedError =>
  new AbortedError(undefined, { cause: signal.reason });

/** A code or a class name: messages may hold what lists must not show. */
function describe(error: unknown): string {
  if (isPlimsollError(error)) return error.code;
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  const label = typeof code === 'string' ? code : name;
  return presentText(typeof label === 'string' ? label : typeof error);
}
