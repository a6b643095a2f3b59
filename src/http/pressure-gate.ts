import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MemoryLevel } from '../events/index.js';
import { sendProblem } from './problem.js';
import { isExemptTarget } from './route-policy.js';

/** Where the gate learns how memory stands. Called for every request: it must be cheap. */
export type LevelSource = () => MemoryLevel;

/** Base of `Retry-After` by rung; drawn to its one- to twofold, so that the refused do not return together. */
const RETRY_AFTER_SECONDS = { critical: 5, emergency: 10 } as const;

/** While draining: by then another instance, or the next one, listens. */
const DRAINING_RETRY_AFTER_SECONDS = 2;

export interface GateSnapshot {
  readonly refusedForMemory: number;
  readonly refusedWhileDraining: number;
}

/**
 * The gate in front of the router: from `critical` up, and while draining, every route but the exempt ones is
 * refused before anything is allocated for it.
 */
export class PressureGate {
  private refusedForMemory = 0;
  private refusedWhileDraining = 0;

  /** `random` gives 0 to 1. */
  constructor(
    private readonly level: LevelSource,
    private readonly isDraining: () => boolean,
    private readonly random: () => number = Math.random,
  ) {}

  /** Answers and returns `true` when the request must not go on. */
  refuse(request: IncomingMessage, response: ServerResponse): boolean {
    const draining = this.isDraining();
    const level = this.level();
    if (!draining && level !== 'critical' && level !== 'emergency') return false;
    if (isExemptTarget(request.url ?? '/')) return false;

    if (draining) {
      this.refusedWhileDraining += 1;
      response.shouldKeepAlive = false;
      sendProblem(request, response, {
        code: 'shutting-down',
        detail: 'This instance is shutting down; ask again and another one will answer.',
        retryAfterSeconds: DRAINING_RETRY_AFTER_SECONDS,
      });
      return true;
    }
    this.refusedForMemory += 1;
    response.setHeader('X-System-Status', 'MEMORY_CRITICAL');
    sendProblem(request, response, {
      code: 'memory-pressure',
      detail:
        'The memory line is close: nothing is accepted until memory is back. Ask again after the given time.',
      retryAfterSeconds: RETRY_AFTER_SECONDS[level as 'critical' | 'emergency'] * (1 + this.random()),
    });
    return true;
  }

  snapshot(): GateSnapshot {
    return { refusedForMemory: this.refusedForMemory, refusedWhileDraining: this.refusedWhileDraining };
  }
}
