import { sql, type Transaction } from 'kysely';
import type { Clock } from '../clock/index.js';
import type { Database, Queries, Tables } from '../database/index.js';
import { parseJson } from './job-json.js';
import type { JobOutcome } from './job-outcome.js';
import { CANCEL_REQUESTED, outcomeColumns } from './job-row.js';
import type { JobProgress } from './job.js';

/**
 * Chosen: long enough for a process that is starved for some seconds, short enough that a job of a dead one goes on
 * soon. Processes that share a database must agree on the time to within a few seconds.
 */
export const LEASE_MS = 30_000;

export interface Candidate {
  readonly id: string;
  readonly kind: string;
  readonly priority: number;
  readonly runAt: number;
}

export interface ClaimedJob {
  readonly id: string;
  readonly kind: string;
  readonly claim: string;
  readonly payload: unknown;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly progress: JobProgress | null;
}

const WAITING = sql.lit('waiting');
const RUNNING = sql.lit('running');

/**
 * The rows as whoever runs jobs needs them. A claim is a name of its own in `lease_owner`: every later write demands
 * it, so that a run that lost its claim writes nothing. @internal
 */
export class JobClaims {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** What is due, the most urgent first, for each kind at most as many as wanted. One indexed query. */
  async candidates(wanted: ReadonlyMap<string, number>): Promise<Candidate[]> {
    const { queries } = this.database;
    const now = this.clock.now();
    const parts = [...wanted].map(([kind, count]) =>
      queries
        .selectFrom(
          queries
            .selectFrom('jobs')
            .select(['id', 'kind', 'priority', 'run_at'])
            .where('state', '=', WAITING)
            .where('kind', '=', kind)
            // Not for an index by time: all that is due would be read and sorted for the first few.
            .where(sql<number>`run_at + 0`, '<=', now)
            .orderBy('priority')
            .orderBy('run_at')
            .orderBy('id')
            .limit(count)
            .as('due'),
        )
        .selectAll(),
    );
    const [first, ...others] = parts;
    if (first === undefined) return [];
    const rows = await others.reduce((union, part) => union.unionAll(part), first).execute();
    return rows
      .map(({ run_at: runAt, ...row }) => ({ ...row, runAt }))
      .sort((a, b) => a.priority - b.priority || a.runAt - b.runAt || (a.id < b.id ? -1 : 1));
  }

  /** When the next job of each kind is due, epoch ms; kinds without a waiting job are missing. One indexed query. */
  async nextDue(kinds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { queries } = this.database;
    const parts = kinds.map((kind) =>
      queries
        .selectFrom(
          queries
            .selectFrom('jobs')
            .select(['kind', 'run_at'])
            .where('state', '=', WAITING)
            .where('kind', '=', kind)
            .orderBy('run_at')
            .limit(1)
            .as('next'),
        )
        .selectAll(),
    );
    const [first, ...others] = parts;
    if (first === undefined) return new Map();
    const rows = await others.reduce((union, part) => union.unionAll(part), first).execute();
    return new Map(rows.map(({ kind, run_at: runAt }) => [kind, runAt]));
  }

  /** `undefined`: another process was faster, or it was cancelled. */
  async claim(id: string, claim: string): Promise<ClaimedJob | undefined> {
    const now = this.clock.now();
    const row = await this.database.queries
      .updateTable('jobs')
      .set(({ eb }) => ({
        state: 'running',
        lease_owner: claim,
        lease_until: now + LEASE_MS,
        attempts: eb('attempts', '+', 1),
        error_code: null,
        error_message: null,
        updated_at: now,
      }))
      .where('id', '=', id)
      .where('state', '=', WAITING)
      .returning(['id', 'kind', 'payload', 'attempts', 'max_attempts', 'progress'])
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return {
      id: row.id,
      kind: row.kind,
      claim,
      payload: parseJson(row.payload),
      attempts: row.attempts,
      maxAttempts: row.max_attempts,
      progress: parseJson(row.progress) as JobProgress | null,
    };
  }

  /** Renews these claims. @returns those that still hold, and whether someone wants their job cancelled */
  async renew(claims: readonly string[]): Promise<ReadonlyMap<string, { readonly isCancelled: boolean }>> {
    const rows = await this.database.queries
      .updateTable('jobs')
      .set({ lease_until: this.clock.now() + LEASE_MS })
      .where('state', '=', RUNNING)
      .where('lease_owner', 'in', claims)
      .returning(['lease_owner', 'error_code'])
      .execute();
    return new Map(
      rows.map(({ lease_owner: claim, error_code: code }) => [
        claim ?? '',
        { isCancelled: code === CANCEL_REQUESTED },
      ]),
    );
  }

  /** @returns whether the claim still held */
  async saveProgress(
    job: ClaimedJob,
    progress: string,
    gotFurther: boolean,
    within?: Transaction<Tables>,
  ): Promise<boolean> {
    const now = this.clock.now();
    const queries: Queries = within ?? this.database.queries;
    const row = await queries
      .updateTable('jobs')
      .set({
        progress,
        lease_until: now + LEASE_MS,
        updated_at: now,
        ...(gotFurther ? { attempts: 1 } : {}),
      })
      .where('id', '=', job.id)
      .where('state', '=', RUNNING)
      .where('lease_owner', '=', job.claim)
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  }

  /** @returns what was written: `cancelled` in place of another attempt when someone asked for it; `null` when the claim is lost */
  async settle(job: ClaimedJob, outcome: JobOutcome): Promise<JobOutcome['kind'] | null> {
    if (await this.write(job, outcome)) return outcome.kind;
    if (outcome.kind !== 'again' && outcome.kind !== 'postponed') return null;
    return (await this.write(job, { kind: 'cancelled' })) ? 'cancelled' : null;
  }

  private async write({ id, claim }: ClaimedJob, outcome: JobOutcome): Promise<boolean> {
    const now = this.clock.now();
    const comesAgain = outcome.kind === 'again' || outcome.kind === 'postponed';
    const row = await this.database.queries
      .updateTable('jobs')
      .set({ lease_owner: null, lease_until: null, updated_at: now })
      .set(outcomeColumns(outcome, now))
      .$if(outcome.kind === 'postponed', (query) =>
        query.set({ attempts: sql<number>`case when attempts > 0 then attempts - 1 else 0 end` }),
      )
      .where('id', '=', id)
      .where('state', '=', RUNNING)
      .where('lease_owner', '=', claim)
      // Of a running job it is null, or says that someone cancelled it.
      .$if(comesAgain, (query) => query.where('error_code', 'is', null))
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  }
}
