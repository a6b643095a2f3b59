type Column = Uint8Array | Uint32Array | Float64Array;

/** A typed array that grows by half when it is full; what is new reads as 0. */
export class GrowingArray<A extends Column> {
  private held: A;

  constructor(
    private readonly make: (length: number) => A,
    length: number,
  ) {
    this.held = make(length);
  }

  /** The values; a new array after {@link reserve}. */
  get values(): A {
    return this.held;
  }

  get bytes(): number {
    return this.held.byteLength;
  }

  reserve(length: number): void {
    if (length <= this.held.length) return;
    const grown = this.make(Math.max(length, Math.ceil(this.held.length * 1.5)));
    grown.set(this.held as never);
    this.held = grown;
  }
}
