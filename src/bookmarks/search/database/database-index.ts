import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { Transaction } from 'kysely';
import { BackgroundTasks, Intervals } from '../../../async-ops/index.js';
import { CLOCK, type Cancel, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { DATABASE, type Database, type Tables } from '../../../database/index.js';
import { BOOKMARK_STORE, type BookmarkEvent, type BookmarkStore } from '../../model/bookmark-store.js';
import { breathe } from '../feed/breathe.js';
import { SliceSize } from '../feed/slice-size.js';
import { searchDocument, TOKENS_VERSION, type SearchDocument } from '../search-document.js';
import { FeedPosition } from './feed-position.js';
import type { FullText } from './full-text.js';
import { PostgresFullText } from './postgres-full-text.js';
import { addTerms } from './search-terms.js';
import { searchQueries } from './search-tables.js';
import { SqliteFullText } from './sqlite-full-text.js';

export interface DatabaseIndexSnapshot {
  /** Position in the change feed up to which the tables know everything; `null` before it was first read. */
  readonly position: number | null;
  readonly indexedDocuments: number;
  /** Times that following failed and was left to the next change. */
  readonly failures: number;
}

/** Changes are followed this long after the first of them, ms; a search does not wait for it. */
const FOLLOW_DELAY_MS = 100;
/** With more to do it rests this many times as long as it worked: an import goes first. */
const REST_RATIO = 1.5;
const MIN_REST_MS = 10;
/** Other processes write too; nobody tells this one. */
const LOOK_EVERY_MS = 60_000;
/** A search catches up with this many changes itself; with more it answers with what is there. */
const MAX_CATCH_UP = 512;
/** Transactions of one such catching up; a slice may be as small as one document. */
const MAX_ROUNDS = 64;
/** Slices of one transaction, and documents of one slice at first and at most. */
const SLICES_PER_TRANSACTION = 8;
const FIRST_SLICE = 16;
const MAX_SLICE = 64;

/**
 * Keeps the full-text tables in step with the bookmarks by the change feed, always, also while the index in memory
 * answers: when that goes, the database answers at once. The position is committed with the documents, so that a crash
 * loses and doubles nothing.
 */
@Injectable()
export class DatabaseIndex implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly fullText: FullText;
  private readonly logger = new Logger(DatabaseIndex.name);
  private readonly slices = new SliceSize(FIRST_SLICE, MAX_SLICE);
  private readonly feedPosition: FeedPosition;
  private position: number | null = null;
  private running: Promise<void> | null = null;
  private cancelFollow: Cancel | null = null;
  private indexedDocuments = 0;
  private failures = 0;
  private stops: (() => void)[] = [];
  private isClosed = false;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    private readonly intervals: Intervals,
    private readonly background: BackgroundTasks,
  ) {
    this.feedPosition = new FeedPosition(database.dialect, TOKENS_VERSION);
    this.fullText = database.dialect === 'sqlite' ? new SqliteFullText() : new PostgresFullText();
  }

  onApplicationBootstrap(): void {
    if (this.settings.values.READ_ONLY) return;
    this.stops = [
      this.store.onChange(() => this.followAfter(FOLLOW_DELAY_MS)),
      this.intervals.every('search.follow', LOOK_EVERY_MS, () => this.followAfter(0)),
    ];
    this.followAfter(0);
  }

  async onApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    this.cancelFollow?.();
    for (const stop of this.stops) stop();
    this.stops = [];
    await this.running;
  }

  /**
   * Brings the tables up to everything that was committed before the call, when that is not much.
   *
   * @returns false when they are behind, and stay so for a moment
   */
  async catchUp(): Promise<boolean> {
    const latest = await this.store.latestSeq();
    if (this.position !== null && latest <= this.position) return true;
    if (this.settings.values.READ_ONLY || this.isClosed) return false;
    try {
      // Another process may have gone further.
      this.position = await this.readPosition();
      for (let rounds = 0; rounds < MAX_ROUNDS && this.isNearly(latest); rounds++) await this.runOnce();
    } catch (error) {
      // The tables can be read but not written now; what is there still answers.
      this.logger.warn(
        `The full-text tables are behind: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    if (this.position !== null && this.position >= latest) return true;
    this.followAfter(0);
    return false;
  }

  /** Behind, but not by much. */
  private isNearly(latest: number): boolean {
    return this.position !== null && this.position < latest && latest - this.position <= MAX_CATCH_UP;
  }

  /**
   * Works without rests until the feed ends, or `isOver` says that it is time to stop.
   *
   * @returns whether the feed ended
   */
  async followToEnd(isOver: () => boolean = () => false): Promise<boolean> {
    await this.running;
    while (await this.step()) if (isOver()) return false;
    return true;
  }

  snapshot(): DatabaseIndexSnapshot {
    const { position, indexedDocuments, failures } = this;
    return { position, indexedDocuments, failures };
  }

  private followAfter(delayMs: number): void {
    if (this.isClosed || this.cancelFollow !== null) return;
    this.cancelFollow = this.clock.after(delayMs, () => {
      this.cancelFollow = null;
      this.background.detach(this.runOnce(), 'search.database-index');
    });
  }

  /** One transaction; the next one after a rest. */
  private async runOnce(): Promise<void> {
    if (this.running !== null) return this.running;
    const startedMs = this.clock.monotonicMs();
    const work = this.step().then(
      (hasMore) => {
        const tookMs = this.clock.monotonicMs() - startedMs;
        if (hasMore) this.followAfter(Math.max(MIN_REST_MS, REST_RATIO * tookMs));
      },
      (error: unknown) => {
        this.failures += 1;
        throw error;
      },
    );
    this.running = work.catch(() => undefined).finally(() => (this.running = null));
    await work;
  }

  /** @returns whether there may be more */
  private async step(): Promise<boolean> {
    if (this.isClosed) return false;
    this.position ??= await this.readPosition();
    const from = this.position;
    const events = await this.store.changesSince(from, SLICES_PER_TRANSACTION * this.slices.size);
    if (events.length === 0) return false;
    const documents = await this.prepare(events);
    const removed = events.flatMap((event) => (event.kind === 'deleted' ? [event.id] : []));
    const to = (events.at(-1) as BookmarkEvent).seq;
    this.position = await this.database.transaction(async (queries) => {
      const actual = (await this.feedPosition.lock(queries)) ?? 0;
      // Another process was faster: go on where it stopped.
      if (actual !== from) return actual;
      await this.write(queries, documents, removed);
      await this.feedPosition.save(queries, to, this.clock.now());
      return to;
    });
    return true;
  }

  private async prepare(events: readonly BookmarkEvent[]): Promise<SearchDocument[]> {
    const documents: SearchDocument[] = [];
    let startedMs = this.clock.monotonicMs();
    let sinceBreath = 0;
    for (const event of events) {
      if (event.kind === 'saved') documents.push(searchDocument(event.bookmark));
      if (++sinceBreath < this.slices.size) continue;
      this.slices.note(sinceBreath, this.clock.monotonicMs() - startedMs);
      await breathe();
      startedMs = this.clock.monotonicMs();
      sinceBreath = 0;
    }
    return documents;
  }

  private async write(
    transaction: Transaction<Tables>,
    documents: readonly SearchDocument[],
    removed: readonly string[],
  ): Promise<void> {
    const queries = searchQueries(transaction);
    if (removed.length > 0) await this.fullText.remove(queries, removed);
    const size = this.slices.size;
    for (let at = 0; at < documents.length; at += size) {
      const changed = await this.changed(transaction, documents.slice(at, at + size));
      if (changed.length === 0) continue;
      await this.fullText.write(queries, changed);
      await addTerms(queries, changed);
      this.indexedDocuments += changed.length;
    }
  }

  /** Those whose words are not in the tables yet; of the others the times are brought up to date. */
  private async changed(
    transaction: Transaction<Tables>,
    documents: readonly SearchDocument[],
  ): Promise<readonly SearchDocument[]> {
    const queries = searchQueries(transaction);
    const known = await queries
      .selectFrom('search_documents')
      .select(['bookmark_id', 'digest', 'created_at', 'modified_at'])
      .where(
        'bookmark_id',
        'in',
        documents.map(({ id }) => id),
      )
      .execute();
    const rows = new Map(known.map((row) => [row.bookmark_id, row]));
    const changed: SearchDocument[] = [];
    for (const document of documents) {
      const row = rows.get(document.id);
      if (row?.digest !== document.digest) {
        changed.push(document);
      } else if (row.created_at !== document.createdAt || row.modified_at !== document.modifiedAt) {
        await queries
          .updateTable('search_documents')
          .set({ created_at: document.createdAt, modified_at: document.modifiedAt })
          .where('bookmark_id', '=', document.id)
          .execute();
      }
    }
    return changed;
  }

  /** Tables made by other rules of tokens are made anew. */
  private async readPosition(): Promise<number> {
    const held = await this.feedPosition.read(this.database.queries);
    if (held !== null) return held;
    return await this.database.transaction(async (queries) => {
      const locked = await this.feedPosition.lock(queries);
      if (locked !== null) return locked;
      await this.fullText.clear(searchQueries(queries));
      await this.feedPosition.save(queries, 0, this.clock.now());
      return 0;
    });
  }
}
