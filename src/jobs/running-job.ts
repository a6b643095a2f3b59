import type { ClaimedJob } from './job-claims.js';
import type { StopReason } from './job-outcome.js';

/** One run under way: its claim, what it was told, and how far it got. @internal */
export class RunningJob {
  private readonly controller = new AbortController();
  private readonly released: Promise<void>;
  private stopReason: StopReason | null = null;
  /** Ends the wait for a handler that does not end. */
  release: () => void = () => undefined;
  /** Attempts in a row that did not get further, this one included. */
  attempts: number;
  /** The largest `done` that was saved. */
  furthest: number;
  /** Its outcome is being written: a heartbeat that misses it proves nothing. */
  settling = false;
  ended = false;

  /** @param confirmedMs monotonic time before the claim was made or last renewed */
  constructor(
    readonly job: ClaimedJob,
    public confirmedMs: number,
  ) {
    this.attempts = job.attempts;
    this.furthest = job.progress?.done ?? 0;
    this.released = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get stop(): StopReason | null {
    return this.stopReason;
  }

  /** Resolves with {@link release}. */
  whenReleased(): Promise<void> {
    return this.released;
  }

  /** Tells the handler to end. A lost claim outweighs other reasons: then nothing may be written. */
  abort(reason: StopReason): void {
    if (this.stopReason === null || reason === 'claim-lost') this.stopReason = reason;
    this.controller.abort(new Error(`The job was told to stop: ${reason}.`));
  }
}
