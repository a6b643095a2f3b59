import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { DATABASE, type Database } from '../../database/index.js';
import { EXTERNAL_IDS } from './karakeep-draft.js';

/** Rows of one statement; far under the limits of both engines, and some milliseconds of SQLite. */
const BATCH = 100;

/** Names of the rows in `state`, one for each bookmark that the present sweep has met. */
const PREFIX = 'karakeep.seen/';
/** The first text behind all that begin with a prefix which ends with the character before. */
const BEHIND_PREFIX = 'karakeep.seen0';

/** Bookmarks that came from Karakeep, a page in the order of their external ids. */
export interface SeenPage {
  readonly known: number;
  /** Ids of ours whose originals the sweep has not met. */
  readonly missing: readonly string[];
  /** Where the next page begins; `null` behind the last. */
  readonly next: string | null;
}

/**
 * What a sweep has met, in the database: a set of any size needs no memory, and a sweep that is interrupted knows it
 * again. Marks of another sweep count as none.
 */
@Injectable()
export class KarakeepSeen {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws PlimsollError `database-unavailable` */
  async mark(sweep: string, externalIds: readonly string[]): Promise<void> {
    const ids = [...new Set(externalIds)];
    const [value, updatedAt] = [JSON.stringify(sweep), this.clock.now()];
    for (let at = 0; at < ids.length; at += BATCH) {
      const rows = ids
        .slice(at, at + BATCH)
        .map((id) => ({ name: PREFIX + id, value, updated_at: updatedAt }));
      await this.database.transaction((queries) =>
        queries
          .insertInto('state')
          .values(rows)
          .onConflict((conflict) => conflict.column('name').doUpdateSet({ value, updated_at: updatedAt }))
          .execute(),
      );
    }
  }

  /** The page behind the external id. @throws PlimsollError `database-unavailable` */
  async page(sweep: string, behind: string | null): Promise<SeenPage> {
    const { queries } = this.database;
    const rows = await queries
      .selectFrom('bookmarks')
      .select(['id', 'external_id'])
      .where('external_id', '>', behind ?? EXTERNAL_IDS.prefix)
      .where('external_id', '<', EXTERNAL_IDS.behind)
      .orderBy('external_id')
      .limit(BATCH)
      .execute();
    const names = rows.map((row) => PREFIX + String(row.external_id));
    const marks =
      names.length === 0
        ? []
        : await queries
            .selectFrom('state')
            .select('name')
            .where('name', 'in', names)
            .where('value', '=', JSON.stringify(sweep))
            .execute();
    const met = new Set(marks.map(({ name }) => name));
    return {
      known: rows.length,
      missing: rows.filter((_row, place) => !met.has(names[place] as string)).map(({ id }) => id),
      next: rows.length < BATCH ? null : (rows.at(-1)?.external_id ?? null),
    };
  }

  /** Takes all marks away. @throws PlimsollError `database-unavailable` */
  async clear(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const rows = await this.database.queries
        .selectFrom('state')
        .select('name')
        .where('name', '>', PREFIX)
        .where('name', '<', BEHIND_PREFIX)
        .limit(BATCH)
        .execute();
      if (rows.length === 0) return;
      const names = rows.map(({ name }) => name);
      await this.database.transaction((queries) =>
        queries.deleteFrom('state').where('name', 'in', names).execute(),
      );
    }
  }
}
