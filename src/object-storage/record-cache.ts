import { LRUCache } from 'lru-cache';
import type { ByteAccount } from '../process-memory/index.js';
import type { ObjectRecord } from './object-record.js';

/** What V8 and the list hold for an entry beside its texts (chosen on the safe side). */
const ENTRY_BYTES = 640;

/** Versions are kept by a part of the hash; two keys that share a slot only cost a fill. */
const VERSION_SLOTS = 4096;

/**
 * Records used of late, so that a `head` costs no file. A writer calls {@link set} or {@link delete} after its
 * rename; a reader takes a {@link ticket} before it opens the file, and its {@link fill} is dropped when a
 * writer came in between: what is here is never older than the disk.
 */
export class RecordCache {
  private readonly versions = new Uint32Array(VERSION_SLOTS);
  private readonly records: LRUCache<string, ObjectRecord> | null;

  constructor(private readonly account: ByteAccount) {
    this.records =
      account.budgetBytes >= 1
        ? new LRUCache({ maxSize: Math.floor(account.budgetBytes), sizeCalculation: weigh })
        : null;
  }

  get(id: string): ObjectRecord | undefined {
    return this.records?.get(id);
  }

  ticket(id: string): number {
    return this.versions[slot(id)] ?? 0;
  }

  fill(id: string, record: ObjectRecord, ticket: number): void {
    if (this.ticket(id) === ticket) this.keep(id, record);
  }

  set(id: string, record: ObjectRecord): void {
    this.bump(id);
    this.keep(id, record);
  }

  delete(id: string): void {
    this.bump(id);
    this.records?.delete(id);
    this.count();
  }

  clear(): void {
    this.records?.clear();
    this.count();
  }

  private keep(id: string, record: ObjectRecord): void {
    this.records?.set(id, record);
    this.count();
  }

  private bump(id: string): void {
    this.versions[slot(id)] = this.ticket(id) + 1;
  }

  private count(): void {
    this.account.usedBytes = this.records?.calculatedSize ?? 0;
  }
}

const slot = (id: string): number => Number.parseInt(id.slice(-6), 16) % VERSION_SLOTS;

/** Two bytes a character, for texts that leave Latin-1. */
function weigh(record: ObjectRecord): number {
  let characters = record.key.length + record.contentType.length;
  for (const [name, value] of Object.entries(record.attributes)) {
    characters += name.length + 16 + (typeof value === 'string' ? value.length : 8);
  }
  return ENTRY_BYTES + 2 * characters;
}
