import { sql, type Kysely, type Transaction } from 'kysely';
import type { OnApplicationShutdown } from '@nestjs/common';
import type { Clock } from '../clock/index.js';
import { PlimsollError } from '../errors/index.js';
import type { Database, DatabaseSnapshot, Dialect } from './database.js';
import { isConflict, toDatabaseError } from './database-error.js';
import type { Engine } from './engine.js';
import type { Tables } from './tables.js';

/** Attempts of a transaction that conflicts with others (chosen). */
const MAX_ATTEMPTS = 5;

/** Pause before the second attempt, ms; doubled each time, halved to full at random. */
const FIRST_PAUSE_MS = 10;

/** The {@link Database} on either engine. */
export class SqlDatabase implements Database, OnApplicationShutdown {
  private committed = 0;
  private rolledBack = 0;
  private retried = 0;
  private closing: Promise<void> | null = null;

  /** @param schemaVersion name of the newest migration */
  constructor(
    private readonly engine: Engine,
    private readonly schemaVersion: string,
    private readonly clock: Clock,
    private readonly random: () => number = Math.random,
    private readonly onClosed: () => void = () => undefined,
  ) {}

  get dialect(): Dialect {
    return this.engine.dialect;
  }

  get queries(): Kysely<Tables> {
    return this.engine.kysely;
  }

  async transaction<T>(work: (queries: Transaction<Tables>) => Promise<T>): Promise<T> {
    if (this.engine.readOnly) {
      throw new PlimsollError(
        'read-only',
        'This server runs read-only: nothing is stored, changed or deleted.',
      );
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await this.engine.kysely.transaction().execute(work);
        this.committed++;
        return result;
      } catch (error) {
        this.rolledBack++;
        if (!isConflict(error) || attempt === MAX_ATTEMPTS) throw toDatabaseError(error);
      }
      this.retried++;
      const pauseMs = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + this.random() / 2);
      await new Promise<void>((resolve) => void this.clock.after(pauseMs, resolve));
    }
  }

  async nextChangeSeq(queries: Transaction<Tables>, count: number): Promise<number> {
    const { value } = await queries
      .updateTable('counters')
      .set(({ eb }) => ({ value: eb('value', '+', count) }))
      .where('name', '=', 'change_seq')
      .returning('value')
      .executeTakeFirstOrThrow();
    return value - count + 1;
  }

  async ping(): Promise<void> {
    await sql`select value from counters where name = 'change_seq'`.execute(this.engine.kysely);
  }

  snapshot(): DatabaseSnapshot {
    const { committed, rolledBack, retried, schemaVersion } = this;
    return { dialect: this.dialect, schemaVersion, committed, rolledBack, retried };
  }

  /** Global modules close last first, and this one is listed before all that use it. */
  onApplicationShutdown(): Promise<void> {
    this.closing ??= this.engine.close().finally(this.onClosed);
    return this.closing;
  }
}
