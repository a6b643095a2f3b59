interface Pin {
  holders: number;
  /** What to do when the last holder lets go: the data file has been replaced, deleted or evicted meanwhile. */
  onRelease: (() => void) | null;
}

/** Data files that someone may open by path: their removal waits for the last holder. */
export class Pins {
  private readonly pins = new Map<string, Pin>();

  /** Data files held now. */
  get size(): number {
    return this.pins.size;
  }

  isPinned(generation: string): boolean {
    return this.pins.has(generation);
  }

  /** Holds until the returned function is called; calling it again is harmless. */
  hold(generation: string): () => void {
    const pin = this.pins.get(generation) ?? { holders: 0, onRelease: null };
    this.pins.set(generation, pin);
    pin.holders += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      pin.holders -= 1;
      if (pin.holders > 0) return;
      this.pins.delete(generation);
      pin.onRelease?.();
    };
  }

  /** Runs `task` when the last holder lets go. `false` when nobody holds it: then it is the caller's, now. */
  defer(generation: string, task: () => void): boolean {
    const pin = this.pins.get(generation);
    if (pin === undefined) return false;
    pin.onRelease = task;
    return true;
  }
}
