import type { Clock } from '../clock/index.js';
import type { Database } from '../database/index.js';

/** Rows of one statement: the write lock is held for some milliseconds. */
const ROWS_PER_STATEMENT = 500;

/** Most statements of one round and kind; the rest waits for the next round. */
const STATEMENTS_PER_ROUND = 20;

/** Forgets jobs that ended long enough ago. @internal */
export class JobPruning {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** @returns how many were deleted */
  async prune(kind: string, keepMs: number, signal: AbortSignal): Promise<number> {
    const endedBefore = this.clock.now() - keepMs;
    let pruned = 0;
    for (let statement = 0; statement < STATEMENTS_PER_ROUND && !signal.aborted; statement += 1) {
      const { numDeletedRows } = await this.database.queries
        .deleteFrom('jobs')
        .where('id', 'in', (rows) =>
          rows
            .selectFrom('jobs')
            .select('id')
            .where('kind', '=', kind)
            .where('state', 'in', ['done', 'failed', 'cancelled'])
            .where('finished_at', '<', endedBefore)
            .limit(ROWS_PER_STATEMENT),
        )
        .executeTakeFirst();
      pruned += Number(numDeletedRows);
      if (Number(numDeletedRows) < ROWS_PER_STATEMENT) break;
    }
    return pruned;
  }
}
