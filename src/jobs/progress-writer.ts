import type { Transaction } from 'kysely';
import type { Clock } from '../clock/index.js';
import type { Tables } from '../database/index.js';
import { JobClaimLost } from './job-claim-lost.js';
import type { JobClaims } from './job-claims.js';
import { boundedJson, MAX_PROGRESS_BYTES } from './job-json.js';
import type { JobProgress } from './job.js';
import type { RunningJob } from './running-job.js';

/**
 * Saves the progress of one run. At most one statement is under way; of what comes meanwhile the last is written
 * next, for all who wait. @internal
 */
export class ProgressWriter {
  private writing: Promise<void> | null = null;
  private next: { progress: JobProgress; text: string; readonly written: Promise<void> } | null = null;

  constructor(
    private readonly run: RunningJob,
    private readonly claims: JobClaims,
    private readonly clock: Clock,
  ) {}

  /** @throws JobClaimLost @throws RangeError */
  async save(progress: JobProgress, within: Transaction<Tables> | undefined): Promise<void> {
    const text = boundedJson(progress, MAX_PROGRESS_BYTES, 'The progress of a job');
    this.assertHeld();
    if (within !== undefined) return this.write(progress, text, within);
    if (this.next !== null) {
      this.next.progress = progress;
      this.next.text = text;
      return this.next.written;
    }
    if (this.writing === null) return this.begin(progress, text);
    const written = this.writing
      .catch(() => undefined)
      .then(() => {
        const latest = this.next;
        this.next = null;
        return latest === null ? undefined : this.begin(latest.progress, latest.text);
      });
    this.next = { progress, text, written };
    return written;
  }

  /** Waits until nothing is being written. Never rejects. */
  async idle(): Promise<void> {
    for (;;) {
      const last = this.next?.written ?? this.writing;
      if (last === null) return;
      await last.catch(() => undefined);
    }
  }

  private begin(progress: JobProgress, text: string): Promise<void> {
    const writing = this.write(progress, text, undefined).finally(() => {
      this.writing = null;
    });
    this.writing = writing;
    return writing;
  }

  private async write(
    progress: JobProgress,
    text: string,
    within: Transaction<Tables> | undefined,
  ): Promise<void> {
    this.assertHeld();
    const { run } = this;
    const confirmedMs = this.clock.monotonicMs();
    const gotFurther = progress.done > run.furthest;
    const held = await this.claims.saveProgress(run.job, text, gotFurther, within);
    if (!held) {
      run.abort('claim-lost');
      throw new JobClaimLost(run.job.id);
    }
    // A transaction may still be rolled back; its renewal then never was.
    if (within === undefined) run.confirmedMs = Math.max(run.confirmedMs, confirmedMs);
    if (!gotFurther) return;
    run.furthest = Math.max(run.furthest, progress.done);
    run.attempts = 1;
  }

  private assertHeld(): void {
    if (this.run.ended || this.run.settling || this.run.stop === 'claim-lost')
      throw new JobClaimLost(this.run.job.id);
  }
}
