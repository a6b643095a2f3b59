/** Slots of a new table, and the share of them that may be taken before it grows by half. */
const FIRST_SLOTS = 16;
const MAX_LOAD = 0.85;

/** Bytes of one slot: hash 16, generation 8, size 4, last use 8, kind 1. */
export const SLOT_BYTES = 37;

/**
 * A hash table in typed arrays with open addressing: what a `Map` of objects holds in 200 bytes an entry takes
 * about 50 here, outside the heap. Keys are 128-bit hashes, so their own bits choose the slot. Removing shifts
 * the run behind it back, so there are no tombstones.
 */
export class IndexTable {
  hashes = new Uint32Array(FIRST_SLOTS * 4);
  generations = new Uint32Array(FIRST_SLOTS * 2);
  sizes = new Uint32Array(FIRST_SLOTS);
  lastUses = new Float64Array(FIRST_SLOTS);
  /** 0 is an empty slot. */
  kinds = new Uint8Array(FIRST_SLOTS);
  count = 0;

  get slots(): number {
    return this.kinds.length;
  }

  /** The slot that holds the hash, or -1. */
  find(hash: Uint32Array): number {
    const slots = this.slots;
    for (
      let slot = home(hash[3] ?? 0, slots);
      this.kinds[slot] !== 0;
      slot = slot + 1 === slots ? 0 : slot + 1
    ) {
      if (this.holds(slot, hash)) return slot;
    }
    return -1;
  }

  /** The slot that holds the hash, or a fresh one whose kind the caller sets. */
  claim(hash: Uint32Array): number {
    const found = this.find(hash);
    if (found >= 0) return found;
    if (this.count + 1 > this.slots * MAX_LOAD) this.grow();
    const slots = this.slots;
    let slot = home(hash[3] ?? 0, slots);
    while (this.kinds[slot] !== 0) slot = slot + 1 === slots ? 0 : slot + 1;
    this.hashes.set(hash, slot * 4);
    this.count += 1;
    return slot;
  }

  remove(slot: number): void {
    const slots = this.slots;
    let hole = slot;
    let next = slot;
    for (;;) {
      next = next + 1 === slots ? 0 : next + 1;
      if (this.kinds[next] === 0) break;
      const from = home(this.hashes[next * 4 + 3] ?? 0, slots);
      // The entry may move into the hole unless its home lies behind the hole, within the run.
      const stays = hole <= next ? from > hole && from <= next : from > hole || from <= next;
      if (stays) continue;
      this.copy(this, next, hole);
      hole = next;
    }
    this.kinds[hole] = 0;
    this.count -= 1;
  }

  private holds(slot: number, hash: Uint32Array): boolean {
    const at = slot * 4;
    const own = this.hashes;
    return (
      own[at] === hash[0] && own[at + 1] === hash[1] && own[at + 2] === hash[2] && own[at + 3] === hash[3]
    );
  }

  private grow(): void {
    const larger = new IndexTable();
    larger.allocate(Math.ceil(this.slots * 1.5));
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.kinds[slot] === 0) continue;
      const target = larger.claim(this.hashes.subarray(slot * 4, slot * 4 + 4));
      larger.copy(this, slot, target);
    }
    this.hashes = larger.hashes;
    this.generations = larger.generations;
    this.sizes = larger.sizes;
    this.lastUses = larger.lastUses;
    this.kinds = larger.kinds;
  }

  private allocate(slots: number): void {
    this.hashes = new Uint32Array(slots * 4);
    this.generations = new Uint32Array(slots * 2);
    this.sizes = new Uint32Array(slots);
    this.lastUses = new Float64Array(slots);
    this.kinds = new Uint8Array(slots);
  }

  private copy(source: IndexTable, from: number, to: number): void {
    for (let word = 0; word < 4; word++) this.hashes[to * 4 + word] = source.hashes[from * 4 + word] ?? 0;
    this.generations[to * 2] = source.generations[from * 2] ?? 0;
    this.generations[to * 2 + 1] = source.generations[from * 2 + 1] ?? 0;
    this.sizes[to] = source.sizes[from] ?? 0;
    this.lastUses[to] = source.lastUses[from] ?? 0;
    this.kinds[to] = source.kinds[from] ?? 0;
  }
}

const home = (word: number, slots: number): number => word % slots;
