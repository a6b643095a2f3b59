import { FACET_MARK } from '../query/facet.js';
import { GrowingArray } from './growing-array.js';

/** Characters (UTF-16 units) of one page: 64 KiB. A token is shorter, and lies in one page. */
const PAGE_UNITS = 32_768;
const FIRST_TERMS = 1_024;

/** The hash table is split so that no part takes long to grow. */
const SHARDS = 32;
const FIRST_SLOTS = 64;

const FACET_UNIT = FACET_MARK.charCodeAt(0);

/**
 * Every word once, numbered in the order of its coming. All of it lies in typed arrays: a word takes about 45 bytes, no
 * object of the heap, and nothing that a garbage collection must walk. Whole words are found by hash. Beginnings and near
 * words are found by going through all of them, a few nanoseconds each, for the columns of lengths, first characters
 * and letters rule nearly all of them out.
 */
export class TermDictionary {
  private readonly pages: Uint16Array[] = [];
  private pageUsed = PAGE_UNITS;
  private count = 0;
  private readonly starts = column32();
  private readonly lengths = new GrowingArray((length) => new Uint8Array(length), FIRST_TERMS);
  private readonly hashes = column32();
  /** The first two characters. */
  private readonly heads = column32();
  /** A bit for each letter in it, letters that are 32 apart sharing one. */
  private readonly letters = column32();
  /** Numbers plus one by hash, 0 where nothing is; at most half full. */
  private readonly shards = Array.from({ length: SHARDS }, () => ({
    slots: new Uint32Array(FIRST_SLOTS),
    used: 0,
  }));

  get size(): number {
    return this.count;
  }

  get bytes(): number {
    const columns = [this.starts, this.lengths, this.hashes, this.heads, this.letters];
    return (
      this.pages.length * PAGE_UNITS * 2 +
      columns.reduce((sum, { bytes }) => sum + bytes, 0) +
      this.shards.reduce((sum, { slots }) => sum + slots.byteLength, 0)
    );
  }

  /** Number of a word; `undefined` when it is not there. */
  find(token: string): number | undefined {
    const hash = hashOf(token);
    const { slots } = this.shardOf(hash);
    const mask = slots.length - 1;
    for (let slot = (hash >>> 5) & mask; ; slot = (slot + 1) & mask) {
      const held = slots[slot] as number;
      if (held === 0) return undefined;
      if (this.hashes.values[held - 1] === hash && this.isAt(held - 1, token)) return held - 1;
    }
  }

  /** Adds a word that is not there, of at most 255 units. @returns its number */
  add(token: string): number {
    const term = this.count++;
    const hash = hashOf(token);
    for (const column of [this.starts, this.lengths, this.hashes, this.heads, this.letters])
      column.reserve(this.count);
    this.starts.values[term] = this.keep(token);
    this.lengths.values[term] = token.length;
    this.hashes.values[term] = hash;
    this.heads.values[term] = headOf(token);
    this.letters.values[term] = lettersOf(token);
    this.enter(term, hash);
    return term;
  }

  token(term: number): string {
    const start = this.starts.values[term] as number;
    const page = this.pages[Math.floor(start / PAGE_UNITS)] as Uint16Array;
    const offset = start % PAGE_UNITS;
    const units = page.subarray(offset, offset + (this.lengths.values[term] as number));
    return String.fromCharCode.apply(null, units as unknown as number[]);
  }

  lengthOf(term: number): number {
    return this.lengths.values[term] as number;
  }

  /** Numbers of the longer words that begin so, oldest first. */
  beginningWith(beginning: string): number[] {
    const found: number[] = [];
    this.someBeginningWith(beginning, (term) => {
      found.push(term);
      return false;
    });
    return found;
  }

  /** Whether `test` holds for one of the longer words that begin so; the first one ends it. */
  someBeginningWith(beginning: string, test: (term: number) => boolean): boolean {
    // Signed, as bit operations answer: unsigned ones above 2^31 would be numbers on the heap.
    const head = headOf(beginning) | 0;
    const mask = beginning.length === 1 ? 0xffff0000 | 0 : -1;
    const heads = this.heads.values;
    const lengths = this.lengths.values;
    for (let term = 0; term < this.count; term++) {
      if (((heads[term] as number) & mask) !== head || (lengths[term] as number) <= beginning.length)
        continue;
      if (this.startsWith(term, beginning) && test(term)) return true;
    }
    return false;
  }

  /** Words that may be the given one with so many typos; some are further away. */
  near(word: string, typos: number): string[] {
    const letters = lettersOf(word);
    const [shortest, longest] = [word.length - typos, word.length + typos];
    const lengths = this.lengths.values;
    const signs = this.letters.values;
    const near: string[] = [];
    for (let term = 0; term < this.count; term++) {
      const length = lengths[term] as number;
      if (length < shortest || length > longest) continue;
      // A wrong letter takes one bit away and brings one at most, a missing or added one does one of both, a swap neither.
      const sign = signs[term] as number;
      if (bitCount(sign & ~letters) > typos || bitCount(letters & ~sign) > typos) continue;
      if ((this.heads.values[term] as number) >>> 16 !== FACET_UNIT) near.push(this.token(term));
    }
    return near;
  }

  private isAt(term: number, token: string): boolean {
    return this.lengths.values[term] === token.length && this.startsWith(term, token);
  }

  private startsWith(term: number, beginning: string): boolean {
    const start = this.starts.values[term] as number;
    const page = this.pages[Math.floor(start / PAGE_UNITS)] as Uint16Array;
    const offset = start % PAGE_UNITS;
    for (let at = 0; at < beginning.length; at++) {
      if (page[offset + at] !== beginning.charCodeAt(at)) return false;
    }
    return true;
  }

  private keep(token: string): number {
    if (this.pageUsed + token.length > PAGE_UNITS) {
      this.pages.push(new Uint16Array(PAGE_UNITS));
      this.pageUsed = 0;
    }
    const page = this.pages.at(-1) as Uint16Array;
    for (let at = 0; at < token.length; at++) page[this.pageUsed + at] = token.charCodeAt(at);
    const start = (this.pages.length - 1) * PAGE_UNITS + this.pageUsed;
    this.pageUsed += token.length;
    return start;
  }

  private shardOf(hash: number): { slots: Uint32Array; used: number } {
    return this.shards[hash & (SHARDS - 1)] as { slots: Uint32Array; used: number };
  }

  private enter(term: number, hash: number): void {
    const shard = this.shardOf(hash);
    if (2 * (shard.used + 1) > shard.slots.length) {
      const old = shard.slots;
      shard.slots = new Uint32Array(2 * old.length);
      for (const held of old)
        if (held !== 0) place(shard.slots, held, this.hashes.values[held - 1] as number);
    }
    shard.used += 1;
    place(shard.slots, term + 1, hash);
  }
}

function column32(): GrowingArray<Uint32Array> {
  return new GrowingArray((length) => new Uint32Array(length), FIRST_TERMS);
}

function place(slots: Uint32Array, held: number, hash: number): void {
  const mask = slots.length - 1;
  let slot = (hash >>> 5) & mask;
  while (slots[slot] !== 0) slot = (slot + 1) & mask;
  slots[slot] = held;
}

/** FNV-1a over the units, with a last mix: the low bits choose the shard. */
function hashOf(token: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < token.length; at++) hash = Math.imul(hash ^ token.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Two units as one number; a missing second one reads as 0. */
function headOf(token: string): number {
  return ((token.charCodeAt(0) << 16) | (token.length > 1 ? token.charCodeAt(1) : 0)) >>> 0;
}

function lettersOf(token: string): number {
  let letters = 0;
  for (let at = 0; at < token.length; at++) letters |= 1 << (token.charCodeAt(at) & 31);
  return letters >>> 0;
}

function bitCount(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
