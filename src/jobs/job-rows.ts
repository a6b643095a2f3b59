import { sql, type Insertable } from 'kysely';
import type { Clock } from '../clock/index.js';
import type { Database, JobsTable, Queries } from '../database/index.js';
import { PlimsollError } from '../errors/index.js';
import type { JobPage } from './job-queue.js';
import { CANCEL_REQUESTED, LISTED_COLUMNS, toJobView } from './job-row.js';
import type { JobState, JobView, NewJob } from './job.js';
import { NewJobRows } from './new-job-rows.js';

/** Rows of one statement (measured: 1 000 held the event loop for 35 to 70 ms). */
const ROWS_PER_STATEMENT = 200;

/** A job can end between "it is there already" and reading it; each round needs another such accident. */
const ENQUEUE_ROUNDS = 5;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface ListJobs {
  readonly kind?: string;
  readonly state?: JobState;
  readonly limit: number;
  readonly cursor?: string;
}

/** What people and other rooms do with jobs: the rows, apart from running them. @internal */
export class JobRows {
  private readonly newRows: NewJobRows;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {
    this.newRows = new NewJobRows(clock);
  }

  /** The job, or the one that has its key and has not ended. */
  async enqueue(job: NewJob, queries: Queries): Promise<{ readonly view: JobView; readonly isNew: boolean }> {
    const row = this.newRows.of(job);
    for (let round = 0; round < ENQUEUE_ROUNDS; round += 1) {
      const inserted = await queries
        .insertInto('jobs')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .returningAll()
        .executeTakeFirst();
      if (inserted !== undefined) return { view: toJobView(inserted), isNew: true };
      const other = await this.activeByKey(row.dedupe_key, queries);
      if (other !== null) return { view: other, isNew: false };
    }
    throw new PlimsollError('internal-error', 'The job could not be queued.');
  }

  /** @returns how many were new */
  async enqueueAll(jobs: readonly NewJob[], within: Queries | undefined): Promise<number> {
    const rows = jobs.map((job) => this.newRows.of(job));
    if (rows.length === 0) return 0;
    if (within !== undefined) return this.insert(rows, within);
    if (rows.length <= ROWS_PER_STATEMENT) return this.insert(rows, this.database.queries);
    return this.database.transaction((queries) => this.insert(rows, queries));
  }

  async find(id: string): Promise<JobView | null> {
    const row = await this.database.queries
      .selectFrom('jobs')
      .select([...LISTED_COLUMNS, 'result'])
      .where('id', '=', id)
      .executeTakeFirst();
    return row === undefined ? null : toJobView(row);
  }

  /** Newest first: ids begin with the time. */
  async list({ kind, state, limit, cursor }: ListJobs): Promise<JobPage> {
    let query = this.database.queries.selectFrom('jobs').select(LISTED_COLUMNS);
    if (kind !== undefined) query = query.where('kind', '=', kind);
    if (state !== undefined) query = query.where('state', '=', state);
    if (cursor !== undefined) query = query.where('id', '<', jobIdOf(cursor));
    const rows = await query
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    const jobs = rows.slice(0, limit).map(toJobView);
    return { jobs, nextCursor: rows.length > limit ? (jobs.at(-1)?.id ?? null) : null };
  }

  /** `running`: it was asked to stop. `null`: there is none that has not ended. */
  async cancel(id: string): Promise<'waiting' | 'running' | null> {
    const now = this.clock.now();
    const jobs = (): ReturnType<typeof this.database.queries.updateTable<'jobs'>> =>
      this.database.queries.updateTable('jobs');
    const waiting = await jobs()
      .set({ state: 'cancelled', error_code: null, error_message: null, finished_at: now, updated_at: now })
      .where('id', '=', id)
      .where('state', '=', 'waiting')
      .returning('id')
      .executeTakeFirst();
    if (waiting !== undefined) return 'waiting';
    const running = await jobs()
      .set({ error_code: CANCEL_REQUESTED, error_message: null, updated_at: now })
      .where('id', '=', id)
      .where('state', '=', 'running')
      .returning('id')
      .executeTakeFirst();
    return running === undefined ? null : 'running';
  }

  async retry(id: string): Promise<JobView | null> {
    const { queries } = this.database;
    const now = this.clock.now();
    try {
      const row = await queries
        .updateTable('jobs')
        .set({
          state: 'waiting',
          attempts: 0,
          run_at: now,
          result: null,
          error_code: null,
          error_message: null,
          finished_at: null,
          updated_at: now,
        })
        .where('id', '=', id)
        .where('state', 'in', ['failed', 'cancelled'])
        .returning(LISTED_COLUMNS)
        .executeTakeFirst();
      return row === undefined ? null : toJobView(row);
    } catch (error) {
      // The unique key of jobs that have not ended refuses a second one.
      const ended = await queries
        .selectFrom('jobs')
        .select('dedupe_key')
        .where('id', '=', id)
        .executeTakeFirst();
      const other = await this.activeByKey(ended?.dedupe_key ?? null, queries);
      if (other === null) throw error;
      return other;
    }
  }

  /** Rows by kind and state; one walk of a small index. */
  async count(): Promise<
    readonly { readonly kind: string; readonly state: JobState; readonly count: number }[]
  > {
    const rows = await this.database.queries
      .selectFrom('jobs')
      .select(['kind', 'state', ({ fn }) => fn.countAll().as('count')])
      .groupBy(['kind', 'state'])
      .execute();
    return rows.map(({ kind, state, count }) => ({ kind, state: state as JobState, count: Number(count) }));
  }

  private async insert(rows: readonly Insertable<JobsTable>[], queries: Queries): Promise<number> {
    let inserted = 0;
    for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
      const result = await queries
        .insertInto('jobs')
        .values(rows.slice(from, from + ROWS_PER_STATEMENT))
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      inserted += Number(result.numInsertedOrUpdatedRows ?? 0);
    }
    return inserted;
  }

  private async activeByKey(key: string | null, queries: Queries): Promise<JobView | null> {
    if (key === null) return null;
    const row = await queries
      .selectFrom('jobs')
      .select(LISTED_COLUMNS)
      .where('dedupe_key', '=', key)
      // Written out, so that SQLite sees the condition of the partial index.
      .where('state', 'in', [sql.lit('waiting'), sql.lit('running')])
      .executeTakeFirst();
    return row === undefined ? null : toJobView(row);
  }
}

/** @throws PlimsollError `invalid-cursor` */
function jobIdOf(cursor: string): string {
  if (UUID.test(cursor)) return cursor;
  throw new PlimsollError('invalid-cursor', 'The cursor must be the nextCursor of an earlier page.');
}
