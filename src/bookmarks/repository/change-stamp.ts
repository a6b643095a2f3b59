import type { Transaction } from 'kysely';
import type { Database, Tables } from '../../database/index.js';

export interface ChangeStamp {
  /** The first of the positions. */
  readonly seq: number;
  /** Epoch ms of the change; never before that of an earlier position. */
  readonly at: number;
}

/** A clock that ran ahead by more than this was wrong and has been set, ms: its times are no longer followed. */
const MAX_AHEAD_MS = 600_000;

/**
 * Takes `count` positions of the feed, and with them, on PostgreSQL, the lock that makes their order that of the commits.
 * Times follow the positions, also when the clock is set back a little or two machines disagree: `modifiedSince` would miss
 * changes otherwise.
 */
export async function takeStamp(
  database: Database,
  queries: Transaction<Tables>,
  count: number,
  now: number,
): Promise<ChangeStamp> {
  const seq = await database.nextChangeSeq(queries, count);
  const { value } = await queries
    .updateTable('counters')
    .set((eb) => ({
      value: eb
        .case()
        .when(eb.and([eb('value', '>', now), eb('value', '<=', now + MAX_AHEAD_MS)]))
        .then(eb.ref('value'))
        .else(now)
        .end(),
    }))
    .where('name', '=', 'modified_at')
    .returning('value')
    .executeTakeFirstOrThrow();
  return { seq, at: value };
}
