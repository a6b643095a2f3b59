import { Logger } from '@nestjs/common';
import type { Intervals } from '../async-ops/index.js';
import type { Cancel } from '../clock/index.js';
import type { JobKinds } from './job-kinds.js';
import type { JobPruning } from './job-pruning.js';
import type { JobTakeUp } from './job-take-up.js';
import type { JobTally } from './job-tally.js';
import { HEARTBEAT_MS, type RunningJobs } from './running-jobs.js';

/** Jobs of a dead process wait for this long after the end of their lease at most, ms. */
const TAKE_UP_MS = 15_000;

const PRUNE_MS = 300_000;

/** Which interrupted jobs are taken up at start. `null`: those alone whose lease is over. */
export type OrphanCheck = ((claim: string) => boolean) | null;

/** What is done again and again: claims renewed, interrupted jobs put back, old ones forgotten. @internal */
export class JobUpkeep {
  private readonly logger = new Logger('Jobs');
  private readonly stops: Cancel[] = [];
  private readonly stopped = new AbortController();

  constructor(
    private readonly running: RunningJobs,
    private readonly takeUp: JobTakeUp,
    private readonly pruning: JobPruning,
    private readonly kinds: JobKinds,
    private readonly intervals: Intervals,
    private readonly tally: JobTally,
  ) {}

  /** Puts back what an earlier process left, then keeps at it. `onTakenUp`: something waits again. Does not reject. */
  async start(isOrphan: OrphanCheck, onTakenUp: () => void): Promise<void> {
    const every = (name: string, everyMs: number, task: () => Promise<void>): void =>
      void this.stops.push(this.intervals.every(name, everyMs, task));
    every('jobs.heartbeat', HEARTBEAT_MS, () => this.running.heartbeat());
    every('jobs.take-up', TAKE_UP_MS, () => this.takeUpExpired(onTakenUp));
    every('jobs.prune', PRUNE_MS, () => this.prune());
    try {
      if (isOrphan !== null) this.noteTakenUp(await this.takeUp.orphaned(isOrphan));
      await this.takeUpExpired(onTakenUp);
    } catch (error) {
      this.logger.warn(
        `Interrupted jobs could not be taken up at start; their leases will run out: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  stop(): void {
    this.stopped.abort();
    for (const stop of this.stops.splice(0)) stop();
  }

  private async takeUpExpired(onTakenUp: () => void): Promise<void> {
    const count = await this.takeUp.expired((claim) => this.running.owns(claim));
    this.noteTakenUp(count);
    if (count > 0) onTakenUp();
  }

  private noteTakenUp(count: number): void {
    this.tally.takenUp += count;
    if (count > 0) this.logger.log(`Taken up: ${count} interrupted jobs.`);
  }

  private async prune(): Promise<void> {
    for (const { kind, keepMs } of this.kinds.all()) {
      if (this.stopped.signal.aborted) return;
      this.tally.pruned += await this.pruning.prune(kind, keepMs, this.stopped.signal);
    }
  }
}
