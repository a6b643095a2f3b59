import { sql, type RawBuilder } from 'kysely';
import type { Dialect } from '../database.js';

export interface ColumnTypes {
  /** Compared by bytes on both engines, so that a keyset page means the same. */
  readonly text: RawBuilder<unknown>;
  /** Up to 2^53. */
  readonly integer: RawBuilder<unknown>;
}

/** Names of column types that read and sort alike on both engines. */
export function columnTypes(dialect: Dialect): ColumnTypes {
  return dialect === 'sqlite'
    ? { text: sql`text`, integer: sql`integer` }
    : { text: sql`text collate "C"`, integer: sql`bigint` };
}
