import type { Vocabulary } from '../query/resolve-words.js';
import { SEARCH_FIELDS } from '../search-fields.js';
import type { SearchDocument } from '../search-document.js';
import { DocumentTable } from './document-table.js';
import { editDistance } from '../text/edit-distance.js';
import { addOccurrence, documentOf, MAX_DOCUMENT_NUMBERS, posting } from './posting.js';
import { PostingLists } from './posting-lists.js';
import { TermDictionary } from './term-dictionary.js';

/** Postings of dead documents are swept out when there are this many of them, and this share of the living. */
const MIN_DEAD = 256;
const DEAD_SHARE = 0.125;

/** Terms that a beginning may stand for; more are not looked at. */
const MAX_EXPANDED_TERMS = 20_000;

/** Empty lists beyond which a new index is smaller than this one. */
const MIN_EMPTY_TERMS = 20_000;

/**
 * The words of all bookmarks in memory: MiniSearch's ranking over packed columns (see {@link TermDictionary} and
 * {@link PostingLists}). MiniSearch itself keeps the same in nested maps: six times the memory, more than the budget
 * allows, and five to eight times the time of a search with a typo (bench:search), and a vacuum that throws when
 * documents are added meanwhile (seen with 7.2.0).
 *
 * Everything is synchronous and short: adding takes about 50 µs a document. Documents are numbered; the row of a removed
 * one is dead until {@link sweep} has gone through all lists.
 */
export class CompactIndex implements Vocabulary {
  readonly documents = new DocumentTable();
  private readonly dictionary = new TermDictionary();
  private readonly lists = new PostingLists();
  private sweeping: { next: number; empty: number; readonly dead: readonly number[] } | null = null;
  private emptyTerms = 0;

  get bytes(): number {
    return this.documents.bytes + this.dictionary.bytes + this.lists.bytes;
  }

  get termCount(): number {
    return this.lists.termCount;
  }

  /** No more documents fit: numbers are used up until the next sweep. */
  get isFull(): boolean {
    return this.documents.capacity >= MAX_DOCUMENT_NUMBERS - 1;
  }

  /** So much of the dictionary is empty that a new index would be a good deal smaller. */
  get isWorn(): boolean {
    return this.emptyTerms > Math.max(MIN_EMPTY_TERMS, this.lists.termCount / 2);
  }

  /** Adds a document, or replaces it when its words have changed. */
  put(document: SearchDocument): void {
    const known = this.documents.numberOf(document.id);
    if (known !== undefined) {
      if (this.documents.hasDigest(known, document.digest)) {
        this.documents.setTimes(known, document);
        return;
      }
      this.documents.remove(known);
    }
    const number = this.documents.add(document);
    for (const [token, frequencies] of frequenciesOf(document)) {
      this.lists.append(this.dictionary.find(token) ?? this.addTerm(token), posting(number, frequencies));
    }
  }

  /** @returns false when there was none */
  remove(id: string): boolean {
    const number = this.documents.numberOf(id);
    if (number === undefined) return false;
    this.documents.remove(number);
    return true;
  }

  get needsSweep(): boolean {
    return (
      this.sweeping !== null ||
      this.documents.deadCount >= Math.max(MIN_DEAD, DEAD_SHARE * this.documents.count)
    );
  }

  /**
   * Takes postings of removed documents out, until `isOver` says that the time is up; goes on with the next call. The index
   * is whole between two calls.
   *
   * @returns whether all lists have been gone through
   */
  sweep(isOver: () => boolean): boolean {
    this.sweeping ??= { next: 0, empty: 0, dead: this.documents.takeDead() };
    const { sweeping } = this;
    while (sweeping.next < this.lists.termCount) {
      if (isOver()) return false;
      // A few at a time: the clock costs more than a short list.
      const end = Math.min(sweeping.next + 64, this.lists.termCount);
      for (; sweeping.next < end; sweeping.next++) {
        if (this.sweepTerm(sweeping.next) === 0) sweeping.empty += 1;
      }
    }
    this.documents.reuse(sweeping.dead);
    this.emptyTerms = sweeping.empty;
    this.sweeping = null;
    return true;
  }

  /** Postings of a token, dead ones too, in a buffer that the next call overwrites. */
  postings(token: string): Uint32Array | null {
    const term = this.dictionary.find(token);
    return term === undefined ? null : this.lists.read(term);
  }

  /** Number of a token; `undefined` when it stands nowhere. */
  termOf(token: string): number | undefined {
    return this.dictionary.find(token);
  }

  /** Postings of a token by its number, dead ones too, in a buffer that the next call overwrites. */
  postingsOf(term: number): Uint32Array {
    return this.lists.read(term);
  }

  /** Length of the list; dead documents count until they are swept. */
  lengthOfList(term: number): number {
    return this.lists.count(term);
  }

  /** Characters of a token, by its number. */
  lengthOfToken(term: number): number {
    return this.dictionary.lengthOf(term);
  }

  /** Numbers of longer tokens that begin so, at most {@link MAX_EXPANDED_TERMS}. */
  beginningWith(beginning: string): number[] {
    return this.dictionary
      .beginningWith(beginning)
      .filter((term) => this.lists.count(term) > 0)
      .slice(0, MAX_EXPANDED_TERMS);
  }

  count(token: string, atMost: number): number {
    const postings = this.postings(token);
    if (postings === null) return 0;
    let count = 0;
    for (let at = 0; at < postings.length && count < atMost; at++) {
      if (this.documents.isLive(documentOf(postings[at] as number))) count += 1;
    }
    return count;
  }

  hasBeginning(beginning: string): boolean {
    return this.dictionary.someBeginningWith(beginning, (term) => this.hasLive(term));
  }

  similar(word: string, typos: number): readonly string[] {
    return this.dictionary
      .near(word, typos)
      .filter((token) => editDistance(word, token, typos) <= typos && this.count(token, 1) > 0);
  }

  private hasLive(term: number): boolean {
    return this.lists.read(term).some((one) => this.documents.isLive(documentOf(one)));
  }

  /** Lists have the numbers of the dictionary. */
  private addTerm(token: string): number {
    this.lists.addTerm();
    return this.dictionary.add(token);
  }

  /** @returns how many postings are left */
  private sweepTerm(term: number): number {
    const postings = this.lists.read(term);
    let kept = 0;
    for (let at = 0; at < postings.length; at++) {
      const one = postings[at] as number;
      if (this.documents.isLive(documentOf(one))) postings[kept++] = one;
    }
    if (kept < postings.length) this.lists.rewrite(term, postings, kept);
    return kept;
  }
}

function frequenciesOf(document: SearchDocument): Map<string, number> {
  const frequencies = new Map<string, number>();
  SEARCH_FIELDS.forEach((field, at) => {
    for (const token of document.fields[field]) {
      frequencies.set(token, addOccurrence(frequencies.get(token) ?? 0, at));
    }
  });
  for (const facet of document.facets) frequencies.set(facet, 0);
  return frequencies;
}
