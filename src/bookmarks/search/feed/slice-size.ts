/** A slice that took this long was just right, ms: the loop may be held for 20 (the brief of the whole service), and a garbage collection may fall into it. */
const TARGET_MS = 4;

/** How many documents the next slice takes, by how long the last ones took. */
export class SliceSize {
  private held: number;

  /** @param first size of the first slice, small enough for a machine that nobody knows yet */
  constructor(
    first: number,
    private readonly most: number,
  ) {
    this.held = first;
  }

  get size(): number {
    return this.held;
  }

  /** @param documents how many the slice had; `tookMs` how long the loop was held by its longest stretch */
  note(documents: number, tookMs: number): void {
    if (documents === 0) return;
    const fitting = Math.floor((documents * TARGET_MS) / Math.max(tookMs, 0.01));
    // Down at once, up by half: the next documents may be longer.
    this.held = Math.max(1, Math.min(this.most, fitting, Math.ceil(this.held * 1.5)));
  }
}
