/** Facts of a picture that its cache entry carries for headers and JSON; small values only. */
export type ImageAttributes = Readonly<Record<string, string | number | boolean>>;

/** One picture in memory. Frozen; `bytes` belongs to the cache once it is kept and is never written again. */
export interface ImageEntry {
  readonly bytes: Buffer;
  readonly contentType: string;
  /** Strong entity tag, quotes included. */
  readonly etag: string;
  /** Store key of the original that it was made from; the handle for invalidation. */
  readonly sourceKey: string;
  /** Epoch ms until which it may be served without asking the origin. */
  readonly freshUntil: number;
  /** Epoch ms until which it may still be served stale. Past it the entry is a miss. */
  readonly staleUntil: number;
  readonly attributes: ImageAttributes;
}

/** What a revalidation changes; the bytes stay. */
export type FreshnessPatch = Partial<Pick<ImageEntry, 'freshUntil' | 'staleUntil'>>;

/** Objects, map slots, list links and the Buffer wrapper of one entry (heap growth over 40 000 entries of one byte: 1801 bytes each, strings included; they weigh 1873). */
export const ENTRY_OVERHEAD_BYTES = 1_024;

/** Strings may be two bytes a character in V8. */
const BYTES_PER_CHARACTER = 2;

/**
 * What an entry costs the budget, bytes: its bytes, its key, its strings and a fixed overhead. One entry has one
 * weight for life: what may change later (freshness) weighs nothing.
 */
export function weighEntry(key: string, entry: ImageEntry): number {
  let characters = key.length + entry.contentType.length + entry.etag.length + entry.sourceKey.length;
  for (const [name, value] of Object.entries(entry.attributes)) {
    characters += name.length + (typeof value === 'string' ? value.length : BYTES_PER_CHARACTER * 2);
  }
  return entry.bytes.length + BYTES_PER_CHARACTER * characters + ENTRY_OVERHEAD_BYTES;
}
