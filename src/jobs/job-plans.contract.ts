import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CompiledQuery, sql } from 'kysely';
import { FakeClock } from '../../test/support/fake-clock.js';
import type { TestDatabase } from '../../test/support/test-database.js';
import type { Database, Queries } from '../database/index.js';
import { JobClaims } from './job-claims.js';
import { JobPruning } from './job-pruning.js';
import { JobRows } from './job-rows.js';
import { JobTakeUp } from './job-take-up.js';

const JOBS = 100_000;

/** A table that is read whole, or rows that are sorted in place of an index that is walked. */
const COSTLY = {
  sqlite: /^USE TEMP B-TREE|^SCAN jobs(?! USING)/,
  postgres: /Seq Scan on jobs|Sort Key/,
};

/** How the engine goes about the statements of the queue when there are 100 000 jobs, nearly all of one kind and done. */
export function describeJobPlans(engine: string, open: () => Promise<TestDatabase>): void {
  describe(`the plans of jobs on ${engine}`, () => {
    const clock = new FakeClock();
    let test: TestDatabase;
    let database: Database;
    let seen: CompiledQuery[] = [];

    beforeAll(async () => {
      test = await open();
      await fill(test.database);
      database = watched(test.database);
    }, 60_000);

    afterAll(() => test.close());

    /** Nineteen of twenty have ended; one in a hundred waits, is of a rare kind, or runs. */
    async function fill({ queries, dialect }: Database): Promise<void> {
      const numbers =
        dialect === 'sqlite'
          ? sql`with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${JOBS})`
          : sql`with numbers as (select n from generate_series(1, ${JOBS}) as n)`;
      const id =
        dialect === 'sqlite'
          ? sql`printf('0189%04d-%04d-7000-8000-000000000000', n / 10000, n % 10000)`
          : sql`format('0189%s-%s-7000-8000-000000000000', lpad((n / 10000)::text, 4, '0'), lpad((n % 10000)::text, 4, '0'))`;
      await sql`insert into jobs (id, kind, payload, dedupe_key, state, priority, attempts, max_attempts, run_at,
          lease_owner, lease_until, created_at, updated_at, finished_at)
        ${numbers} select ${id}, case when n % 1000 = 0 then 'import' else 'enrich' end, '{}', null,
          case when n % 100 = 7 then 'waiting' when n % 10000 = 11 then 'running' when n % 100 = 23 then 'failed' else 'done' end,
          100, 0, 5, n, case when n % 10000 = 11 then 'a' end, case when n % 10000 = 11 then n end, n, n,
          case when n % 100 <> 7 and n % 10000 <> 11 then n end
        from numbers`.execute(queries);
      if (dialect === 'postgres') await sql`analyze jobs`.execute(queries);
    }

    function watched(inner: Database): Database {
      const queries: Queries = inner.queries.withPlugin({
        transformQuery: ({ node }) => node,
        transformResult: ({ result }) => Promise.resolve(result),
      });
      const executor = queries.getExecutor();
      const execute = executor.executeQuery.bind(executor);
      executor.executeQuery = (query, ...rest) => {
        seen.push(query);
        return execute(query, ...rest);
      };
      return new Proxy(inner, {
        get: (target, name) => {
          if (name === 'queries') return queries;
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    }

    /** Steps of the plan of every statement that `work` sends. */
    async function plansOf(work: () => Promise<unknown>): Promise<string[]> {
      seen = [];
      await work();
      const { dialect, queries } = test.database;
      const steps: string[] = [];
      for (const { sql: text, parameters } of seen) {
        const words = dialect === 'sqlite' ? 'explain query plan' : 'explain';
        const { rows } = await queries.executeQuery<Record<string, string>>(
          CompiledQuery.raw(`${words} ${text}`, [...parameters]),
        );
        steps.push(...rows.map((row) => row['detail'] ?? row['QUERY PLAN'] ?? ''));
      }
      return steps;
    }

    const expectDirect = (steps: readonly string[], index: RegExp): void => {
      expect(steps.join('\n')).toMatch(index);
      expect(steps.filter((step) => COSTLY[test.database.dialect].test(step))).toEqual([]);
    };
    const rows = (): JobRows => new JobRows(database, clock);
    const claims = (): JobClaims => new JobClaims(database, clock);

    it('would show a table that is read whole', async () => {
      const steps = await plansOf(() =>
        database.queries.selectFrom('jobs').select('payload').where('payload', '=', 'x').execute(),
      );

      expect(steps.some((step) => COSTLY[test.database.dialect].test(step))).toBe(true);
    });

    it('finds what is to be claimed, and when the next is due', async () => {
      const wanted = new Map([
        ['enrich', 3],
        ['import', 1],
      ]);
      const steps = await plansOf(async () => expect(await claims().candidates(wanted)).toHaveLength(3));
      expect(steps.filter((step) => /jobs_waiting/.test(step))).toHaveLength(2);
      expect(steps.join('\n')).not.toMatch(/Seq Scan on jobs|SCAN jobs/);

      expectDirect(await plansOf(() => claims().nextDue(['enrich', 'import'])), /jobs_due/);
    });

    it.each([
      ['all', {}, /pkey|autoindex_jobs/],
      ['a kind that most have', { kind: 'enrich' }, /jobs_by_kind|pkey/],
      ['a kind that few have', { kind: 'import' }, /jobs_by_kind/],
      ['a kind that none has', { kind: 'nothing' }, /jobs_by_kind/],
      ['a state that most have', { state: 'done' }, /jobs_by_state|pkey/],
      ['a state that few have', { state: 'running' }, /jobs_by_state/],
      ['a state that none has', { state: 'cancelled' }, /jobs_by_state/],
      [
        'few of a kind that are in the state of most',
        { kind: 'import', state: 'done' },
        /jobs_by_(?:both|kind)/,
      ],
      [
        'none of a kind in a state that most have',
        { kind: 'nothing', state: 'done' },
        /jobs_by_(?:both|kind)/,
      ],
    ] as const)('walks an index to list %s, also further down', async (_what, filter, index) => {
      const first = await rows().list({ ...filter, limit: 50 });
      const cursor = first.nextCursor ?? '01890005-0000-7000-8000-000000000000';

      expectDirect(await plansOf(() => rows().list({ ...filter, limit: 50, cursor })), index);
    });

    it('finds what was interrupted, and what is to be forgotten', async () => {
      const takeUp = new JobTakeUp(database, clock, () => 0);
      expectDirect(await plansOf(() => takeUp.expired(() => false)), /jobs_by_state/);
      const { signal } = new AbortController();
      const steps = await plansOf(() => new JobPruning(database, clock).prune('nothing', 0, signal));
      expectDirect(steps, /jobs_counted/);
    });
  });
}
