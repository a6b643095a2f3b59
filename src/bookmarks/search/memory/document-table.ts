import { SEARCH_FIELDS } from '../search-fields.js';
import type { SearchDocument } from '../search-document.js';
import { GrowingArray } from './growing-array.js';

const FIRST_DOCUMENTS = 1_024;
const FIELDS = SEARCH_FIELDS.length;
/** Lengths are kept in a byte: of a longer field it matters only that it is long. */
const MAX_LENGTH = 255;

/** Heap bytes of an id: the string (56), its entry in the map (about 40) and its place in the list (8). */
const ID_BYTES = 104;

/** Documents by number, as columns; a number is used again only when no posting names it any more. */
export class DocumentTable {
  private readonly numbers = new Map<string, number>();
  private readonly ids: (string | undefined)[] = [];
  private readonly created = new GrowingArray((length) => new Float64Array(length), FIRST_DOCUMENTS);
  private readonly modified = new GrowingArray((length) => new Float64Array(length), FIRST_DOCUMENTS);
  private readonly digests = new GrowingArray((length) => new Float64Array(length), FIRST_DOCUMENTS);
  private readonly live = new GrowingArray((length) => new Uint8Array(length), FIRST_DOCUMENTS);
  private readonly lengths = new GrowingArray((length) => new Uint8Array(length), FIRST_DOCUMENTS * FIELDS);
  private readonly totalLengths = SEARCH_FIELDS.map(() => 0);
  private readonly reusable: number[] = [];
  private dead: number[] = [];

  /** Live documents. */
  get count(): number {
    return this.numbers.size;
  }

  /** Removed ones that postings still name. */
  get deadCount(): number {
    return this.dead.length;
  }

  /** Numbers are below this. */
  get capacity(): number {
    return this.ids.length;
  }

  get bytes(): number {
    return (
      this.created.bytes +
      this.modified.bytes +
      this.digests.bytes +
      this.live.bytes +
      this.lengths.bytes +
      ID_BYTES * this.numbers.size +
      8 * (this.ids.length + this.reusable.length + this.dead.length)
    );
  }

  numberOf(id: string): number | undefined {
    return this.numbers.get(id);
  }

  idOf(number: number): string {
    return this.ids[number] ?? '';
  }

  isLive(number: number): boolean {
    return this.live.values[number] === 1;
  }

  /** 1 for each number that lives. */
  get liveness(): Uint8Array {
    return this.live.values;
  }

  /** By number, ms. */
  get creationTimes(): Float64Array {
    return this.created.values;
  }

  get modificationTimes(): Float64Array {
    return this.modified.values;
  }

  createdAt(number: number): number {
    return this.created.values[number] as number;
  }

  /** Whether these words are indexed under this number already. */
  hasDigest(number: number, digest: string): boolean {
    return this.digests.values[number] === Number.parseInt(digest, 16);
  }

  lengthOf(number: number, field: number): number {
    return this.lengths.values[number * FIELDS + field] as number;
  }

  /** Of one field, over the live documents. */
  averageLength(field: number): number {
    return (this.totalLengths[field] as number) / Math.max(1, this.count);
  }

  add(document: SearchDocument): number {
    const number = this.reusable.pop() ?? this.ids.push(undefined) - 1;
    for (const column of [this.created, this.modified, this.digests, this.live]) column.reserve(number + 1);
    this.lengths.reserve((number + 1) * FIELDS);
    this.ids[number] = document.id;
    this.numbers.set(document.id, number);
    this.live.values[number] = 1;
    this.digests.values[number] = Number.parseInt(document.digest, 16);
    this.setTimes(number, document);
    SEARCH_FIELDS.forEach((field, at) => {
      const length = Math.min(MAX_LENGTH, document.fields[field].length);
      this.lengths.values[number * FIELDS + at] = length;
      this.totalLengths[at] = (this.totalLengths[at] as number) + length;
    });
    return number;
  }

  setTimes(
    number: number,
    { createdAt, modifiedAt }: Pick<SearchDocument, 'createdAt' | 'modifiedAt'>,
  ): void {
    this.created.values[number] = createdAt;
    this.modified.values[number] = modifiedAt;
  }

  remove(number: number): void {
    const id = this.ids[number];
    if (id === undefined) return;
    this.ids[number] = undefined;
    this.numbers.delete(id);
    this.live.values[number] = 0;
    this.dead.push(number);
    for (let field = 0; field < FIELDS; field++) {
      this.totalLengths[field] = (this.totalLengths[field] as number) - this.lengthOf(number, field);
    }
  }

  /** Hands over the dead; who takes them gives them to {@link reuse} once no posting names them. */
  takeDead(): readonly number[] {
    const taken = this.dead;
    this.dead = [];
    return taken;
  }

  reuse(numbers: readonly number[]): void {
    this.reusable.push(...numbers);
  }
}
