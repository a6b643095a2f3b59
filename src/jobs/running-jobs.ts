import type { AsyncOperationsMonitor } from '../async-ops/index.js';
import type { Clock } from '../clock/index.js';
import { LEASE_MS, type JobClaims } from './job-claims.js';
import type { RunningJob } from './running-job.js';

/** Three chances before a lease is over. */
export const HEARTBEAT_MS = LEASE_MS / 3;

/** A heartbeat that takes longer than this is as good as none, ms. */
const HEARTBEAT_TIMEOUT_MS = LEASE_MS / 4;

/** What runs in this process, and the claims of it. @internal */
export class RunningJobs {
  private readonly runs = new Map<string, RunningJob>();
  /** Kinds of handlers that were left behind and still run, by id. */
  private readonly left = new Map<string, string>();
  private onIdle: () => void = () => undefined;

  constructor(
    private readonly claims: JobClaims,
    private readonly operations: AsyncOperationsMonitor,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.runs.size;
  }

  get lingering(): number {
    return this.left.size;
  }

  runningOf(kind: string): number {
    let count = 0;
    for (const { job } of this.runs.values()) if (job.kind === kind) count += 1;
    return count;
  }

  lingeringOf(kind: string): number {
    let count = 0;
    for (const leftKind of this.left.values()) if (leftKind === kind) count += 1;
    return count;
  }

  /** Whether a handler runs this job, left behind or not: it must not start beside itself. */
  has(id: string): boolean {
    return this.runs.has(id) || this.left.has(id);
  }

  owns(claim: string): boolean {
    for (const { job } of this.runs.values()) if (job.claim === claim) return true;
    return false;
  }

  add(run: RunningJob): void {
    this.runs.set(run.job.id, run);
  }

  remove(run: RunningJob): void {
    run.ended = true;
    this.runs.delete(run.job.id);
    if (this.runs.size === 0) this.onIdle();
  }

  /** The handler did not end: its job is over, but `settled` is not. */
  leave({ job }: RunningJob, settled: Promise<unknown>): void {
    this.left.set(job.id, job.kind);
    const forget = (): void => void this.left.delete(job.id);
    settled.then(forget, forget);
  }

  /** Renews all claims; runs that lost theirs, and those that someone cancelled, are told to stop. */
  async heartbeat(): Promise<void> {
    const runs = [...this.runs.values()].filter(({ settling }) => !settling);
    if (runs.length === 0) return;
    const startedMs = this.clock.monotonicMs();
    try {
      const claims = runs.map(({ job }) => job.claim);
      const held = await this.operations.monitoredAsync(
        'jobs',
        'jobs.heartbeat',
        () => this.claims.renew(claims),
        { timeoutMs: HEARTBEAT_TIMEOUT_MS },
      );
      for (const run of runs) {
        const claim = held.get(run.job.claim);
        if (claim !== undefined) run.confirmedMs = Math.max(run.confirmedMs, startedMs);
        if (claim?.isCancelled === true) run.abort('cancelled');
        if (claim === undefined && !run.settling && !run.ended) run.abort('claim-lost');
      }
    } finally {
      this.dropUnconfirmed(runs);
    }
  }

  cancel(id: string): void {
    this.runs.get(id)?.abort('cancelled');
  }

  stopAll(): void {
    for (const run of this.runs.values()) run.abort('shutdown');
  }

  /**
   * Waits until all runs have ended and are written down. Handlers that have not ended after `graceMs` are left
   * behind; their jobs are written down all the same.
   */
  async idle(graceMs: number): Promise<void> {
    if (this.runs.size === 0) return;
    const cancel = this.clock.after(graceMs, () => {
      for (const run of this.runs.values()) run.release();
    });
    await new Promise<void>((resolve) => {
      this.onIdle = resolve;
    });
    cancel();
  }

  /** The next heartbeat would come after the end of their lease: another process may have them by then. */
  private dropUnconfirmed(runs: readonly RunningJob[]): void {
    const oldestMs = this.clock.monotonicMs() - (LEASE_MS - HEARTBEAT_MS);
    for (const run of runs) if (!run.settling && run.confirmedMs <= oldestMs) run.abort('claim-lost');
  }
}
