import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { isPlimsollError } from '../../errors/index.js';
import type { Bookmark } from '../model/bookmark.js';
import {
  BOOKMARK_STORE,
  type BookmarkFilter,
  type BookmarkSort,
  type BookmarkStore,
} from '../model/bookmark-store.js';
import { DatabaseEngine } from './database/database-engine.js';
import { DatabaseIndex, type DatabaseIndexSnapshot } from './database/database-index.js';
import { MemoryEngine, type MemoryEngineSnapshot } from './memory/memory-engine.js';
import { parseQuery } from './query/query-parser.js';
import { canBeLenient } from './query/resolve-words.js';
import { asFilter, satisfies, searchCriteria, type SearchCriteria } from './query/search-criteria.js';
import { foreignCursor, readCursor, searchKey, writeCursor, type RankedCursor } from './search-cursor.js';
import type {
  EngineAnswer,
  EngineHit,
  EngineRequest,
  SearchEngineName,
  SearchSort,
} from './search-engine.js';
import { highlights, type Highlight } from './text/highlight.js';

export interface SearchRequest {
  /** As typed; see `parseQuery`. Empty lists everything. */
  readonly text: string;
  /** Holds beside what the text says. */
  readonly filter?: BookmarkFilter;
  /** 1 to 100; 20 when absent. */
  readonly limit?: number;
  readonly cursor?: string;
  /** `relevance` when absent; without words that is newest first. */
  readonly sort?: SearchSort;
}

export interface SearchHit {
  readonly id: string;
  /** Comparable within one answer only; 0 where nothing is scored. */
  readonly score: number;
  readonly highlights: readonly Highlight[];
  readonly bookmark: Bookmark;
}

export interface SearchMeta {
  readonly engine: SearchEngineName;
  readonly tookMs: number;
  /** Set when not every match was ranked, or the newest changes are not in the index yet. */
  readonly approximate?: true;
  /** Of all pages; absent when it is not known exactly. */
  readonly total?: number;
}

export interface SearchAnswer {
  readonly hits: readonly SearchHit[];
  readonly nextCursor: string | null;
  readonly meta: SearchMeta;
}

export interface SearchSnapshot {
  readonly memory: MemoryEngineSnapshot;
  readonly database: DatabaseIndexSnapshot;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
/** Candidates of one page whose text is read and checked; a page may be short for it, its cursor goes on. */
const MAX_CHECKED = 600;
/** Candidates that are asked for at once when the text decides. */
const CHECKED_AT_ONCE = 100;

/** What a page has come to. */
interface Draft {
  readonly hits: SearchHit[];
  place: RankedCursor['place'] | null;
  seen: number;
  hasMore: boolean;
  first: EngineAnswer | null;
}

/**
 * Searches bookmarks: in memory when the index is there, else in the database, with the same operators. Whatever the
 * engine promises, each hit's row is read and checked against every operator before it is given out.
 *
 * Pages go on behind the last hit by score, time and id. Between two pages the index may change: a hit whose score moves
 * over the border may then be missing or come twice. When another engine answers the next page it goes on by the number
 * of hits seen.
 */
@Injectable()
export class SearchService {
  private readonly logger = new Logger(SearchService.name);

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    private readonly memory: MemoryEngine,
    private readonly database: DatabaseEngine,
    private readonly databaseIndex: DatabaseIndex,
  ) {}

  /** @throws PlimsollError `invalid-cursor`, `database-unavailable` */
  async search(request: SearchRequest): Promise<SearchAnswer> {
    const { text, filter = {}, sort = 'relevance' } = request;
    const startedMs = this.clock.monotonicMs();
    const limit = Math.max(1, Math.min(MAX_LIMIT, Math.trunc(request.limit ?? DEFAULT_LIMIT)));
    const key = searchKey(text, filter, sort);
    const cursor = request.cursor === undefined ? null : readCursor(key, request.cursor);
    const criteria = searchCriteria(parseQuery(text, this.clock.now()), filter);
    const plain = asFilter(criteria);
    if (plain !== null) {
      if (cursor?.kind === 'ranked') throw foreignCursor();
      return await this.list(plain, sort, limit, cursor?.cursor, key, startedMs);
    }
    if (cursor?.kind === 'list') throw foreignCursor();
    return await this.ranked(criteria, sort, limit, cursor, key, startedMs);
  }

  /** Drops the index in memory. @returns the bytes that it held */
  flush(): number {
    return this.memory.flush();
  }

  snapshot(): SearchSnapshot {
    return { memory: this.memory.snapshot(), database: this.databaseIndex.snapshot() };
  }

  /** Nothing to rank: the list knows how to page through it. */
  private async list(
    filter: BookmarkFilter,
    sort: SearchSort,
    limit: number,
    cursor: string | undefined,
    key: string,
    startedMs: number,
  ): Promise<SearchAnswer> {
    const order: BookmarkSort = sort === 'relevance' ? '-createdAt' : sort;
    const { bookmarks, nextCursor } = await this.store.list(filter, order, limit, cursor);
    return {
      hits: bookmarks.map((bookmark) => ({ id: bookmark.id, score: 0, highlights: [], bookmark })),
      nextCursor: nextCursor === null ? null : writeCursor(key, { kind: 'list', cursor: nextCursor }),
      meta: { engine: this.database.name, tookMs: this.clock.monotonicMs() - startedMs },
    };
  }

  private async ranked(
    criteria: SearchCriteria,
    sort: SearchSort,
    limit: number,
    cursor: RankedCursor | null,
    key: string,
    startedMs: number,
  ): Promise<SearchAnswer> {
    let isLenient = cursor?.isLenient ?? false;
    let page = await this.page(criteria, sort, limit, cursor, isLenient);
    if (cursor === null && page.draft.hits.length === 0 && !page.draft.hasMore && canBeLenient(criteria)) {
      isLenient = true;
      page = await this.page(criteria, sort, limit, null, isLenient);
    }
    const { draft, engine } = page;
    const isChecked = needsText(criteria);
    const total = isChecked && (draft.hasMore || cursor !== null) ? undefined : draft.first?.total;
    return {
      hits: draft.hits,
      nextCursor:
        draft.hasMore && draft.place !== null
          ? writeCursor(key, { kind: 'ranked', engine, isLenient, place: draft.place, seen: draft.seen })
          : null,
      meta: {
        engine,
        tookMs: this.clock.monotonicMs() - startedMs,
        ...(draft.first?.isApproximate === true ? { approximate: true as const } : {}),
        ...(total === undefined ? {} : { total: isChecked ? draft.hits.length : total }),
      },
    };
  }

  private async page(
    criteria: SearchCriteria,
    sort: SearchSort,
    limit: number,
    cursor: RankedCursor | null,
    isLenient: boolean,
  ): Promise<{ readonly draft: Draft; readonly engine: SearchEngineName }> {
    const fromMemory = await this.collect(criteria, sort, limit, cursor, isLenient, 'memory', (request) =>
      this.fromMemory(request),
    );
    if (fromMemory !== null) return { draft: fromMemory, engine: 'memory' };
    const { name } = this.database;
    const draft = await this.collect(criteria, sort, limit, cursor, isLenient, name, (request) =>
      this.database.search(request),
    );
    if (draft === null) throw new Error('The database engine always answers.');
    return { draft, engine: name };
  }

  /** `null` also when the index goes while the page is being made: the database then makes it whole. */
  private async fromMemory(request: EngineRequest): Promise<EngineAnswer | null> {
    try {
      return await this.memory.search(request);
    } catch (error) {
      if (isPlimsollError(error)) throw error;
      this.logger.error(
        `The search index failed, the database answers: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
      this.memory.discardBroken();
      return null;
    }
  }

  private async collect(
    criteria: SearchCriteria,
    sort: SearchSort,
    limit: number,
    cursor: RankedCursor | null,
    isLenient: boolean,
    engine: SearchEngineName,
    ask: (request: EngineRequest) => Promise<EngineAnswer | null>,
  ): Promise<Draft | null> {
    const isSame = cursor?.engine === engine;
    const draft: Draft = {
      hits: [],
      place: isSame ? cursor.place : null,
      seen: cursor?.seen ?? 0,
      hasMore: true,
      first: null,
    };
    const atOnce = needsText(criteria) ? Math.max(limit, CHECKED_AT_ONCE) : limit;
    let skip = cursor === null || isSame ? 0 : cursor.seen;
    for (let checked = 0; draft.hits.length < limit && draft.hasMore && checked < MAX_CHECKED; skip = 0) {
      const answer = await ask({ criteria, sort, count: atOnce, after: draft.place, skip, isLenient });
      if (answer === null) return null;
      draft.first ??= answer;
      await this.take(draft, answer, criteria, limit);
      checked += answer.hits.length;
    }
    return draft;
  }

  /** Reads the rows of candidates and keeps those that are what was asked for, until the page is full. */
  private async take(
    draft: Draft,
    answer: EngineAnswer,
    criteria: SearchCriteria,
    limit: number,
  ): Promise<void> {
    const rows = await this.store.findMany(answer.hits.map(({ id }) => id));
    const byId = new Map(rows.map((row) => [row.id, row]));
    draft.hasMore = answer.hasMore;
    for (const candidate of answer.hits) {
      if (draft.hits.length === limit) {
        draft.hasMore = true;
        return;
      }
      draft.seen += 1;
      draft.place = placeOf(candidate);
      const bookmark = byId.get(candidate.id);
      if (bookmark === undefined || !satisfies(bookmark, criteria)) continue;
      draft.hits.push({
        id: candidate.id,
        score: candidate.score,
        highlights: highlights(bookmark, answer.matched, criteria.phrases),
        bookmark,
      });
    }
  }
}

/** Whether only the text can tell that a candidate is a hit. */
const needsText = ({ phrases, excluded, enrichment }: SearchCriteria): boolean =>
  phrases.length + excluded.length > 0 || enrichment !== null;

const placeOf = ({ primary, createdAt, id }: EngineHit): RankedCursor['place'] => ({
  primary,
  createdAt,
  id,
});
