import type { Transaction } from 'kysely';
import type { Dialect } from '../database.js';
import type { Tables } from '../tables.js';

/** One step of the schema. All that are missing run in one transaction, on both engines. */
export interface Migration {
  /** `NNNN-what`, in the order of the list; never renamed. */
  readonly name: string;
  up(queries: Transaction<Tables>, dialect: Dialect): Promise<void>;
}
