import { GrowingArray } from './growing-array.js';

/** Words of 32 bits in one page of the pool; a page is what the pool grows by: 64 KiB. */
const PAGE_BITS = 14;
const PAGE_WORDS = 1 << PAGE_BITS;

/** Sizes of the blocks of a list: each twice the one before, so that short lists waste little and long ones chain little. */
const BLOCK_WORDS = [4, 8, 16, 32, 64, 128] as const;
const LAST_CLASS = BLOCK_WORDS.length - 1;

const FIRST_TERMS = 1_024;

/**
 * Lists of 32-bit postings, one per term, in pages outside the heap of V8. A posting costs its four bytes and about half
 * as much again for links and half-full blocks; in the nested maps of MiniSearch it costs 40 and more.
 * The first posting of a term stands in its row: half of all terms have only that one.
 */
export class PostingLists {
  private readonly counts = new GrowingArray((length) => new Uint32Array(length), FIRST_TERMS);
  private readonly firsts = new GrowingArray((length) => new Uint32Array(length), FIRST_TERMS);
  /** Address of the first block and of the last one; 0 is none. */
  private readonly heads = new GrowingArray((length) => new Uint32Array(length), FIRST_TERMS);
  private readonly tails = new GrowingArray((length) => new Uint32Array(length), FIRST_TERMS);
  private readonly pages: Uint32Array[] = [];
  private pageUsed = PAGE_WORDS;
  /** Freed blocks by class, chained through their first word. */
  private readonly free = BLOCK_WORDS.map(() => 0);
  private terms = 0;
  private scratch = new Uint32Array(FIRST_TERMS);

  get termCount(): number {
    return this.terms;
  }

  get bytes(): number {
    return (
      this.pages.length * PAGE_WORDS * 4 +
      this.counts.bytes +
      this.firsts.bytes +
      this.heads.bytes +
      this.tails.bytes +
      this.scratch.byteLength
    );
  }

  /** A new, empty list. @returns its number */
  addTerm(): number {
    const term = this.terms++;
    for (const column of [this.counts, this.firsts, this.heads, this.tails]) column.reserve(this.terms);
    return term;
  }

  count(term: number): number {
    return this.counts.values[term] as number;
  }

  append(term: number, posting: number): void {
    const count = this.count(term);
    this.counts.values[term] = count + 1;
    if (count === 0) {
      this.firsts.values[term] = posting;
      return;
    }
    const { block, used } = placeOf(count - 1);
    if (used === 0) this.chain(term, block);
    this.write((this.tails.values[term] as number) + 1 + used, posting);
  }

  /** All postings of a term, in a buffer that the next call overwrites. */
  read(term: number): Uint32Array {
    const count = this.count(term);
    if (this.scratch.length < count) this.scratch = new Uint32Array(Math.ceil(count * 1.25));
    if (count === 0) return this.scratch.subarray(0, 0);
    this.scratch[0] = this.firsts.values[term] as number;
    let address = this.heads.values[term] as number;
    for (let at = 1, block = 0; at < count; block++) {
      const page = this.pages[address >>> PAGE_BITS] as Uint32Array;
      const offset = address & (PAGE_WORDS - 1);
      const length = Math.min(blockWords(block) - 1, count - at);
      this.scratch.set(page.subarray(offset + 1, offset + 1 + length), at);
      at += length;
      address = page[offset] as number;
    }
    return this.scratch.subarray(0, count);
  }

  /** Keeps the first `kept` postings of what {@link read} gave, as the caller has compacted it. */
  rewrite(term: number, postings: Uint32Array, kept: number): void {
    this.release(term);
    for (let at = 0; at < kept; at++) this.append(term, postings[at] as number);
  }

  private release(term: number): void {
    let address = this.heads.values[term] as number;
    for (let block = 0; address !== 0; block++) {
      const next = this.wordAt(address);
      const size = Math.min(block, LAST_CLASS);
      this.write(address, this.free[size] as number);
      this.free[size] = address;
      address = next;
    }
    this.counts.values[term] = 0;
    this.heads.values[term] = 0;
    this.tails.values[term] = 0;
  }

  private chain(term: number, block: number): void {
    const address = this.allocate(Math.min(block, LAST_CLASS));
    const tail = this.tails.values[term] as number;
    if (tail === 0) this.heads.values[term] = address;
    else this.write(tail, address);
    this.tails.values[term] = address;
  }

  private allocate(size: number): number {
    const freed = this.free[size] as number;
    if (freed !== 0) {
      this.free[size] = this.wordAt(freed);
      this.write(freed, 0);
      return freed;
    }
    const words = BLOCK_WORDS[size] as number;
    if (this.pageUsed + words > PAGE_WORDS) {
      this.pages.push(new Uint32Array(PAGE_WORDS));
      // Address 0 means none.
      this.pageUsed = this.pages.length === 1 ? 1 : 0;
    }
    const address = ((this.pages.length - 1) << PAGE_BITS) + this.pageUsed;
    this.pageUsed += words;
    return address;
  }

  private wordAt(address: number): number {
    return (this.pages[address >>> PAGE_BITS] as Uint32Array)[address & (PAGE_WORDS - 1)] as number;
  }

  private write(address: number, value: number): void {
    (this.pages[address >>> PAGE_BITS] as Uint32Array)[address & (PAGE_WORDS - 1)] = value;
  }
}

const blockWords = (block: number): number => BLOCK_WORDS[Math.min(block, LAST_CLASS)] as number;

/** Postings in all blocks of growing size together. */
const GROWING_POSTINGS = BLOCK_WORDS.slice(0, LAST_CLASS).reduce((sum, words) => sum + words - 1, 0);

/** Block of the chain and place in it of the posting with this number, the first in a block being 0. */
function placeOf(posting: number): { readonly block: number; readonly used: number } {
  if (posting >= GROWING_POSTINGS) {
    const beyond = posting - GROWING_POSTINGS;
    const length = blockWords(LAST_CLASS) - 1;
    return { block: LAST_CLASS + Math.floor(beyond / length), used: beyond % length };
  }
  let left = posting;
  for (let block = 0; ; block++) {
    const length = blockWords(block) - 1;
    if (left < length) return { block, used: left };
    left -= length;
  }
}
