import type { LeaseClass } from '../image-memory/index.js';

/** What a service may know of the request that asks: never the request itself. */
export interface RequestContext {
  /** The raw `Accept` header. */
  readonly accept: string | undefined;
  /** Who is charged for uncached work; `null` for work of the server's own, which no client pays for. */
  readonly clientId: string | null;
  /**
   * Whether somebody waits for the answer. `background` work comes after those who do, pauses from `coordinate` up,
   * and makes for the store: it brings nothing into memory that nobody has asked for yet.
   */
  readonly class: LeaseClass;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** Where the milliseconds of one request went; each step adds to its own. */
export class RequestTiming {
  private readonly spentMs = new Map<string, number>();

  add(step: 'queue' | 'fetch' | 'decode' | 'store', ms: number): void {
    this.spentMs.set(step, (this.spentMs.get(step) ?? 0) + ms);
  }

  /** As a `Server-Timing` value; empty when nothing was measured. */
  toHeader(): string {
    return [...this.spentMs].map(([step, ms]) => `${step};dur=${ms.toFixed(1)}`).join(', ');
  }
}
