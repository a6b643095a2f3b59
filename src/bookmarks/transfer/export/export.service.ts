import { Inject, Injectable } from '@nestjs/common';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CLOCK, type Clock } from '../../../clock/index.js';
import type { Bookmark } from '../../model/bookmark.js';
import {
  BOOKMARK_STORE,
  type BookmarkFilter,
  type BookmarkSort,
  type BookmarkStore,
} from '../../model/bookmark-store.js';
import { AtomWriter } from '../writers/atom-writer.js';
import { CsvWriter } from '../writers/csv-writer.js';
import type { ExportFormat, ExportWriter } from '../writers/export-format.js';
import { JsonLinesWriter } from '../writers/json-lines-writer.js';
import { NetscapeWriter } from '../writers/netscape-writer.js';

const PAGE_LENGTH = 500;
/** Longer would be a file, not a feed: readers fetch it over and over. */
const FEED_LENGTH = 200;
/** Handed on at once, UTF-16 units. */
const PIECE_LENGTH = 32 * 1024;

interface FormatPlan {
  readonly writer: () => ExportWriter;
  readonly sort: BookmarkSort;
  readonly limit: number;
}

const PLANS: Readonly<Record<ExportFormat, FormatPlan>> = {
  netscape: { writer: () => new NetscapeWriter(), sort: 'createdAt', limit: Infinity },
  jsonl: { writer: () => new JsonLinesWriter(), sort: 'createdAt', limit: Infinity },
  csv: { writer: () => new CsvWriter(), sort: 'createdAt', limit: Infinity },
  atom: { writer: () => new AtomWriter(), sort: '-modifiedAt', limit: FEED_LENGTH },
};

export interface OpenExport {
  readonly contentType: string;
  /** With the date, such as `bookmarks-2026-01-01.html`. */
  readonly fileName: string;
  /** Text in pieces; the next page is read when the last piece was taken. */
  readonly pieces: AsyncGenerator<string>;
}

/** Writes bookmarks out, oldest first (the feed: newest first), a page in memory at a time. */
@Injectable()
export class ExportService {
  constructor(
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * The first page has been read when this resolves, so that a fault of the database is a problem and no torn file.
   *
   * @param self absolute address of the export
   * @throws PlimsollError `database-unavailable`
   */
  async open(format: ExportFormat, filter: BookmarkFilter, self: string): Promise<OpenExport> {
    const { writer: make, sort, limit } = PLANS[format];
    const writer = make();
    const now = this.clock.now();
    const first = await this.store.list(filter, sort, Math.min(limit, PAGE_LENGTH));
    const pieces = this.write(writer, filter, sort, limit, first, { now, self });
    const day = new Date(now).toISOString().slice(0, 10);
    return { contentType: writer.contentType, fileName: `bookmarks-${day}.${writer.extension}`, pieces };
  }

  private async *write(
    writer: ExportWriter,
    filter: BookmarkFilter,
    sort: BookmarkSort,
    limit: number,
    first: { readonly bookmarks: readonly Bookmark[]; readonly nextCursor: string | null },
    context: { readonly now: number; readonly self: string },
  ): AsyncGenerator<string> {
    let piece = writer.begin(context, first.bookmarks[0] ?? null);
    let page = first;
    let left = limit;
    for (;;) {
      for (const bookmark of page.bookmarks) {
        piece += writer.write(bookmark);
        if (piece.length < PIECE_LENGTH) continue;
        yield piece;
        piece = '';
      }
      left -= page.bookmarks.length;
      if (page.nextCursor === null || left <= 0) break;
      await nextTurn();
      page = await this.store.list(filter, sort, Math.min(left, PAGE_LENGTH), page.nextCursor);
    }
    yield piece + writer.end();
  }
}
