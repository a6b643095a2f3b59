import type { Driver } from 'kysely';
import { SqliteSession, type SqliteParts } from './sqlite-session.js';

/**
 * Kysely's own driver has one connection, compiles every statement anew, waits for a lock by blocking, and never lets the
 * event loop go. This one reads beside an open transaction, keeps statements, and shares the loop.
 */
export class SqliteDriver implements Driver {
  /** @param finish runs when no writer is left, before the files close */
  constructor(
    private readonly parts: SqliteParts,
    private readonly finish: () => Promise<void>,
  ) {}

  init(): Promise<void> {
    return Promise.resolve();
  }

  acquireConnection(): Promise<SqliteSession> {
    return Promise.resolve(new SqliteSession(this.parts));
  }

  beginTransaction(session: SqliteSession): Promise<void> {
    return session.begin();
  }

  commitTransaction(session: SqliteSession): Promise<void> {
    return session.commit();
  }

  rollbackTransaction(session: SqliteSession): Promise<void> {
    return session.rollback();
  }

  releaseConnection(session: SqliteSession): Promise<void> {
    session.release();
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    const { writer, reader, queue } = this.parts;
    await queue.close();
    await this.finish();
    writer?.finish();
    if (reader !== writer) writer?.close();
    // Last: a connection that only reads leaves the log, emptied, and the memory that is shared beside the file. Without
    // them nobody could open it where nothing may be written.
    reader.close();
  }
}
