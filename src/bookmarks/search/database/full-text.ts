import type { ResolvedWord } from '../query/resolve-words.js';
import type { SearchDocument } from '../search-document.js';
import type { SearchQueries } from './search-tables.js';

/** What a database is asked for; every token is its own and contains nothing that either engine would take for syntax. */
export interface FullTextQuery {
  /** All of them. */
  readonly words: readonly ResolvedWord[];
  /** Tokens that follow each other. */
  readonly sequences: readonly (readonly string[])[];
  /** All of them. */
  readonly facets: readonly string[];
  /** One of them; `null` asks for none. They say the dates as months or years: more may match. */
  readonly periods: readonly string[] | null;
  /** Created before and after this, epoch ms, both exclusive. */
  readonly before: number | null;
  readonly after: number | null;
  /** None of them. */
  readonly excluded: readonly string[];
}

export interface FullTextRow {
  readonly id: string;
  readonly created_at: number;
  readonly modified_at: number;
  /** Larger is better; 0 when nothing was scored. */
  readonly score: number;
  /** For the order by title. */
  readonly title_key: string | null;
}

export interface CandidateOptions {
  /** The newest of the matches, by when they came, so many. */
  readonly atMost: number;
  readonly isScored: boolean;
  readonly withTitle: boolean;
}

/** What SQLite and PostgreSQL do differently. */
export interface FullText {
  readonly name: 'sqlite-fts' | 'postgres';
  /** Documents with the token, or with one that begins so, counted up to `atMost`. */
  count(queries: SearchQueries, token: string, isBeginning: boolean, atMost: number): Promise<number>;
  candidates(
    queries: SearchQueries,
    query: FullTextQuery,
    options: CandidateOptions,
  ): Promise<readonly FullTextRow[]>;
  /** Writes documents that are new or have changed. Rows of their ids that were there before are replaced. */
  write(queries: SearchQueries, documents: readonly SearchDocument[]): Promise<void>;
  remove(queries: SearchQueries, ids: readonly string[]): Promise<void>;
  /** Forgets everything. */
  clear(queries: SearchQueries): Promise<void>;
}
