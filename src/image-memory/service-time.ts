/** Weight of the newest job in the moving average (chosen: twenty jobs back count for about a third). */
const NEWEST_SHARE = 0.05;

/** With fewer jobs seen there is no estimate, and no refusal because of one. */
const FEWEST_JOBS = 5;

/** How long jobs lately held their lease, and how many bytes: what the expected wait is computed from. */
export class ServiceTime {
  private jobs = 0;
  private meanMs = 0;
  private meanBytes = 0;

  record(heldMs: number, bytes: number): void {
    this.jobs += 1;
    // A plain mean at first, a moving one later.
    const share = Math.max(NEWEST_SHARE, 1 / this.jobs);
    this.meanMs += share * (Math.max(0, heldMs) - this.meanMs);
    this.meanBytes += share * (bytes - this.meanBytes);
  }

  /**
   * Milliseconds until a job behind `ahead` others starts, when `slots` run at once and `roomBytes` are there for all
   * of them; 0 while too little is known.
   */
  expectedWaitMs(ahead: number, slots: number, roomBytes: number): number {
    if (this.jobs < FEWEST_JOBS) return 0;
    const fit = this.meanBytes > 0 ? Math.floor(roomBytes / this.meanBytes) : slots;
    const parallel = Math.max(1, Math.min(slots, fit));
    // Those that run are half done on average.
    return this.meanMs * (ahead / parallel + 0.5);
  }

  snapshot(): { readonly jobs: number; readonly meanMs: number; readonly meanBytes: number } {
    return { jobs: this.jobs, meanMs: this.meanMs, meanBytes: this.meanBytes };
  }
}
