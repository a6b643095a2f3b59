import type { JobCounters } from './job-queue.js';

/** What this process did, changed in place. @internal */
export class JobTally {
  enqueued = 0;
  claimed = 0;
  done = 0;
  retried = 0;
  postponed = 0;
  failed = 0;
  cancelled = 0;
  takenUp = 0;
  claimsLost = 0;
  abandoned = 0;
  pruned = 0;
  polls = 0;
  pollErrors = 0;

  /** @param lingering handlers that were left behind and still run */
  view(lingering: number): JobCounters {
    return { ...this, lingering };
  }
}
