import { Logger } from '@nestjs/common';
import type { AsyncOperationsMonitor } from '../async-ops/index.js';
import type { Clock } from '../clock/index.js';
import { isPlimsollError } from '../errors/index.js';
import type { ClaimedJob, JobClaims } from './job-claims.js';
import { outcomeOf, type HandlerEnd, type JobOutcome } from './job-outcome.js';
import type { JobTally } from './job-tally.js';
import { JobGivenUp, JobPostponed, type JobKind } from './job.js';
import { ProgressWriter } from './progress-writer.js';
import { redactText } from './redact-text.js';
import { RunningJob } from './running-job.js';
import type { RunningJobs } from './running-jobs.js';

/** How long a handler that was told to stop may take, ms, before it is left behind (chosen). */
const STOP_GRACE_MS = 10_000;

/** Pauses between attempts to write an outcome down, ms; together less than what a lease has left. */
const SETTLE_PAUSES_MS = [200, 1_000, 5_000];

/** Runs claimed jobs and writes down how they ended. @internal */
export class JobRunner {
  private readonly logger = new Logger('Jobs');

  constructor(
    private readonly running: RunningJobs,
    private readonly claims: JobClaims,
    private readonly operations: AsyncOperationsMonitor,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly tally: JobTally,
  ) {}

  /** Whatever the handler does, this does not reject. @param claimedMs monotonic time before the claim was made */
  async run(job: ClaimedJob, kind: JobKind<unknown>, claimedMs: number): Promise<void> {
    const run = new RunningJob(job, claimedMs);
    this.running.add(run);
    this.tally.claimed += 1;
    try {
      const outcome = await this.attempt(run, kind);
      if (outcome !== null) await this.settle(run, outcome);
    } finally {
      this.running.remove(run);
    }
  }

  /** @returns `null` when the claim is lost: nothing may be written */
  private async attempt(run: RunningJob, kind: JobKind<unknown>): Promise<JobOutcome | null> {
    const { job } = run;
    const writer = new ProgressWriter(run, this.claims, this.clock);
    let work: { readonly promise: Promise<unknown>; readonly signal: AbortSignal } | null = null;
    let end: HandlerEnd;
    let hasTimedOut = false;
    try {
      const value = await this.operations.monitoredAsync(
        'jobs',
        kind.kind,
        (signal) => {
          const promise = invoke(run, kind, writer, signal);
          work = { promise, signal };
          return promise;
        },
        { timeoutMs: kind.timeoutMs, signal: run.signal, metadata: { job: job.id, attempt: job.attempts } },
      );
      end = { kind: 'returned', value };
    } catch (error) {
      const { promise, signal } = work ?? { promise: Promise.reject(error), signal: run.signal };
      // Its own signal is aborted for two reasons; an error of the handler alone aborts nothing.
      hasTimedOut = signal.aborted && run.stop === null;
      end = await this.endOf(run, promise);
    }
    await writer.idle();
    if (run.stop === 'claim-lost') {
      this.tally.claimsLost += 1;
      this.logger.warn(`Job ${job.kind} ${job.id} goes on elsewhere: its claim was lost.`);
      return null;
    }
    const timedOutAfterMs = hasTimedOut ? kind.timeoutMs : null;
    this.log(job, end, timedOutAfterMs);
    return outcomeOf({
      end,
      stop: run.stop,
      timedOutAfterMs,
      attempts: run.attempts,
      maxAttempts: job.maxAttempts,
      now: this.clock.now(),
      random: this.random,
    });
  }

  /** What the handler did, also after its waiter was gone, for as long as it may take. */
  private async endOf(run: RunningJob, work: Promise<unknown>): Promise<HandlerEnd> {
    const settled = work.then(
      (value): HandlerEnd => ({ kind: 'returned', value }),
      (error: unknown): HandlerEnd => ({ kind: 'threw', error }),
    );
    const cancel = this.clock.after(STOP_GRACE_MS, () => run.release());
    const released = run.whenReleased().then((): HandlerEnd => ({ kind: 'stuck' }));
    const end = await Promise.race([settled, released]);
    cancel();
    if (end.kind === 'stuck') {
      this.tally.abandoned += 1;
      this.running.leave(run, settled);
    }
    return end;
  }

  private async settle(run: RunningJob, outcome: JobOutcome): Promise<void> {
    run.settling = true;
    const { job } = run;
    for (const pauseMs of [...SETTLE_PAUSES_MS, null]) {
      try {
        const written = await this.claims.settle(job, outcome);
        if (written === null) this.tally.claimsLost += 1;
        else this.tally[written === 'again' ? 'retried' : written] += 1;
        return;
      } catch (error) {
        if (pauseMs === null || run.stop === 'shutdown') {
          this.logger.error(
            `The end of job ${job.kind} ${job.id} could not be written; it runs again when its lease is over. ${describe(error)}`,
          );
          return;
        }
        await this.pause(pauseMs, run);
      }
    }
  }

  private async pause(pauseMs: number, run: RunningJob): Promise<void> {
    let cancel = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      cancel = this.clock.after(pauseMs, resolve);
    });
    await Promise.race([over, run.whenReleased()]);
    cancel();
  }

  private log(job: ClaimedJob, end: HandlerEnd, timedOutAfterMs: number | null): void {
    const name = `Job ${job.kind} ${job.id}, attempt ${job.attempts}`;
    if (end.kind === 'stuck')
      this.logger.error(`${name}: its handler does not end when told; it is left behind.`);
    else if (timedOutAfterMs !== null) this.logger.warn(`${name} did not end within ${timedOutAfterMs} ms.`);
    else if (end.kind === 'threw' && !(end.error instanceof JobPostponed || end.error instanceof JobGivenUp))
      this.logger.warn(`${name} failed. ${describe(end.error)}`);
  }
}

/** Async, so that what a handler throws at once is a rejection too. */
async function invoke(
  { job }: RunningJob,
  kind: JobKind<unknown>,
  writer: ProgressWriter,
  signal: AbortSignal,
): Promise<unknown> {
  return kind.run({
    id: job.id,
    payload: job.payload,
    attempt: job.attempts,
    progress: job.progress,
    signal,
    saveProgress: (progress, within) => {
      const saved = writer.save(progress, within);
      // A handler that does not await it must not end the process.
      saved.catch(() => undefined);
      return saved;
    },
  });
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return redactText(String(error));
  const text = isPlimsollError(error) ? (error.logMessage ?? error.message) : (error.stack ?? error.message);
  return redactText(text, 2_000);
}
