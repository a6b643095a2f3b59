import type { BackgroundTasks } from '../../../async-ops/index.js';
import type { Cancel, Clock } from '../../../clock/index.js';
import { isPlimsollError } from '../../../errors/index.js';
import type { BookmarkEvent, BookmarkStore } from '../../model/bookmark-store.js';
import { breathe } from '../feed/breathe.js';
import type { SliceSize } from '../feed/slice-size.js';
import { searchDocument } from '../search-document.js';
import { CompactIndex } from './compact-index.js';

/** A search catches up with this many changes itself; with more the database answers it. */
const MAX_CATCH_UP = 256;
/** A sweep holds the loop this long at a time, ms. */
const SWEEP_MS = 4;

/** What the owner of a follower decides, and hears. Each may stop the follower. */
export interface FollowerOwner {
  readonly clock: Clock;
  readonly store: BookmarkStore;
  readonly background: BackgroundTasks;
  readonly slices: SliceSize;
  /** Asked before each slice. */
  mustPause(follower: IndexFollower): boolean;
  /** The index has changed; `heldLoopMs` of one stretch. */
  changed(index: CompactIndex, heldLoopMs: number): void;
  /** It knows all bookmarks for the first time. */
  caughtUp(index: CompactIndex): void;
  /** The index may be broken. */
  failed(): void;
}

/**
 * One index in memory, built and kept in step through the change feed, in slices between which the event loop runs. Once
 * stopped it lets go of the index and stays stopped.
 */
export class IndexFollower {
  private held: CompactIndex | null = new CompactIndex();
  /** Position in the change feed up to which the index knows everything. */
  private position = 0;
  private hasCaughtUp = false;
  private running: Promise<void> | null = null;
  private cancelRun: Cancel | null = null;

  constructor(private readonly owner: FollowerOwner) {}

  /** `null` once stopped. */
  get index(): CompactIndex | null {
    return this.held;
  }

  /** Whether it knew everything once; from then on it is behind by a moment at most. */
  get isReady(): boolean {
    return this.hasCaughtUp && this.held !== null;
  }

  /** Also after it was stopped, until the last slice has ended. */
  get isRunning(): boolean {
    return this.running !== null;
  }

  stop(): void {
    this.cancelRun?.();
    this.cancelRun = null;
    this.held = null;
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  runAfter(delayMs: number): void {
    if (this.held === null || this.cancelRun !== null) return;
    this.cancelRun = this.owner.clock.after(delayMs, () => {
      this.cancelRun = null;
      this.run();
    });
  }

  /** One run at a time; it ends when the feed does. */
  run(): void {
    if (this.running !== null || this.held === null) return;
    const work = this.follow(this.held)
      .catch((error: unknown) => {
        // A database that is busy for a moment takes nothing away from the index.
        if (!isPlimsollError(error)) this.owner.failed();
        throw error;
      })
      .finally(() => {
        this.running = null;
      });
    this.running = work.catch(() => undefined);
    this.owner.background.detach(work, 'search.memory-index');
  }

  /** @returns whether the index knows everything that was committed when it was called */
  async catchUp(): Promise<boolean> {
    if (!this.isReady) {
      this.run();
      return false;
    }
    const latest = await this.owner.store.latestSeq();
    if (latest - this.position > MAX_CATCH_UP) {
      this.run();
      return false;
    }
    // What is under way may have read before the newest change: then one more round.
    for (let round = 0; round < 2 && this.position < latest; round++) {
      this.run();
      await this.running;
    }
    return this.isReady && this.position >= latest;
  }

  private async follow(index: CompactIndex): Promise<void> {
    const { clock, store, slices } = this.owner;
    while (this.held !== null) {
      if (this.owner.mustPause(this)) return;
      const fetchedMs = clock.monotonicMs();
      const events = await store.changesSince(this.position, slices.size);
      const fetchMs = clock.monotonicMs() - fetchedMs;
      // Reading held the loop already; applying is a stretch of its own.
      await breathe();
      if (this.held === null) return;
      if (events.length === 0) {
        this.noteCaughtUp(index);
        await this.sweep(index);
        return;
      }
      this.apply(index, events, fetchMs);
      await breathe();
    }
  }

  private apply(index: CompactIndex, events: readonly BookmarkEvent[], fetchMs: number): void {
    const { clock, slices } = this.owner;
    const startedMs = clock.monotonicMs();
    for (const event of events) {
      if (event.kind === 'saved') index.put(searchDocument(event.bookmark));
      else index.remove(event.id);
      this.position = event.seq;
    }
    const tookMs = clock.monotonicMs() - startedMs;
    slices.note(events.length, Math.max(tookMs, fetchMs));
    this.owner.changed(index, tookMs);
  }

  private noteCaughtUp(index: CompactIndex): void {
    if (this.hasCaughtUp) return;
    this.hasCaughtUp = true;
    this.owner.caughtUp(index);
  }

  private async sweep(index: CompactIndex): Promise<void> {
    const { clock } = this.owner;
    while (this.held !== null && index.needsSweep) {
      const startedMs = clock.monotonicMs();
      index.sweep(() => clock.monotonicMs() - startedMs >= SWEEP_MS);
      this.owner.changed(index, clock.monotonicMs() - startedMs);
      await breathe();
    }
  }
}
