import { sql } from 'kysely';
import type { Clock } from '../clock/index.js';
import type { Database } from '../database/index.js';
import { backoffMs } from './job-backoff.js';
import { CANCEL_REQUESTED } from './job-row.js';

/** Rows of one round; more come with the next. */
const MOST_ROWS = 500;

const RUNNING = sql.lit('running');

/** Puts back what was interrupted by a crash. @internal */
export class JobTakeUp {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly random: () => number,
  ) {}

  /** Jobs whose lease has run out. `isOwn`: claims of this process, which its heartbeat looks after. @returns how many */
  expired(isOwn: (claim: string) => boolean): Promise<number> {
    return this.takeUp(this.clock.now(), (claim) => !isOwn(claim));
  }

  /** Jobs of processes that are gone, however long their leases last. @returns how many */
  orphaned(isOrphan: (claim: string) => boolean): Promise<number> {
    return this.takeUp(null, isOrphan);
  }

  private async takeUp(expiredAt: number | null, wants: (claim: string) => boolean): Promise<number> {
    let query = this.database.queries
      .selectFrom('jobs')
      .select(['id', 'lease_owner', 'lease_until', 'attempts', 'max_attempts', 'error_code'])
      .where('state', '=', RUNNING);
    if (expiredAt !== null) query = query.where('lease_until', '<', expiredAt);
    const rows = await query.limit(MOST_ROWS).execute();
    let count = 0;
    for (const row of rows) {
      if (!wants(row.lease_owner ?? '')) continue;
      const now = this.clock.now();
      const taken = await this.database.queries
        .updateTable('jobs')
        .set({ lease_owner: null, lease_until: null, updated_at: now, ...this.valuesOf(row, now) })
        .where('id', '=', row.id)
        .where('state', '=', RUNNING)
        .where('lease_owner', row.lease_owner === null ? 'is' : '=', row.lease_owner)
        // A heartbeat that came in between keeps it.
        .where('lease_until', row.lease_until === null ? 'is' : '=', row.lease_until)
        .returning('id')
        .executeTakeFirst();
      if (taken !== undefined) count += 1;
    }
    return count;
  }

  private valuesOf(
    row: { readonly attempts: number; readonly max_attempts: number; readonly error_code: string | null },
    now: number,
  ): Readonly<Record<string, string | number | null>> {
    if (row.error_code === CANCEL_REQUESTED)
      return { state: 'cancelled', error_code: null, error_message: null, finished_at: now };
    const error = {
      error_code: 'interrupted',
      error_message: 'The server ended while the operation ran.',
    };
    // A job that takes the process down each time must end somewhere, and let others go first meanwhile.
    if (row.attempts >= row.max_attempts) return { state: 'failed', finished_at: now, ...error };
    const pauseMs = row.attempts <= 1 ? 0 : backoffMs(row.attempts - 1, this.random);
    return { state: 'waiting', run_at: now + pauseMs, ...error };
  }
}
