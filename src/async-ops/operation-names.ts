import type { NamedOperationCounts, OperationCounts, OperationOutcome } from './operation.js';

/** Counters of one name, changed in place. @internal */
export class OperationTally {
  started = 0;
  running = 0;
  detached = 0;
  completed = 0;
  failed = 0;
  timeout = 0;
  aborted = 0;
  totalMs = 0;
  maxMs = 0;
  lastError: string | null = null;
  lastErrorAt: number | null = null;

  constructor(
    readonly context: string,
    readonly name: string,
  ) {}

  end(outcome: OperationOutcome, durationMs: number): void {
    this.running -= 1;
    this[outcome] += 1;
    this.totalMs += durationMs;
    if (durationMs > this.maxMs) this.maxMs = durationMs;
  }

  view(): NamedOperationCounts {
    return { ...this };
  }
}

const COUNTS = ['started', 'running', 'detached', 'completed', 'failed', 'timeout', 'aborted'] as const;

/**
 * The counters by context and name. Names are meant to be a handful; should a caller put data into one, all that
 * come after the cap share `other`. @internal
 */
export class OperationNames {
  private readonly contexts = new Map<string, Map<string, OperationTally>>();
  private readonly overflow = new OperationTally('other', 'other');
  private size = 0;

  constructor(private readonly capacity: number) {}

  tally(context: string, name: string): OperationTally {
    return this.contexts.get(context)?.get(name) ?? this.add(context, name);
  }

  /** Names that started at least once. */
  *all(): Generator<OperationTally> {
    for (const names of this.contexts.values()) yield* names.values();
    if (this.overflow.started > 0) yield this.overflow;
  }

  sum(): OperationCounts {
    const sum = { started: 0, running: 0, detached: 0, completed: 0, failed: 0, timeout: 0, aborted: 0 };
    for (const tally of this.all()) for (const count of COUNTS) sum[count] += tally[count];
    return sum;
  }

  private add(context: string, name: string): OperationTally {
    if (this.size >= this.capacity) return this.overflow;
    const tally = new OperationTally(context, name);
    const names = this.contexts.get(context);
    if (names === undefined) this.contexts.set(context, new Map([[name, tally]]));
    else names.set(name, tally);
    this.size += 1;
    return tally;
  }
}
