/** A small, repeatable source of numbers: the same seed gives the same numbers again. */
export class Seeded {
  private state: number;

  constructor(readonly seed: number) {
    this.state = seed >>> 0;
  }

  /** From `least` to `most`, both included. */
  integer(least: number, most: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return least + Math.floor((this.state / 2 ** 32) * (most - least + 1));
  }
}
