/** Chosen: half a mebibyte, fixed. */
const SLOTS = 65_536;

/** Bytes that the memo holds, always. */
export const VERIFIED_MEMO_BYTES = SLOTS * 8;

/** Hex digits that fit a double exactly. */
const DIGITS = 13;

/**
 * Which generations had their checksum verified by this process. A table of fixed size: a newer entry may
 * displace an older one, which is then verified again. Generations are unique, so a rewrite needs no forgetting.
 */
export class VerifiedMemo {
  private readonly slots = new Float64Array(SLOTS);

  has(generation: string): boolean {
    const mark = markOf(generation);
    return this.slots[mark % SLOTS] === mark;
  }

  add(generation: string): void {
    const mark = markOf(generation);
    this.slots[mark % SLOTS] = mark;
  }
}

/** Plus one, because an empty slot is 0. */
const markOf = (generation: string): number => Number.parseInt(generation.slice(-DIGITS), 16) + 1;
