import type { BookmarkSort } from '../model/bookmark-store.js';
import type { SearchCriteria } from './query/search-criteria.js';

export type SearchEngineName = 'memory' | 'sqlite-fts' | 'postgres';

/** By score, then newest first; or an order of the list. */
export type SearchSort = 'relevance' | BookmarkSort;

/** Place of a hit in its order; the engine that gave it can go on behind it. */
export interface HitPlace {
  /** The score, a time, or a title's key, by the order. */
  readonly primary: number | string;
  readonly createdAt: number;
  readonly id: string;
}

export interface EngineHit extends HitPlace {
  /** 0 where nothing is scored. */
  readonly score: number;
}

export interface EngineRequest {
  readonly criteria: SearchCriteria;
  readonly sort: SearchSort;
  /** Most hits of the answer. */
  readonly count: number;
  /** Only what follows this place. */
  readonly after: HitPlace | null;
  /** Leaves out the first ones; for going on where another engine stopped. */
  readonly skip: number;
  /** Takes every word for a possible typo, not only those that stand nowhere. */
  readonly isLenient: boolean;
}

/** Words that were really looked for, for the highlights. */
export interface MatchedTerms {
  readonly terms: ReadonlySet<string>;
  readonly beginnings: readonly string[];
}

export interface EngineAnswer {
  readonly hits: readonly EngineHit[];
  /** Whether more follow behind the last one. */
  readonly hasMore: boolean;
  /** Of candidates, before phrases are checked; absent when it was not counted to the end. */
  readonly total?: number;
  /** Not all matches were ranked, or the index is behind. */
  readonly isApproximate: boolean;
  readonly matched: MatchedTerms;
}

/** Finds candidates by words and facets, in order. What needs the text (phrases, exclusions of them) it may promise too much of. */
export interface SearchEngine {
  readonly name: SearchEngineName;
  search(request: EngineRequest): Promise<EngineAnswer>;
}

export const NO_MATCH: EngineAnswer = Object.freeze({
  hits: [],
  hasMore: false,
  total: 0,
  isApproximate: false,
  matched: { terms: new Set<string>(), beginnings: [] },
});

/** Less than 0 when `a` comes first. Scores and times of relevance fall; the id tells ties apart. */
export function comparePlaces(sort: SearchSort, a: HitPlace, b: HitPlace): number {
  const isRising = sort !== 'relevance' && !sort.startsWith('-');
  const order = a.primary < b.primary ? -1 : a.primary > b.primary ? 1 : 0;
  if (order !== 0) return isRising ? order : -order;
  if (sort === 'relevance' && a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  const tie = a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
  return isRising ? tie : -tie;
}
