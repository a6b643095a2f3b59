import type { JobGate } from './job-queue.js';
import type { JobKind } from './job.js';
import type { RunningJobs } from './running-jobs.js';

/** Most jobs at once in this process, of all kinds together (chosen: the largest ENRICHMENT_CONCURRENCY fits). */
const MAX_RUNNING = 64;

/** So many handlers of a kind that do not end are written off; more of them keep their slots. */
const MAX_WRITTEN_OFF = 8;

/** What may start now: the declared kinds, their free slots, who holds the queue, and the gate. @internal */
export class JobKinds {
  private readonly kinds = new Map<string, JobKind<unknown>>();
  private readonly holds = new Map<symbol, string>();

  constructor(
    private readonly running: RunningJobs,
    private readonly gate: JobGate | undefined,
  ) {}

  /** @throws Error when the kind is taken or its figures make no sense: a fault of the program */
  define<P>(kind: JobKind<P>): void {
    if (this.kinds.has(kind.kind)) throw new Error(`The kind of job "${kind.kind}" is declared twice.`);
    if (!(kind.concurrency >= 1) || !(kind.timeoutMs > 0) || !(kind.keepMs >= 0)) {
      throw new Error(
        `The kind of job "${kind.kind}" needs a concurrency of 1 or more, a deadline and a time to keep.`,
      );
    }
    this.kinds.set(kind.kind, kind as JobKind<unknown>);
  }

  get(kind: string): JobKind<unknown> | undefined {
    return this.kinds.get(kind);
  }

  all(): Iterable<JobKind<unknown>> {
    return this.kinds.values();
  }

  /** @returns what ends the hold; harmless when called twice */
  hold(reason: string): () => void {
    const key = Symbol(reason);
    this.holds.set(key, reason);
    return () => void this.holds.delete(key);
  }

  get holders(): readonly string[] {
    return [...this.holds.values()];
  }

  /** Kinds of which one may start now, with how many; the total is not divided among them. */
  slots(): ReadonlyMap<string, number> {
    const slots = new Map<string, number>();
    const total = MAX_RUNNING - this.running.size;
    if (this.holds.size > 0 || total < 1) return slots;
    const mayStart = this.gate?.mayStart() ?? true;
    for (const { kind, concurrency, gate } of this.kinds.values()) {
      if (gate === 'memory' && !mayStart) continue;
      const stuck = Math.max(0, this.running.lingeringOf(kind) - MAX_WRITTEN_OFF);
      const free = Math.min(total, concurrency - this.running.runningOf(kind) - stuck);
      if (free > 0) slots.set(kind, free);
    }
    return slots;
  }

  /** How many jobs of a kind a handler that was left behind still runs, at most; see {@link isHeldBack}. */
  heldBackOf(kind: string): number {
    return this.running.lingeringOf(kind);
  }

  /** Whether a handler still runs this job, be it over or not. */
  isHeldBack(id: string): boolean {
    return this.running.has(id);
  }
}
