import type { OperationView } from './operation.js';

/** A ring of the operations that ended last. @internal */
export class OperationHistory {
  private readonly ring: OperationView[] = [];
  private next = 0;

  constructor(private readonly capacity: number) {}

  push(view: OperationView): void {
    this.ring[this.next] = view;
    this.next = (this.next + 1) % this.capacity;
  }

  /** Newest first. */
  *newestFirst(): Generator<OperationView> {
    for (let back = 1; back <= this.ring.length; back += 1) {
      const view = this.ring[(this.next - back + this.capacity) % this.capacity];
      if (view !== undefined) yield view;
    }
  }

  find(id: number): OperationView | undefined {
    return this.ring.find((view) => view.id === id);
  }

  get size(): number {
    return this.ring.length;
  }
}
