import type { HitPlace, SearchSort } from '../search-engine.js';
import type { DocumentTable } from './document-table.js';

/** The order of documents by their numbers; the same as `comparePlaces` of their places, without making any. */
export class Ranking {
  private readonly primaries: Float32Array | Float64Array;
  /** 1 when the larger comes later. */
  private readonly direction: 1 | -1;
  private readonly isByScore: boolean;

  /** @param sort any but by title: titles are not in memory; `scores` by number, for the order by relevance */
  constructor(
    private readonly documents: DocumentTable,
    sort: SearchSort,
    scores: Float32Array,
  ) {
    this.isByScore = sort === 'relevance';
    this.direction = this.isByScore || sort.startsWith('-') ? -1 : 1;
    this.primaries = this.isByScore
      ? scores
      : sort.endsWith('createdAt')
        ? documents.creationTimes
        : documents.modificationTimes;
  }

  /** Less than 0 when `a` comes first. */
  compare(a: number, b: number): number {
    const difference = (this.primaries[a] as number) - (this.primaries[b] as number);
    if (difference !== 0) return this.direction * difference;
    if (this.isByScore) {
      const age = this.documents.createdAt(b) - this.documents.createdAt(a);
      if (age !== 0) return age;
    }
    return this.direction * compareIds(this.documents.idOf(a), this.documents.idOf(b));
  }

  /** Whether a document comes behind the place, not at it. */
  isBehind(document: number, place: HitPlace): boolean {
    const primary = this.primaries[document] as number;
    // A place of an order in memory has a number.
    const difference = primary - Number(place.primary);
    if (difference !== 0) return this.direction * difference > 0;
    const createdAt = this.documents.createdAt(document);
    if (this.isByScore && createdAt !== place.createdAt) return createdAt < place.createdAt;
    return this.direction * compareIds(this.documents.idOf(document), place.id) > 0;
  }

  place(document: number): HitPlace {
    return {
      primary: this.primaries[document] as number,
      createdAt: this.documents.createdAt(document),
      id: this.documents.idOf(document),
    };
  }
}

const compareIds = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
