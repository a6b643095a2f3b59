import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FakeClock } from '../../test/support/fake-clock.js';
import type { TestDatabase } from '../../test/support/test-database.js';
import type { Database } from '../database/index.js';
import {
  HeldHandler,
  kindOf,
  openProcess,
  pass,
  quiet,
  until,
  type TestProcess,
} from './job-queue.fixture.js';
import type { JobView } from './job.js';

const LEASE_MS = 30_000;
const HEARTBEAT_MS = 10_000;
const TAKE_UP_MS = 15_000;

/** Claims of processes that share a database; `open` opens the same rows through connections of their own. */
export function describeClaims(engine: string, open: (first?: TestDatabase) => Promise<TestDatabase>): void {
  describe(`claims on ${engine}`, () => {
    let clock: FakeClock;
    let test: TestDatabase;
    let other: TestDatabase;
    let processes: TestProcess[];

    beforeEach(async () => {
      for (const level of ['log', 'warn', 'error'] as const)
        jest.spyOn(Logger.prototype, level).mockReturnValue(undefined);
      clock = new FakeClock();
      test = await open();
      other = await open(test);
      processes = [];
    });

    afterEach(async () => {
      for (const process_ of processes) await process_.stop();
      await other.close();
      await test.close();
      jest.restoreAllMocks();
      expect(clock.pendingTimers).toBe(0);
    });

    const start = async (
      handler: HeldHandler,
      database: Database,
      options: Parameters<typeof openProcess>[2] = {},
    ): Promise<TestProcess> => {
      const started = openProcess(database, clock, options);
      started.queue.define(kindOf(handler.run));
      processes.push(started);
      await started.start();
      // Its first look is over: what is enqueued now is found by the process that is told.
      await quiet();
      return started;
    };

    const viewOf = async (id: string): Promise<JobView> =>
      (await openProcess(test.database, clock).queue.find(id)) as JobView;

    describe('of two processes on one database', () => {
      it('give each job to one of them', async () => {
        const [here, there] = [new HeldHandler(), new HeldHandler()];
        const first = await start(here, test.database);
        await start(there, other.database);
        const count = 120;
        await first.queue.enqueueAll(
          Array.from({ length: count }, (_, payload) => ({ kind: 'work', payload })),
        );

        const ended = new Set<object>();
        for (let round = 0; ended.size < count && round < 500; round += 1) {
          for (const run of [...here.runs, ...there.runs]) {
            run.end();
            ended.add(run);
          }
          await pass(clock, 1_000);
        }

        const all = [...here.payloads, ...there.payloads];
        expect(all).toHaveLength(count);
        expect(new Set(all).size).toBe(count);
        expect(Math.min(here.runs.length, there.runs.length)).toBeGreaterThan(0);
        await until(async () => (await first.queue.list({ state: 'running', limit: 1 })).jobs.length === 0);
        expect((await first.queue.list({ state: 'done', limit: 200 })).jobs).toHaveLength(count);
      });

      it('are kept by heartbeats for as long as the handler runs', async () => {
        const [here, there] = [new HeldHandler(), new HeldHandler()];
        const first = await start(here, test.database);
        await start(there, other.database);
        await first.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => here.runs.length === 1);

        await pass(clock, 55_000);

        expect(there.runs).toEqual([]);
        here.runs[0]?.end();
      });

      it('pass to the other when the first is killed, after the end of the lease', async () => {
        const [here, there] = [new HeldHandler(), new HeldHandler()];
        const first = await start(here, test.database);
        const job = await first.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => here.runs.length === 1);
        await here.runs[0]?.job.saveProgress({ done: 5, checkpoint: 'five' });
        await start(there, other.database);
        first.kill();

        await pass(clock, LEASE_MS - 1_000);
        const before = there.runs.length;
        await pass(clock, TAKE_UP_MS + 1_000);
        await until(() => there.runs.length === 1);

        expect(before).toBe(0);
        expect(there.runs[0]?.job).toMatchObject({ attempt: 2, progress: { done: 5, checkpoint: 'five' } });
        there.runs[0]?.end();
        await until(async () => (await viewOf(job.id)).state === 'done');
      });

      it('that were lost write nothing: neither progress, nor with a transaction, nor a result', async () => {
        const [here, there] = [new HeldHandler(false), new HeldHandler()];
        const first = await start(here, test.database);
        const job = await first.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => here.runs.length === 1);
        // As after a pause of the whole process: its lease is over, and it does not know.
        await other.database.queries
          .updateTable('jobs')
          .set({ lease_until: clock.now() - 1 })
          .execute();
        const second = await start(there, other.database);
        await until(() => there.runs.length === 1);
        await there.runs[0]?.job.saveProgress({ done: 8 });
        const stale = here.runs[0];

        const within = test.database.transaction(async (queries) => {
          await queries.insertInto('state').values({ name: 'effect', value: '1', updated_at: 0 }).execute();
          await stale?.job.saveProgress({ done: 1 }, queries);
        });
        await expect(within).rejects.toThrow('claim');
        await expect(stale?.job.saveProgress({ done: 1 })).rejects.toThrow('claim');
        expect(stale?.job.signal.aborted).toBe(true);
        stale?.end('stale');
        await quiet();

        expect(await test.database.queries.selectFrom('state').selectAll().execute()).toEqual([]);
        expect(await viewOf(job.id)).toMatchObject({ state: 'running', progress: { done: 8 }, result: null });
        expect((await first.queue.snapshot()).counters.claimsLost).toBe(1);
        there.runs[0]?.end('right');
        await until(async () => (await viewOf(job.id)).result === 'right');
        await quiet();
        expect((await second.queue.snapshot()).counters).toMatchObject({ takenUp: 1, done: 1 });
      });

      it('that were lost unnoticed do not end the job that goes on elsewhere', async () => {
        const [here, there] = [new HeldHandler(false), new HeldHandler()];
        const first = await start(here, test.database);
        const job = await first.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => here.runs.length === 1);
        await other.database.queries
          .updateTable('jobs')
          .set({ lease_until: clock.now() - 1 })
          .execute();
        await start(there, other.database);
        await until(() => there.runs.length === 1);

        here.runs[0]?.end('stale');
        await quiet();

        expect(await viewOf(job.id)).toMatchObject({ state: 'running', result: null });
        expect((await first.queue.snapshot()).counters).toMatchObject({ done: 0, claimsLost: 1 });
        there.runs[0]?.end('right');
        await until(async () => (await viewOf(job.id)).result === 'right');
      });

      it('that were lost are noticed with the next heartbeat', async () => {
        const [here, there] = [new HeldHandler(), new HeldHandler()];
        const first = await start(here, test.database);
        await first.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => here.runs.length === 1);
        await other.database.queries
          .updateTable('jobs')
          .set({ lease_until: clock.now() - 1 })
          .execute();
        await start(there, other.database);
        await until(() => there.runs.length === 1);

        await pass(clock, HEARTBEAT_MS);

        expect(here.runs[0]?.job.signal.aborted).toBe(true);
        expect(there.runs[0]?.job.signal.aborted).toBe(false);
        there.runs[0]?.end();
      });

      it('count as lost before the lease ends when the database does not answer', async () => {
        const here = new HeldHandler();
        let isAway = false;
        const flaky = new Proxy(test.database, {
          get: (target, name) => {
            if (isAway) throw new Error('away');
            const value: unknown = Reflect.get(target, name, target);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
        const first = await start(here, flaky);
        await first.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => here.runs.length === 1);
        isAway = true;

        await pass(clock, LEASE_MS - 2_000);
        isAway = false;

        expect(here.runs[0]?.job.signal.aborted).toBe(true);
      });

      it('carry a wish to cancel to the process that runs the job', async () => {
        const [here, there] = [new HeldHandler(), new HeldHandler()];
        const first = await start(here, test.database);
        const second = await start(there, other.database);
        const job = await first.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => here.runs.length === 1);

        expect(await second.queue.cancel(job.id)).toBe(true);
        expect(here.runs[0]?.job.signal.aborted).toBe(false);
        await pass(clock, HEARTBEAT_MS);

        await until(async () => (await viewOf(job.id)).state === 'cancelled');
      });

      it('do not forget that wish when the handler fails before it hears of it', async () => {
        const [here, there] = [new HeldHandler(), new HeldHandler()];
        const first = await start(here, test.database);
        const second = await start(there, other.database);
        const job = await first.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => here.runs.length === 1);

        await second.queue.cancel(job.id);
        here.runs[0]?.fail(new Error('by itself'));

        await until(async () => (await viewOf(job.id)).state === 'cancelled');
        await quiet();
        expect((await first.queue.snapshot()).counters).toMatchObject({ cancelled: 1, retried: 0 });
      });
    });

    if (engine === 'SQLite') {
      describe('of an earlier start on SQLite', () => {
        it('are taken up at once when its process is gone, with the progress', async () => {
          const [here, again] = [new HeldHandler(), new HeldHandler()];
          const first = await start(here, test.database, { owner: { host: 'here', pid: 1, start: 'first' } });
          const job = await first.queue.enqueue({ kind: 'work', payload: 1 });
          await until(() => here.runs.length === 1);
          await here.runs[0]?.job.saveProgress({ done: 2 });
          first.kill();

          await start(again, other.database, { owner: { host: 'here', pid: 1, start: 'second' } });
          await until(() => again.runs.length === 1);

          expect(again.runs[0]?.job).toMatchObject({ id: job.id, attempt: 2, progress: { done: 2 } });
          again.runs[0]?.end();
        });

        it('are left to one that still runs on this machine', async () => {
          const [here, beside] = [new HeldHandler(), new HeldHandler()];
          const first = await start(here, test.database, { owner: { host: 'here', pid: 7, start: 'first' } });
          await first.queue.enqueue({ kind: 'work', payload: 1 });
          await until(() => here.runs.length === 1);

          await start(beside, other.database, {
            owner: { host: 'here', pid: 8, start: 'second' },
            isAlive: (pid) => pid === 7,
          });
          await quiet();

          expect(beside.runs).toEqual([]);
          here.runs[0]?.end();
        });

        it('are given up when the job has been interrupted at each attempt, and can be asked for again', async () => {
          const here = new HeldHandler();
          let job: JobView | null = null;
          for (let attempt = 1; attempt <= 3; attempt += 1) {
            const crashing = await start(here, test.database, {
              owner: { host: 'here', pid: 1, start: `${attempt}` },
            });
            job ??= await crashing.queue.enqueue({ kind: 'work', payload: 1, maxAttempts: 3 });
            // From the second time on it lets others go first.
            if (attempt > 2) await pass(clock, 2_000);
            await until(() => here.runs.length === attempt);
            crashing.kill();
          }
          const last = await start(here, other.database, { owner: { host: 'here', pid: 1, start: 'last' } });
          await quiet();

          expect(await viewOf(job?.id ?? '')).toMatchObject({
            state: 'failed',
            attempts: 3,
            error: { code: 'interrupted' },
          });
          expect(here.runs).toHaveLength(3);
          await last.queue.retry(job?.id ?? '');
          await until(() => here.runs.length === 4);
          here.runs[3]?.end();
        });

        it('of a job that someone cancelled end it', async () => {
          const here = new HeldHandler(false);
          const first = await start(here, test.database, { owner: { host: 'here', pid: 1, start: 'first' } });
          const job = await first.queue.enqueue({ kind: 'work', payload: 1 });
          await until(() => here.runs.length === 1);
          await first.queue.cancel(job.id);
          first.kill();

          await start(here, other.database, { owner: { host: 'here', pid: 1, start: 'second' } });
          await quiet();

          expect((await viewOf(job.id)).state).toBe('cancelled');
        });
      });
    }

    it('touch no row of a read-only server', async () => {
      const handler = new HeldHandler();
      const waiting = openProcess(test.database, clock);
      const job = await waiting.queue.enqueue({ kind: 'work', payload: 1 });
      await start(handler, other.database, { readOnly: true });
      await pass(clock, 20_000);
      expect(handler.runs).toEqual([]);
      expect((await viewOf(job.id)).state).toBe('waiting');
    });
  });
}
