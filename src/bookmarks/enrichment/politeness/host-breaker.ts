import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
  type CircuitBreakerPolicy,
  type IBackoff,
  type IHalfOpenAfterBackoffContext,
} from 'cockatiel';
import type { Clock } from '../../../clock/index.js';
import { hostVerdict } from './host-fault.js';

/** Faults in a row that open the circuit (chosen: one bookmark's attempts). */
const FAULTS_TO_OPEN = 5;

/** How long it stays open, ms: doubling from the first to the last while the probes fail (chosen). */
const FIRST_BREAK_MS = 60_000;
const LONGEST_BREAK_MS = 3_600_000;

/** Up to this share is added, so that hosts that broke together are not probed together. */
const JITTER_RATIO = 0.2;

/** The outcome of work that asked nobody, or whose error says nothing about the host; unwrapped outside. */
class SaysNothing<T> extends Error {
  constructor(readonly outcome: { readonly value: T } | { readonly error: unknown }) {
    super('says nothing about the host');
  }
}

/**
 * The circuit breaker of one host: opens after five faults in a row, lets one probe through when its break is over,
 * closes on any answer. Cockatiel measures breaks by the wall clock; here their length is a question to our own
 * clock, so a jump of the wall clock opens nothing and holds nothing open.
 */
export class HostBreaker {
  private readonly counter = new ConsecutiveBreaker(FAULTS_TO_OPEN);
  private readonly policy: CircuitBreakerPolicy;
  private openUntilMs = 0;
  private breaks = 0;

  constructor(
    private readonly host: string,
    private readonly clock: Clock,
    private readonly random: () => number,
  ) {
    const backoff: IBackoff<IHalfOpenAfterBackoffContext> = {
      duration: 0,
      next: (context) => this.nextBreak(context),
    };
    this.policy = circuitBreaker(
      // What says nothing must not close a circuit that is being probed, so there it counts as handled.
      handleWhen((error) => !(error instanceof SaysNothing) || this.policy.state === CircuitState.HalfOpen),
      { breaker: this.counter, halfOpenAfter: backoff },
    );
  }

  /** Milliseconds until a probe may start; 0 while the circuit is closed. */
  get restMs(): number {
    if (this.policy.state !== CircuitState.Open) return 0;
    return Math.max(0, this.openUntilMs - this.clock.monotonicMs());
  }

  /** Nothing to remember: closed, and the last answer was one. */
  get clean(): boolean {
    return this.policy.state === CircuitState.Closed && this.counter.state === 0;
  }

  get open(): boolean {
    return this.policy.state !== CircuitState.Closed;
  }

  /** Runs `work`; `asked` says afterwards whether the host was asked at all. Throws what `work` throws. */
  async run<T>(work: () => Promise<T>, asked: () => boolean): Promise<T> {
    try {
      const outcome = await this.policy.execute(() => settle(work, asked, this.host));
      if ('error' in outcome) throw outcome.error;
      return outcome.value;
    } catch (error) {
      if (!(error instanceof SaysNothing)) throw error;
      const { outcome } = error as SaysNothing<T>;
      if ('error' in outcome) throw outcome.error;
      return outcome.value;
    }
  }

  /** Counts an error that was met on the way from another host; one that is open already has its break. Never throws. */
  async note(error: unknown): Promise<void> {
    if (this.open) return;
    const met = this.run(
      () => Promise.reject(error as Error),
      () => true,
    );
    await met.catch(() => undefined);
  }

  private nextBreak(context: IHalfOpenAfterBackoffContext): IBackoff<IHalfOpenAfterBackoffContext> {
    const probeSaidNothing = 'error' in context.result && context.result.error instanceof SaysNothing;
    if (!probeSaidNothing) {
      const breakMs = Math.min(LONGEST_BREAK_MS, FIRST_BREAK_MS * 2 ** this.breaks);
      this.breaks += 1;
      this.openUntilMs = this.clock.monotonicMs() + breakMs * (1 + JITTER_RATIO * this.random());
    }
    const isOver = (): boolean => this.restMs === 0;
    return {
      // Compared with the wall clock's difference: over or not over, never a number of its own.
      get duration() {
        return isOver() ? -Infinity : Infinity;
      },
      next: (next) => this.nextBreak(next),
    };
  }
}

/** An error that is an answer of the host is a value for the circuit. */
async function settle<T>(
  work: () => Promise<T>,
  asked: () => boolean,
  host: string,
): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    const value = await work();
    if (!asked()) throw new SaysNothing<T>({ value });
    return { value };
  } catch (error) {
    if (error instanceof SaysNothing) throw error;
    const verdict = hostVerdict(error, host);
    if (verdict === 'answer') return { error };
    if (verdict === 'none') throw new SaysNothing<T>({ error });
    throw error;
  }
}
