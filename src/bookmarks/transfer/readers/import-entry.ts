import type { BookmarkDraft } from '../../model/bookmark-store.js';

/** Files that can be read; `csv` is any with a header line that names a `url` column, our own export among them. */
export const IMPORT_FORMATS = [
  'netscape',
  'karakeep',
  'linkding',
  'pocket',
  'raindrop',
  'csv',
  'urls',
  'jsonl',
] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/**
 * Why something in the file became no bookmark: it has no URL; a scheme other than http and https; a URL that leads
 * nowhere without the page it stood on; a URL that the normaliser refuses; more than fits the limits; not an object or
 * row of the expected shape; a place that cannot be read; the file ends before it should.
 */
export const SKIP_REASONS = [
  'no-url',
  'unsupported-scheme',
  'relative-url',
  'invalid-url',
  'too-long',
  'not-an-entry',
  'damaged',
  'truncated',
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** Whole state that only our own export knows. */
export type OwnState = Pick<BookmarkDraft, 'fields' | 'http' | 'enrichment' | 'preview' | 'externalId'>;

/** One bookmark of a file. Strings are copies, free of the file, and within LIMITS. */
export interface ImportEntry {
  readonly kind: 'entry';
  /** Position among everything the reader found, from 1. */
  readonly ordinal: number;
  /** Where it begins (in CSV: ends), from 1. */
  readonly line?: number;
  /** http or https, not yet normalised. */
  readonly url: string;
  readonly title?: string;
  readonly description?: string;
  readonly note?: string;
  readonly tags: readonly string[];
  /** Epoch ms. */
  readonly createdAt?: number;
  readonly archived?: boolean;
  readonly favourite?: boolean;
  /** Folders from the outside in, without those that every browser has. */
  readonly folderPath?: readonly string[];
  /** What the file says and no bookmark keeps; for the report. */
  readonly extra?: Readonly<Record<string, string>>;
  readonly own?: OwnState;
  /** Fields that were longer than LIMITS allow. */
  readonly cut?: readonly string[];
}

/** Something in the file that became no bookmark. */
export interface ImportProblem {
  readonly kind: 'problem';
  readonly ordinal: number;
  readonly line?: number;
  readonly reason: SkipReason;
  /** Beginning of the URL, when there is one. */
  readonly url?: string;
  readonly title?: string;
}

export type ImportItem = ImportEntry | ImportProblem;

/** Bytes of the file, in order. A chunk is valid until the next one is asked for: readers copy what they keep. */
export type ByteChunks = AsyncIterable<Buffer>;

/** What readers may know beside the bytes. */
export interface ReadContext {
  /** Epoch ms; times after it are not believed. */
  readonly now: number;
  /** Beginning of the file as text, for marks of the program that wrote it. */
  readonly head: string;
  /** Karakeep's lists by id, from the outside in; they stand behind the bookmarks in its file. */
  readonly lists?: ReadonlyMap<string, readonly string[]>;
}
