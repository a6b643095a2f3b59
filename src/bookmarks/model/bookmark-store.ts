import type { Transaction } from 'kysely';
import type { Tables } from '../../database/index.js';
import type { PlimsollError } from '../../errors/index.js';
import type {
  Bookmark,
  Enrichment,
  FieldLayers,
  FieldSource,
  HttpState,
  LayeredField,
  PreviewState,
} from './bookmark.js';

/** A bookmark to be created. `url` has passed the normaliser. */
export interface BookmarkDraft {
  readonly url: string;
  readonly normalisedUrl: string;
  readonly host: string;
  /** Layered values with the source that they come from. */
  readonly source: FieldSource;
  readonly values: Readonly<Partial<Record<LayeredField, string>>>;
  readonly note?: string;
  readonly tags: readonly string[];
  readonly archived?: boolean;
  readonly favourite?: boolean;
  /** Epoch ms; now when absent. */
  readonly createdAt?: number;
  readonly externalId?: string;
  readonly preview?: PreviewState;
  /** Whole layers, http and enrichment of our own export; wins over `values`. */
  readonly fields?: FieldLayers;
  readonly http?: HttpState;
  readonly enrichment?: Enrichment;
}

/**
 * What becomes of a draft whose URL is known. `keep`: nothing changes (create by API). `merge` (imports): tags are
 * united, the earlier creation time wins, empty fields are filled, a note is appended unless it is there already.
 */
export type DuplicateRule = 'keep' | 'merge';

export interface InsertOutcome {
  readonly outcome: 'created' | 'existing' | 'merged';
  readonly bookmark: Bookmark;
}

/** Changes to one bookmark; absent means unchanged, null takes a value away. */
export interface BookmarkChange {
  readonly url?: { readonly url: string; readonly normalisedUrl: string; readonly host: string };
  /** Whole layers in place of all; for another page under the same bookmark. `values` then comes on top. */
  readonly fields?: FieldLayers;
  /** Sets (string) or takes back (null) the value of one source. */
  readonly values?: {
    readonly source: FieldSource;
    readonly fields: Readonly<Partial<Record<LayeredField, string | null>>>;
  };
  readonly note?: string | null;
  readonly tags?: readonly string[];
  readonly archived?: boolean;
  readonly favourite?: boolean;
  readonly createdAt?: number;
  readonly preview?: PreviewState;
  readonly http?: HttpState;
  readonly enrichment?: Enrichment;
  readonly externalId?: string | null;
  /**
   * Only the bookkeeping of a check has moved (`http` and `enrichment`: times, attempts): written without a new
   * revision, `modifiedAt` or place in the change feed, so that looking at a page that has not changed neither
   * breaks an `If-Match` nor wakes every client and the search index.
   */
  readonly quiet?: true;
}

/** One write of a batch. */
export type StoreWrite =
  | { readonly kind: 'insert'; readonly draft: BookmarkDraft; readonly rule: DuplicateRule }
  | {
      readonly kind: 'update';
      readonly id: string;
      /** As for `update`; may throw a PlimsollError, which refuses this write alone. */
      readonly change: (current: Bookmark) => BookmarkChange | null;
    }
  | {
      readonly kind: 'remove';
      readonly id: string;
      /** May throw a PlimsollError, which refuses this write alone. */
      readonly check?: (current: Bookmark) => void;
    };

export type WriteOutcome =
  | InsertOutcome
  | { readonly outcome: 'updated' | 'unchanged' | 'removed'; readonly bookmark: Bookmark }
  | { readonly outcome: 'refused'; readonly error: PlimsollError };

export type BookmarkSort = 'createdAt' | '-createdAt' | 'modifiedAt' | '-modifiedAt' | 'title' | '-title';

export interface BookmarkFilter {
  /** All of them, by key. */
  readonly tags?: readonly string[];
  readonly archived?: boolean;
  readonly favourite?: boolean;
  readonly untagged?: boolean;
  readonly dead?: boolean;
  /** Exact host or a domain above it. */
  readonly host?: string;
  readonly enrichment?: Enrichment['state'];
  /** Epoch ms, of creation. */
  readonly before?: number;
  readonly after?: number;
}

export interface BookmarkPage {
  readonly bookmarks: readonly Bookmark[];
  /** Opaque; null at the end. */
  readonly nextCursor: string | null;
}

export type BookmarkEvent =
  | { readonly kind: 'saved'; readonly seq: number; readonly bookmark: Bookmark }
  | { readonly kind: 'deleted'; readonly seq: number; readonly id: string; readonly at: number };

export interface TagCount {
  readonly id: string;
  readonly name: string;
  readonly count: number;
}

/** Rows of bookmarks and tags, on both engines. Every write is one transaction and bumps `revision` and `changeSeq`. */
export interface BookmarkStore {
  /**
   * Creates or finds, race-safe, in one transaction; outcomes stand in the order of the drafts. A URL that occurs
   * twice among the drafts is created once. `alongside` runs in the same transaction, last.
   */
  insert(
    drafts: readonly BookmarkDraft[],
    rule: DuplicateRule,
    alongside?: (queries: Transaction<Tables>, outcomes: readonly InsertOutcome[]) => Promise<void>,
  ): Promise<readonly InsertOutcome[]>;
  find(id: string): Promise<Bookmark | null>;
  findMany(ids: readonly string[]): Promise<readonly Bookmark[]>;
  findByUrl(normalisedUrl: string): Promise<Bookmark | null>;
  findByExternalId(externalId: string): Promise<Bookmark | null>;
  /**
   * Reads, changes and writes in one transaction. `change` may be called again after a conflict; `null`, or a change
   * that changes nothing, writes nothing and bumps nothing.
   *
   * @throws PlimsollError `bookmark-not-found`, `revision-mismatch` (412) when `ifRevision` is not the current one,
   *   `bookmark-url-taken` (409) when another bookmark has the new URL
   */
  update(
    id: string,
    change: (current: Bookmark) => BookmarkChange | null,
    ifRevision?: number,
  ): Promise<Bookmark>;
  /**
   * Applies writes one after the other in one transaction; each sees what those before it did. A write that is refused
   * (`bookmark-not-found`, `bookmark-url-taken`, or what its own function throws) changes nothing and holds up no
   * other: its outcome says why. Outcomes stand in the order of the writes; of what was removed the last state.
   * `alongside` runs in the same transaction, last.
   *
   * @throws PlimsollError `database-unavailable`; then nothing was written
   */
  applyAll(
    writes: readonly StoreWrite[],
    alongside?: (queries: Transaction<Tables>, outcomes: readonly WriteOutcome[]) => Promise<void>,
  ): Promise<readonly WriteOutcome[]>;
  /** Leaves a tombstone. @returns false when there was none @throws PlimsollError `revision-mismatch` */
  remove(id: string, ifRevision?: number): Promise<boolean>;
  /** Keyset pages: rows that change meanwhile are neither lost nor doubled. @throws PlimsollError `invalid-cursor` */
  list(filter: BookmarkFilter, sort: BookmarkSort, limit: number, cursor?: string): Promise<BookmarkPage>;
  count(filter: BookmarkFilter): Promise<number>;
  /** The change feed after `seq`, in commit order: at most `limit` events, the last state of each bookmark only. */
  changesSince(seq: number, limit: number): Promise<readonly BookmarkEvent[]>;
  /** Position of the newest change. */
  latestSeq(): Promise<number>;
  /** Position before the first change that is at or after the time, epoch ms. */
  seqAt(modifiedSince: number): Promise<number>;
  /** Oldest first among those whose `refreshAt` has passed. */
  dueForRefresh(now: number, limit: number): Promise<readonly Bookmark[]>;
  tags(options: { readonly prefix?: string; readonly limit: number; readonly cursor?: string }): Promise<{
    readonly tags: readonly TagCount[];
    readonly nextCursor: string | null;
  }>;
  /** Renames; when the new name is another tag, the two are merged. @throws PlimsollError `tag-not-found` */
  renameTag(id: string, name: string): Promise<TagCount>;
  /** Takes it off every bookmark. @returns false when there was none */
  removeTag(id: string): Promise<boolean>;
  /** Called after each commit with the newest position; for whoever follows the feed. Returns the detacher. */
  onChange(listener: (seq: number) => void): () => void;
  /** Deletes tombstones older than the time, epoch ms; returns how many. */
  pruneTombstones(before: number): Promise<number>;
}

/** Injection token of the {@link BookmarkStore}. */
export const BOOKMARK_STORE = Symbol('BOOKMARK_STORE');
