import { CompiledQuery, type Driver, type TransactionSettings } from 'kysely';
import { toDatabaseError } from '../database-error.js';
import { GuardedConnection } from './guarded-connection.js';

/** Kysely's driver for PostgreSQL, its failures told as ours. */
export class GuardedDriver implements Driver {
  constructor(private readonly inner: Driver) {}

  init(): Promise<void> {
    return this.inner.init();
  }

  async acquireConnection(): Promise<GuardedConnection> {
    return new GuardedConnection(await guarded(this.inner.acquireConnection()));
  }

  beginTransaction({ inner }: GuardedConnection, settings: TransactionSettings): Promise<void> {
    return guarded(this.inner.beginTransaction(inner, settings));
  }

  commitTransaction({ inner }: GuardedConnection): Promise<void> {
    return guarded(this.inner.commitTransaction(inner));
  }

  /** Of a broken connection the server has rolled back by itself; the fault that broke it is what counts. */
  async rollbackTransaction({ inner }: GuardedConnection): Promise<void> {
    await inner.executeQuery(CompiledQuery.raw('rollback')).catch(() => undefined);
  }

  releaseConnection({ inner }: GuardedConnection): Promise<void> {
    return this.inner.releaseConnection(inner);
  }

  destroy(): Promise<void> {
    return this.inner.destroy();
  }
}

async function guarded<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw toDatabaseError(error);
  }
}
