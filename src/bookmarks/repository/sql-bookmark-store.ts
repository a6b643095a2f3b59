import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Transaction } from 'kysely';
import { v7 } from 'uuid';
import { CLOCK, type Clock } from '../../clock/index.js';
import { DATABASE, isUniqueViolation, type Database, type Tables } from '../../database/index.js';
import type { Bookmark } from '../model/bookmark.js';
import type {
  BookmarkChange,
  BookmarkDraft,
  BookmarkEvent,
  BookmarkFilter,
  BookmarkPage,
  BookmarkSort,
  BookmarkStore,
  DuplicateRule,
  InsertOutcome,
  StoreWrite,
  TagCount,
  WriteOutcome,
} from '../model/bookmark-store.js';
import { applyWrites } from './apply-writes.js';
import { selectBookmarks, toBookmark, type BookmarkSelection } from './bookmark-rows.js';
import { removeTag, renameTag } from './change-tags.js';
import { chunksOf, KEYS_PER_STATEMENT } from './chunks.js';
import { changesSince, latestSeq, seqAt } from './feed.js';
import { insertDrafts } from './insert-drafts.js';
import { storable, urlKey } from './keys.js';
import { countBookmarks, listBookmarks } from './list-bookmarks.js';
import { listTags, type TagListOptions, type TagPage } from './tag-list.js';
import { assertRevision, removeBookmark, updateBookmark, type Changed } from './update-bookmark.js';
import type { WriteContext } from './write-context.js';

/** Another process was faster with a URL: what it wrote is read at the next attempt. */
const MAX_ATTEMPTS = 3;

/** {@link BookmarkStore} on SQLite and PostgreSQL. */
@Injectable()
export class SqlBookmarkStore implements BookmarkStore {
  private readonly logger = new Logger(SqlBookmarkStore.name);
  private readonly listeners = new Set<(seq: number) => void>();
  private idCounter = 0;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  insert(
    drafts: readonly BookmarkDraft[],
    rule: DuplicateRule,
    alongside?: (queries: Transaction<Tables>, outcomes: readonly InsertOutcome[]) => Promise<void>,
  ): Promise<readonly InsertOutcome[]> {
    return this.write(async (context) => {
      const { outcomes, seq } = await insertDrafts(context, drafts, rule);
      await alongside?.(context.queries, outcomes);
      return { result: outcomes, seq };
    });
  }

  find(id: string): Promise<Bookmark | null> {
    return this.one((select) => select.where('id', '=', storable(id)));
  }

  async findMany(ids: readonly string[]): Promise<readonly Bookmark[]> {
    const found = new Map<string, Bookmark>();
    for (const chunk of chunksOf(ids, KEYS_PER_STATEMENT)) {
      const rows = await this.select().where('id', 'in', chunk.map(storable)).execute();
      for (const row of rows) found.set(row.id, toBookmark(row));
    }
    return ids.flatMap((id) => found.get(id) ?? []);
  }

  findByUrl(normalisedUrl: string): Promise<Bookmark | null> {
    return this.one((select) => select.where('url_key', '=', urlKey(storable(normalisedUrl))));
  }

  findByExternalId(externalId: string): Promise<Bookmark | null> {
    return this.one((select) => select.where('external_id', '=', storable(externalId)));
  }

  async update(
    id: string,
    change: (current: Bookmark) => BookmarkChange | null,
    ifRevision?: number,
  ): Promise<Bookmark> {
    const { bookmark } = await this.write((context) =>
      updateBookmark(context, id, (current) => {
        assertRevision(current, ifRevision);
        return change(current);
      }),
    );
    return bookmark;
  }

  applyAll(
    writes: readonly StoreWrite[],
    alongside?: (queries: Transaction<Tables>, outcomes: readonly WriteOutcome[]) => Promise<void>,
  ): Promise<readonly WriteOutcome[]> {
    return this.write(async (context) => {
      const changed = await applyWrites(context, writes);
      await alongside?.(context.queries, changed.result);
      return changed;
    });
  }

  async remove(id: string, ifRevision?: number): Promise<boolean> {
    const removed = await this.write((context) =>
      removeBookmark(context, id, (current) => assertRevision(current, ifRevision)),
    );
    return removed !== null;
  }

  list(filter: BookmarkFilter, sort: BookmarkSort, limit: number, cursor?: string): Promise<BookmarkPage> {
    return listBookmarks(this.database, filter, sort, limit, cursor);
  }

  count(filter: BookmarkFilter): Promise<number> {
    return countBookmarks(this.database, filter);
  }

  changesSince(seq: number, limit: number): Promise<readonly BookmarkEvent[]> {
    return changesSince(this.database, seq, limit);
  }

  latestSeq(): Promise<number> {
    return latestSeq(this.database);
  }

  seqAt(modifiedSince: number): Promise<number> {
    return seqAt(this.database, modifiedSince);
  }

  async dueForRefresh(now: number, limit: number): Promise<readonly Bookmark[]> {
    const rows = await this.select()
      .where('refresh_at', '<=', now)
      .orderBy('refresh_at')
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows.map(toBookmark);
  }

  tags(options: TagListOptions): Promise<TagPage> {
    return listTags(this.database.queries, options);
  }

  renameTag(id: string, name: string): Promise<TagCount> {
    return this.write((context) => renameTag(context, storable(id), name));
  }

  removeTag(id: string): Promise<boolean> {
    return this.write((context) => removeTag(context, storable(id)));
  }

  onChange(listener: (seq: number) => void): () => void {
    // Wrapped: the same function may listen twice, and each detacher ends its own.
    const entry = (seq: number): void => listener(seq);
    this.listeners.add(entry);
    return () => void this.listeners.delete(entry);
  }

  async pruneTombstones(before: number): Promise<number> {
    const { numDeletedRows } = await this.database.queries
      .deleteFrom('tombstones')
      .where('deleted_at', '<', before)
      .executeTakeFirst();
    return Number(numDeletedRows);
  }

  /** Sorts by creation, also within a millisecond. */
  private readonly newId = (): string => v7({ msecs: this.clock.now(), seq: this.idCounter++ & 0x7fffffff });

  private async write<T>(work: (context: WriteContext) => Promise<Changed<T>>): Promise<T> {
    const { database, newId } = this;
    for (let attempt = 1; ; attempt++) {
      try {
        const { result, seq } = await database.transaction((queries) =>
          work({ database, queries, newId, now: this.clock.now() }),
        );
        if (seq !== null) this.tell(seq);
        return result;
      } catch (error) {
        if (!isUniqueViolation(error) || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  private tell(seq: number): void {
    for (const listener of this.listeners) {
      try {
        listener(seq);
      } catch (error) {
        this.logger.error(error);
      }
    }
  }

  private select(): BookmarkSelection {
    return selectBookmarks(this.database.queries, this.database.dialect);
  }

  private async one(narrow: (select: BookmarkSelection) => BookmarkSelection): Promise<Bookmark | null> {
    const row = await narrow(this.select()).executeTakeFirst();
    return row === undefined ? null : toBookmark(row);
  }
}
