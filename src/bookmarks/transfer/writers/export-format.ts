import type { Bookmark } from '../../model/bookmark.js';

export const EXPORT_FORMATS = ['netscape', 'jsonl', 'csv', 'atom'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What writers may know beside the bookmarks. */
export interface WriteContext {
  /** Epoch ms. */
  readonly now: number;
  /** Absolute address of this export, for formats that name themselves. */
  readonly self: string;
}

/** Turns bookmarks into the text of a file, one at a time. */
export interface ExportWriter {
  readonly contentType: string;
  readonly extension: string;
  /** Text before the first, given it; it is null for an empty list. */
  begin(context: WriteContext, first: Bookmark | null): string;
  /** Empty for a bookmark that the format must not carry. */
  write(bookmark: Bookmark): string;
  end(): string;
}
