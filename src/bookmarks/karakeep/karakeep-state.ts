import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { DATABASE, type Database } from '../../database/index.js';

/** What one run did. */
export interface KarakeepRun {
  readonly mode: 'pull' | 'sweep';
  /** Epoch ms. */
  readonly at: number;
  readonly seen: number;
  readonly created: number;
  readonly updated: number;
  readonly removed: number;
  /** Notes and files, unreadable items, URLs that cannot be kept. */
  readonly skipped: number;
  /** Why deletions were not carried out; null when they were, or there were none. */
  readonly refused: string | null;
}

/** Bookkeeping that outlives the process. */
export interface KarakeepState {
  /** Epoch ms of the newest `createdAt` that a pull has seen. */
  readonly newestAt: number;
  /** Epoch ms of the last sweep that went through. */
  readonly sweptAt: number;
  readonly lastRun: KarakeepRun | null;
}

const NAME = 'karakeep';
const NOTHING: KarakeepState = { newestAt: 0, sweptAt: 0, lastRun: null };

/** Reads and writes the state of the sync. */
@Injectable()
export class KarakeepStates {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws PlimsollError `database-unavailable` */
  async read(): Promise<KarakeepState> {
    const row = await this.database.queries
      .selectFrom('state')
      .select('value')
      .where('name', '=', NAME)
      .executeTakeFirst();
    if (row === undefined) return NOTHING;
    return { ...NOTHING, ...(JSON.parse(row.value) as Partial<KarakeepState>) };
  }

  /** @throws PlimsollError `database-unavailable` */
  async write(state: KarakeepState): Promise<void> {
    const row = { name: NAME, value: JSON.stringify(state), updated_at: this.clock.now() };
    await this.database.transaction((queries) =>
      queries
        .insertInto('state')
        .values(row)
        .onConflict((conflict) =>
          conflict.column('name').doUpdateSet({ value: row.value, updated_at: row.updated_at }),
        )
        .execute(),
    );
  }
}
