import type { ByteAccount } from '../process-memory/index.js';
import { IndexTable, SLOT_BYTES } from './index-table.js';
import type { ObjectId } from './object-paths.js';
import type { ObjectKind } from './object-store.js';

/** Kinds that can be made again, in the order of their number in the table (from 1). */
const EVICTABLE = ['originals', 'variants'] as const satisfies readonly ObjectKind[];

export type EvictableKind = (typeof EVICTABLE)[number];

/** Tables, chosen by the first byte of the hash: each stays small, so that growing one never stops the loop. */
const TABLES = 256;

/** Sizes are kept in 32 bits; what is larger is not kept at all. */
export const MAX_INDEXED_BYTES = 2 ** 32 - 1;

/** What a table holds at worst for one entry: just after it grew by half from a load of 0.85. */
export const ENTRY_BYTES = Math.ceil((SLOT_BYTES * 1.5) / 0.85);

export interface IndexEntry {
  readonly kind: EvictableKind;
  readonly hash: string;
  readonly generation: string;
  readonly bytes: number;
  /** Epoch ms, made unique so that it orders. */
  readonly lastUse: number;
}

export const isEvictable = (kind: ObjectKind): kind is EvictableKind => kind !== 'uploads';

/** Every object that can be made again: its file, its size, its last use. In memory, compact, counted in an account. */
export class ObjectIndex {
  private readonly tables = Array.from({ length: TABLES }, () => new IndexTable());
  private readonly counts = { originals: 0, variants: 0 };
  private readonly sums = { originals: 0, variants: 0 };
  private readonly words = new Uint32Array(4);
  private latestUse = 0;
  private heldBytes: number;

  constructor(private readonly account: ByteAccount) {
    this.heldBytes = this.tables.reduce((sum, table) => sum + table.slots * SLOT_BYTES, 0);
    account.usedBytes = this.heldBytes;
  }

  get count(): number {
    return this.counts.originals + this.counts.variants;
  }

  get bytes(): number {
    return this.sums.originals + this.sums.variants;
  }

  /** Entries that the account's budget allows. */
  get maxCount(): number {
    return Math.floor(this.account.budgetBytes / ENTRY_BYTES);
  }

  totals(kind: EvictableKind): { readonly count: number; readonly bytes: number } {
    return { count: this.counts[kind], bytes: this.sums[kind] };
  }

  get(hash: string): IndexEntry | null {
    const table = this.tableOf(hash);
    const slot = table.find(this.wordsOf(hash));
    return slot < 0 ? null : read(table, slot);
  }

  has(hash: string): boolean {
    return this.tableOf(hash).find(this.wordsOf(hash)) >= 0;
  }

  /** Adds or replaces. `lastUse` is epoch ms; the same ms twice is told apart in order of arrival. */
  set(id: ObjectId, generation: string, bytes: number, lastUse: number): void {
    if (!isEvictable(id.kind)) return;
    this.delete(id.hash);
    const table = this.tableOf(id.hash);
    const before = table.slots;
    const slot = table.claim(this.wordsOf(id.hash));
    table.kinds[slot] = EVICTABLE.indexOf(id.kind) + 1;
    table.generations[slot * 2] = Number.parseInt(generation.slice(0, 8), 16);
    table.generations[slot * 2 + 1] = Number.parseInt(generation.slice(8, 16), 16);
    table.sizes[slot] = bytes;
    table.lastUses[slot] = lastUse;
    this.latestUse = Math.max(this.latestUse, lastUse);
    this.counts[id.kind] += 1;
    this.sums[id.kind] += bytes;
    this.heldBytes += (table.slots - before) * SLOT_BYTES;
    this.account.usedBytes = this.heldBytes;
  }

  /** A last use for now that is later than every other. */
  nextUse(nowMs: number): number {
    this.latestUse = Math.max(nowMs, this.latestUse + 1 / 1024);
    return this.latestUse;
  }

  /** Notes a use; answers the one before, or `null` when the object is not indexed. */
  touch(hash: string, nowMs: number): number | null {
    const table = this.tableOf(hash);
    const slot = table.find(this.wordsOf(hash));
    if (slot < 0) return null;
    const before = table.lastUses[slot] ?? 0;
    table.lastUses[slot] = this.nextUse(nowMs);
    return before;
  }

  delete(hash: string): boolean {
    const table = this.tableOf(hash);
    const slot = table.find(this.wordsOf(hash));
    if (slot < 0) return false;
    const kind = kindAt(table, slot);
    this.counts[kind] -= 1;
    this.sums[kind] -= table.sizes[slot] ?? 0;
    table.remove(slot);
    return true;
  }

  /** The last uses of about `atLeast` entries that chance chose (keys are hashes), for an estimate. */
  sampleLastUses(atLeast: number): Float64Array {
    const sample: number[] = [];
    for (const table of this.tables) {
      for (let slot = 0; slot < table.slots; slot++) {
        if (table.kinds[slot] !== 0) sample.push(table.lastUses[slot] ?? 0);
      }
      if (sample.length >= atLeast) break;
    }
    return Float64Array.from(sample);
  }

  /** Every entry last used at `threshold` or before. */
  usedUntil(threshold: number): IndexEntry[] {
    const entries: IndexEntry[] = [];
    for (const table of this.tables) {
      for (let slot = 0; slot < table.slots; slot++) {
        if (table.kinds[slot] !== 0 && (table.lastUses[slot] ?? 0) <= threshold)
          entries.push(read(table, slot));
      }
    }
    return entries;
  }

  private tableOf(hash: string): IndexTable {
    return this.tables[Number.parseInt(hash.slice(0, 2), 16)] as IndexTable;
  }

  /** One array for all calls: nothing here is asynchronous. */
  private wordsOf(hash: string): Uint32Array {
    for (let word = 0; word < 4; word++) {
      this.words[word] = Number.parseInt(hash.slice(word * 8, word * 8 + 8), 16);
    }
    return this.words;
  }
}

const kindAt = (table: IndexTable, slot: number): EvictableKind =>
  EVICTABLE[(table.kinds[slot] ?? 1) - 1] ?? 'variants';

const hex = (word: number | undefined): string => (word ?? 0).toString(16).padStart(8, '0');

function read(table: IndexTable, slot: number): IndexEntry {
  const { hashes, generations } = table;
  const at = slot * 4;
  return {
    kind: kindAt(table, slot),
    hash: hex(hashes[at]) + hex(hashes[at + 1]) + hex(hashes[at + 2]) + hex(hashes[at + 3]),
    generation: hex(generations[slot * 2]) + hex(generations[slot * 2 + 1]),
    bytes: table.sizes[slot] ?? 0,
    lastUse: table.lastUses[slot] ?? 0,
  };
}
