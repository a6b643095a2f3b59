/**
 * A transaction of this length, ms: others wait no longer for their turn to write, and its one fsync is shared by
 * enough bookmarks. The engine itself lets the event loop go between two statements.
 */
const TARGET_MS = 100;
const FIRST = 50;
const LEAST = 10;
/** What is computed between two statements stays far under 20 ms. */
const MOST = 250;
/** The store writes 50 rows by one statement: whole ones are prepared once and used again. */
const STEP = 50;

/** How many bookmarks go into one transaction, learned from how long the last ones took. */
export class ChunkSize {
  private size = FIRST;

  get current(): number {
    return this.size < STEP ? Math.floor(this.size) : Math.floor(this.size / STEP) * STEP;
  }

  /** @param tookMs how long a transaction of `count` bookmarks took */
  learn(count: number, tookMs: number): void {
    if (count < this.current / 2) return;
    const fitting = (count * TARGET_MS) / Math.max(tookMs, 0.1);
    // down at once, up by steps: one slow chunk must not be followed by another
    this.size = Math.min(MOST, Math.max(LEAST, Math.min(fitting, this.size * 1.5)));
  }
}
