/** The best `size` numbers of many, by a comparison, without sorting them all. */
export class TopHits {
  /** A heap whose root is the worst of the kept. */
  private readonly heap: number[] = [];

  /** @param compare less than 0 when the first comes before the second */
  constructor(
    private readonly size: number,
    private readonly compare: (a: number, b: number) => number,
  ) {}

  offer(hit: number): void {
    if (this.heap.length < this.size) {
      this.heap.push(hit);
      this.rise(this.heap.length - 1);
      return;
    }
    const worst = this.heap[0];
    if (worst === undefined || this.compare(hit, worst) >= 0) return;
    this.heap[0] = hit;
    this.sink();
  }

  /** Best first. */
  sorted(): number[] {
    return [...this.heap].sort(this.compare);
  }

  private rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.compareAt(at, parent) <= 0) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  private sink(): void {
    let at = 0;
    for (;;) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.heap.length && this.compareAt(child, worst) > 0) worst = child;
      }
      if (worst === at) return;
      this.swap(at, worst);
      at = worst;
    }
  }

  private compareAt(a: number, b: number): number {
    return this.compare(this.heap[a] as number, this.heap[b] as number);
  }

  private swap(a: number, b: number): void {
    const held = this.heap[a] as number;
    this.heap[a] = this.heap[b] as number;
    this.heap[b] = held;
  }
}
