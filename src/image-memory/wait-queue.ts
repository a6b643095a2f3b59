import type { LeaseClass } from './lease.js';

/** What the queue must know of one who waits. */
export interface Waiter {
  readonly bytes: number;
  readonly class: LeaseClass;
}

/** Interactive work gets four bytes for each byte of background work while both wait. */
const SHARES: Readonly<Record<LeaseClass, number>> = { interactive: 4, background: 1 };

/** Work without bytes still takes a turn (chosen: the smallest estimate's order). */
const SMALLEST_CHARGE_BYTES = 1024 ** 2;

const CLASSES: readonly LeaseClass[] = ['interactive', 'background'];

/**
 * Those who wait, first come first served within a class, classes by weighted fair queueing: each has a virtual time
 * that advances by bytes served over its share, and the class that is behind goes first. A class that had nobody
 * waiting starts level with the other: it cannot save up turns.
 */
export class WaitQueue<W extends Waiter> {
  private readonly waiting: Readonly<Record<LeaseClass, Set<W>>> = {
    interactive: new Set(),
    background: new Set(),
  };
  private readonly virtualTime: Record<LeaseClass, number> = { interactive: 0, background: 0 };
  private waitingBytes = 0;

  /** @param maxItems most who wait at once; @param maxBytes most that they want together */
  constructor(
    readonly maxItems: number,
    readonly maxBytes: number,
  ) {}

  get size(): number {
    return this.waiting.interactive.size + this.waiting.background.size;
  }

  get bytes(): number {
    return this.waitingBytes;
  }

  countOf(name: LeaseClass): number {
    return this.waiting[name].size;
  }

  hasRoomFor(bytes: number): boolean {
    return this.size < this.maxItems && (this.size === 0 || this.waitingBytes + bytes <= this.maxBytes);
  }

  push(waiter: W): void {
    const { class: name } = waiter;
    if (this.waiting[name].size === 0) {
      const other = name === 'interactive' ? 'background' : 'interactive';
      const levelWith = this.waiting[other].size > 0 ? this.virtualTime[other] : 0;
      this.virtualTime[name] = Math.max(this.virtualTime[name], levelWith);
    }
    this.waiting[name].add(waiter);
    this.waitingBytes += waiter.bytes;
  }

  /** `false` when it does not wait (any more). */
  remove(waiter: W): boolean {
    if (!this.waiting[waiter.class].delete(waiter)) return false;
    this.waitingBytes -= waiter.bytes;
    if (this.size === 0) this.virtualTime.interactive = this.virtualTime.background = 0;
    return true;
  }

  /** Takes out one who is served and charges its class; `false` when it no longer waits. */
  serve(waiter: W): boolean {
    if (!this.waiting[waiter.class].has(waiter)) return false;
    this.virtualTime[waiter.class] += Math.max(waiter.bytes, SMALLEST_CHARGE_BYTES) / SHARES[waiter.class];
    return this.remove(waiter);
  }

  /** Who is next; background work is passed over while it is paused. */
  head(backgroundPaused: boolean): W | undefined {
    return this.inOrder(backgroundPaused).next().value ?? undefined;
  }

  /** All who may be served, the class that goes first before the other. */
  *inOrder(backgroundPaused: boolean): Generator<W, undefined> {
    // A pause saves up no turns either.
    if (backgroundPaused) {
      this.virtualTime.background = Math.max(this.virtualTime.background, this.virtualTime.interactive);
    }
    const { interactive, background } = this.virtualTime;
    const order =
      background < interactive && this.waiting.background.size > 0 ? [...CLASSES].reverse() : CLASSES;
    for (const name of order) {
      if (name === 'interactive' || !backgroundPaused) yield* this.waiting[name];
    }
    return undefined;
  }

  /** How many are served before one who joins this class now. */
  aheadOf(name: LeaseClass): number {
    const { interactive, background } = this.waiting;
    if (name === 'background') return interactive.size + background.size;
    const turns = Math.ceil((interactive.size * SHARES.background) / SHARES.interactive);
    return interactive.size + Math.min(background.size, turns);
  }

  /** A copy, so that the caller may remove while it walks. */
  all(name?: LeaseClass): readonly W[] {
    return name === undefined
      ? [...this.waiting.interactive, ...this.waiting.background]
      : [...this.waiting[name]];
  }
}
