import type { Kysely, Transaction } from 'kysely';
import type { Tables } from './tables.js';

export type Dialect = 'sqlite' | 'postgres';

/** Reads and writes inside or outside a transaction. */
export type Queries = Kysely<Tables> | Transaction<Tables>;

export interface DatabaseSnapshot {
  readonly dialect: Dialect;
  readonly schemaVersion: string;
  /** Transactions that committed, were rolled back, and were tried again after a conflict or a lock. */
  readonly committed: number;
  readonly rolledBack: number;
  readonly retried: number;
}

/** The one connection to rows: SQLite in DATA_DIR, or PostgreSQL by DATABASE_URL. Repositories hide it. */
export interface Database {
  readonly dialect: Dialect;
  /** For single statements. */
  readonly queries: Kysely<Tables>;
  /**
   * Runs `work` in one transaction; tried again, `work` included, when the engine reports a serialisation failure,
   * a deadlock or a lock. On SQLite one writing transaction runs at a time: keep them short.
   *
   * @throws PlimsollError `database-unavailable` (locked, full, read-only, connection lost), else what `work` throws
   */
  transaction<T>(work: (queries: Transaction<Tables>) => Promise<T>): Promise<T>;
  /** Hands out `count` positions of the change feed, in commit order; inside a transaction only. @returns the first */
  nextChangeSeq(queries: Transaction<Tables>, count: number): Promise<number>;
  /** One round trip that reads a row. @throws PlimsollError `database-unavailable` */
  ping(): Promise<void>;
  snapshot(): DatabaseSnapshot;
}

/** Injection token of the {@link Database}. */
export const DATABASE = Symbol('DATABASE');
