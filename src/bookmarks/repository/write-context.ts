import type { Transaction } from 'kysely';
import type { Database, Tables } from '../../database/index.js';

/** What every write works with: the one transaction it is part of. */
export interface WriteContext {
  readonly database: Database;
  readonly queries: Transaction<Tables>;
  readonly newId: () => string;
  /** Epoch ms. */
  readonly now: number;
}
