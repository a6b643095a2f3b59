import { MemoryBudgetExceededError, MemoryPressureError, PlimsollError } from '../errors/index.js';
import type { MemoryLevel } from '../events/index.js';
import { retryAfterSeconds } from './retry-after.js';

export interface RefusalCounts {
  tooLarge: number;
  pressure: number;
  busy: number;
}

export interface RefusalContext {
  readonly level: () => MemoryLevel;
  readonly stuck: () => boolean;
  /** 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
}

/** Makes and counts the errors by which work is refused before it starts: what was wanted, what is left, what to do. */
export class Refusals {
  private readonly made: RefusalCounts = { tooLarge: 0, pressure: 0, busy: 0 };

  constructor(private readonly context: RefusalContext) {}

  get counts(): Readonly<RefusalCounts> {
    return { ...this.made };
  }

  /** Permanent: it can never fit. */
  tooLarge(wantedBytes: number, capBytes: number): MemoryBudgetExceededError {
    this.made.tooLarge += 1;
    return new MemoryBudgetExceededError(Math.ceil(wantedBytes), Math.floor(capBytes));
  }

  /** Not now, because of memory. */
  pressure(wantedBytes: number, reservedBytes: number): MemoryPressureError {
    const wanted = Math.ceil(wantedBytes);
    return this.shortOfMemory(
      `the operation needs about ${wanted} bytes and ${reservedBytes} are reserved by others`,
      { wantedBytes: wanted, reservedBytes },
    );
  }

  /** Not now, because of the rung, whatever the size. */
  closed(): MemoryPressureError {
    const level = this.context.level();
    return this.shortOfMemory(`at level "${level}" no new image work is started`, { level });
  }

  /** Not now, because of those who wait already. */
  busy(reason: string, waiting: number, expectedWaitMs: number): PlimsollError {
    this.made.busy += 1;
    return new PlimsollError('server-busy', `${reason} Retry later.`, {
      retryAfterSeconds: this.retryAfter(expectedWaitMs),
      details: { waiting, expectedWaitMs: Math.round(expectedWaitMs) },
    });
  }

  shuttingDown(): PlimsollError {
    return new PlimsollError('shutting-down', 'The server is draining and starts no new work.');
  }

  private shortOfMemory(reason: string, details: Record<string, string | number>): MemoryPressureError {
    this.made.pressure += 1;
    return new MemoryPressureError(`Memory is short: ${reason}. Retry later.`, {
      retryAfterSeconds: this.retryAfter(0),
      details,
    });
  }

  private retryAfter(expectedWaitMs: number): number {
    const { level, stuck, random } = this.context;
    return retryAfterSeconds(level(), stuck(), random(), expectedWaitMs);
  }
}
