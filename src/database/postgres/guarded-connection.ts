import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import { toDatabaseError } from '../database-error.js';

/** A connection whose failures are ours. */
export class GuardedConnection implements DatabaseConnection {
  constructor(readonly inner: DatabaseConnection) {}

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    try {
      return await this.inner.executeQuery<R>(query);
    } catch (error) {
      throw toDatabaseError(error);
    }
  }

  streamQuery(): never {
    throw new Error('Large results are read in keyset pages: a stream would hold a connection.');
  }
}
