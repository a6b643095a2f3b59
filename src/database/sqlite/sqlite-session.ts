import type { Statement } from 'better-sqlite3';
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import type { Clock } from '../../clock/index.js';
import { PlimsollError } from '../../errors/index.js';
import { toDatabaseError } from '../database-error.js';
import { whenUnlocked } from './lock-wait.js';
import type { Statements } from './statements.js';
import type { Turn } from './turn.js';
import type { WriteQueue } from './write-queue.js';

export interface SqliteParts {
  /** `null` when the server runs read-only. */
  readonly writer: Statements | null;
  /** Sees what was committed, also while a transaction is open on the writer. */
  readonly reader: Statements;
  readonly queue: WriteQueue;
  /** Called after each commit; resolves when it is durable. */
  readonly committed: () => Promise<void>;
  readonly turn: Turn;
  /** Of the waits for locks of other processes. */
  readonly lockClock: Clock;
}

/** What Kysely takes for a connection: reads go to the reader, a transaction or a single write to the writer in its turn. */
export class SqliteSession implements DatabaseConnection {
  private leave: (() => void) | null = null;

  constructor(private readonly parts: SqliteParts) {}

  async begin(): Promise<void> {
    const writer = this.writer();
    this.leave = await this.parts.queue.enter();
    try {
      // Immediate: the lock is had now or never, no statement later on can fail for it.
      await this.whenUnlocked(() => writer.prepare('begin immediate').run());
    } catch (error) {
      this.release();
      throw error;
    }
  }

  async commit(): Promise<void> {
    this.end('commit');
    // The next writer begins while this commit is flushed.
    this.release();
    await this.parts.committed();
  }

  rollback(): Promise<void> {
    // A commit whose flush failed has left already; a full disk has rolled back by itself.
    if (this.leave !== null && this.writer().file.inTransaction) this.end('rollback');
    return Promise.resolve();
  }

  release(): void {
    this.leave?.();
    this.leave = null;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const pause = this.parts.turn.pause();
    if (pause !== undefined) await pause;
    try {
      if (this.leave !== null) return run(this.writer().prepare(sql), parameters);
      this.parts.queue.assertOpen();
      const statement = this.parts.reader.prepare(sql);
      if (statement.readonly) return await this.whenUnlocked(() => run(statement, parameters));
      return await this.write(sql, parameters);
    } catch (error) {
      throw toDatabaseError(error);
    }
  }

  streamQuery(): never {
    throw new Error(
      'Large results are read in keyset pages: a stream would hold back the checkpoint of the file.',
    );
  }

  private async write<R>(sql: string, parameters: readonly unknown[]): Promise<QueryResult<R>> {
    const statement = this.writer().prepare(sql);
    const leave = await this.parts.queue.enter();
    let result: QueryResult<R>;
    try {
      result = await this.whenUnlocked(() => run(statement, parameters));
    } finally {
      leave();
    }
    await this.parts.committed();
    return result;
  }

  private end(command: 'commit' | 'rollback'): void {
    try {
      this.writer().prepare(command).run();
    } catch (error) {
      throw toDatabaseError(error);
    }
  }

  private async whenUnlocked<T>(attempt: () => T): Promise<T> {
    try {
      return await whenUnlocked(this.parts.lockClock, attempt);
    } catch (error) {
      throw toDatabaseError(error);
    }
  }

  private writer(): Statements {
    if (this.parts.writer !== null) return this.parts.writer;
    throw new PlimsollError(
      'read-only',
      'This server runs read-only: nothing is stored, changed or deleted.',
    );
  }
}

function run<R>(statement: Statement, parameters: readonly unknown[]): QueryResult<R> {
  if (statement.reader) return { rows: statement.all(parameters) as R[] };
  const { changes } = statement.run(parameters);
  return { numAffectedRows: BigInt(changes), rows: [] };
}
