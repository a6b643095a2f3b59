import type { Database, Queries, Tables } from '../../../database/index.js';
import type { Transaction } from 'kysely';

/** Row of `state`. */
const NAME = 'search.position';

interface Position {
  readonly version: number;
  readonly seq: number;
}

/**
 * How far the full-text tables have followed the change feed, and by which rules their words were made. It changes in the
 * transaction that writes the words.
 */
export class FeedPosition {
  /** @param version of the rules; a position of another one counts as none */
  constructor(
    private readonly dialect: Database['dialect'],
    private readonly version: number,
  ) {}

  /** `null` when there is none. */
  async read(queries: Queries): Promise<number | null> {
    const row = await queries.selectFrom('state').select('value').where('name', '=', NAME).executeTakeFirst();
    return this.parse(row?.value);
  }

  /** The same, and keeps other processes from moving it until the transaction ends. */
  async lock(queries: Transaction<Tables>): Promise<number | null> {
    const query = queries.selectFrom('state').select('value').where('name', '=', NAME);
    // On SQLite a transaction that writes is alone anyway.
    const row = await (this.dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst();
    return this.parse(row?.value);
  }

  async save(queries: Transaction<Tables>, seq: number, now: number): Promise<void> {
    const value = JSON.stringify({ version: this.version, seq } satisfies Position);
    await queries
      .insertInto('state')
      .values({ name: NAME, value, updated_at: now })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value, updated_at: now }))
      .execute();
  }

  private parse(value: string | undefined): number | null {
    if (value === undefined) return null;
    try {
      const { version, seq } = JSON.parse(value) as Partial<Position>;
      return version === this.version && typeof seq === 'number' && Number.isSafeInteger(seq) ? seq : null;
    } catch {
      return null;
    }
  }
}
