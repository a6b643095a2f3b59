import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FakeClock } from '../../test/support/fake-clock.js';
import type { TestDatabase } from '../../test/support/test-database.js';
import { MemoryPressureError, PlimsollError } from '../errors/index.js';
import {
  HeldHandler,
  kindOf,
  openProcess,
  pass,
  quiet,
  until,
  type TestProcess,
} from './job-queue.fixture.js';
import type { JobGate } from './job-queue.js';
import { JobGivenUp, JobPostponed, type JobView } from './job.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** What every engine must do for the queue. */
export function describeJobQueue(engine: string, open: () => Promise<TestDatabase>): void {
  describe(`DatabaseJobQueue on ${engine}`, () => {
    let clock: FakeClock;
    let test: TestDatabase;
    let here: TestProcess;

    beforeEach(async () => {
      for (const level of ['log', 'warn', 'error'] as const)
        jest.spyOn(Logger.prototype, level).mockReturnValue(undefined);
      clock = new FakeClock();
      test = await open();
      here = openProcess(test.database, clock);
    });

    afterEach(async () => {
      await here.stop();
      await test.close();
      jest.restoreAllMocks();
      expect(clock.pendingTimers).toBe(0);
      expect(here.background.snapshot().running).toBe(0);
    });

    const viewOf = async (id: string): Promise<JobView> => (await here.queue.find(id)) as JobView;

    const isWaiting = async (id: string): Promise<boolean> => (await viewOf(id)).state === 'waiting';

    const untilState = (id: string, state: string): Promise<void> =>
      until(async () => (await viewOf(id)).state === state, `the job was ${state}`);

    describe('a job', () => {
      it('is run with its payload and keeps what the handler returned', async () => {
        here.queue.define(kindOf<{ n: number }>(async ({ payload }) => ({ doubled: payload.n * 2 })));
        await here.start();

        const job = await here.queue.enqueue({ kind: 'work', payload: { n: 21 } });
        expect(job).toMatchObject({ state: 'waiting', attempts: 0, maxAttempts: 5, progress: null });
        await untilState(job.id, 'done');

        expect(await viewOf(job.id)).toMatchObject({
          result: { doubled: 42 },
          attempts: 1,
          error: null,
          finishedAt: clock.now(),
        });
        expect(here.operations.snapshot().byName).toMatchObject([
          { context: 'jobs', name: 'work', completed: 1 },
        ]);
      });

      it('runs when it is due, not before', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run));
        await here.start();
        await here.queue.enqueue({ kind: 'work', payload: 'later', runAt: clock.now() + 90 * SECOND_MS });

        await pass(clock, 89 * SECOND_MS);
        await quiet();
        const before = handler.runs.length;
        await pass(clock, SECOND_MS);
        await until(() => handler.runs.length === 1);

        expect(before).toBe(0);
        handler.runs[0]?.end();
      });

      it('goes before others by priority, then by age', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run, { concurrency: 1 }));
        const resume = here.queue.pause('test');
        await here.start();
        await here.queue.enqueueAll([
          { kind: 'work', payload: 'b' },
          { kind: 'work', payload: 'c' },
          { kind: 'work', payload: 'a', priority: 10 },
          { kind: 'work', payload: 'd', priority: 200 },
        ]);

        resume();
        for (let count = 1; count <= 4; count += 1) {
          await until(() => handler.runs.length === count);
          handler.runs[count - 1]?.end();
        }

        expect(handler.payloads).toEqual(['a', 'b', 'c', 'd']);
      });

      it('of a kind that nobody declared stays where it is', async () => {
        await here.start();
        const job = await here.queue.enqueue({ kind: 'unknown', payload: 1 });
        await pass(clock, MINUTE_MS, 5 * SECOND_MS);
        await quiet();
        expect(await viewOf(job.id)).toMatchObject({ state: 'waiting', attempts: 0 });
      });

      it('refuses a payload over 64 KiB, and leaves out a result over 64 KiB', async () => {
        here.queue.define(kindOf(async () => 'x'.repeat(70_000)));
        await here.start();
        await expect(here.queue.enqueue({ kind: 'work', payload: 'x'.repeat(70_000) })).rejects.toThrow(
          RangeError,
        );

        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await untilState(job.id, 'done');

        expect((await viewOf(job.id)).result).toEqual({
          omitted: 'The result of a job may have 65536 bytes of JSON at most, got 70002.',
        });
      });
    });

    describe('slots', () => {
      it('are bounded per kind, and in total', async () => {
        const narrow = new HeldHandler();
        const wide = new HeldHandler();
        here.queue.define(kindOf(narrow.run, { kind: 'narrow', concurrency: 2 }));
        here.queue.define(kindOf(wide.run, { kind: 'wide', concurrency: 100 }));
        await here.start();
        const many = Array.from({ length: 100 }, (_, index) => index);
        await here.queue.enqueueAll(many.map((payload) => ({ kind: 'narrow', payload, priority: 1 })));
        await here.queue.enqueueAll(many.map((payload) => ({ kind: 'wide', payload })));

        await until(() => narrow.runs.length + wide.runs.length === 64);
        await quiet();
        expect([narrow.runs.length, wide.runs.length]).toEqual([2, 62]);
        const finished = new Set<object>();
        while (finished.size < 200) {
          for (const run of [...narrow.runs, ...wide.runs]) {
            run.end();
            finished.add(run);
          }
          await quiet();
        }

        expect([narrow.mostAtOnce, wide.mostAtOnce]).toEqual([2, 62]);
        expect([new Set(narrow.payloads).size, new Set(wide.payloads).size]).toEqual([100, 100]);
      });
    });

    describe('a handler that fails', () => {
      it('comes again after 2 s, doubled each time up to 10 min, and is given up after its attempts', async () => {
        const startedAt: number[] = [];
        here.queue.define(
          kindOf(async () => {
            startedAt.push(clock.now());
            throw new PlimsollError(
              'origin-error',
              'The origin answered 500 to http://u:p@host/a?token=secret.',
            );
          }),
        );
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1, maxAttempts: 12 });
        for (let attempt = 1; attempt < 12; attempt += 1) {
          await until(async () => (await viewOf(job.id)).attempts === attempt && (await isWaiting(job.id)));
          const pauseMs = (await viewOf(job.id)).runAt - clock.now();
          clock.advance(pauseMs - 1);
          await quiet();
          expect(startedAt).toHaveLength(attempt);
          clock.advance(1);
        }
        await untilState(job.id, 'failed');

        const pauses = startedAt
          .slice(1)
          .map((at, index) => Math.round((at - (startedAt[index] ?? 0)) / SECOND_MS));
        expect(pauses).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        expect(await viewOf(job.id)).toMatchObject({
          attempts: 12,
          error: { code: 'origin-error', message: 'The origin answered 500 to http://host/a?…' },
        });
      });

      it('shows neither message nor code of a fault that is not ours', async () => {
        here.queue.define(
          kindOf(async () => Promise.reject(new TypeError('/root/secret/path is undefined'))),
        );
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1, maxAttempts: 1 });
        await untilState(job.id, 'failed');
        expect((await viewOf(job.id)).error).toEqual({
          code: 'internal-error',
          message: 'A fault of the server; its log says more.',
        });
      });

      it('waits at least as long as the error asks for', async () => {
        here.queue.define(
          kindOf(async () => {
            throw new PlimsollError('origin-unreachable', 'Not now.', { retryAfterSeconds: 120 });
          }),
        );
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(async () => (await viewOf(job.id)).error !== null);
        expect(await viewOf(job.id)).toMatchObject({
          state: 'waiting',
          attempts: 1,
          runAt: clock.now() + 120_000,
        });
      });

      it('throws at once, synchronously, without harm', async () => {
        here.queue.define(
          kindOf(() => {
            throw new Error('at once');
          }),
        );
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1, maxAttempts: 1 });
        await untilState(job.id, 'failed');
        expect((await viewOf(job.id)).error?.code).toBe('internal-error');
      });

      it('is not tried again when it gave up', async () => {
        here.queue.define(
          kindOf(async () => {
            throw new JobGivenUp('not-a-page', 'A film.');
          }),
        );
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await untilState(job.id, 'failed');
        expect(await viewOf(job.id)).toMatchObject({
          attempts: 1,
          error: { code: 'not-a-page', message: 'A film.' },
        });
      });

      it.each([
        [
          'it postponed',
          (): Error => new JobPostponed(Date.UTC(2026, 0, 1, 1), 'The host rests.'),
          'postponed',
          3_600_000,
        ],
        [
          'memory was short',
          (): Error => new MemoryPressureError('Memory is short.', { retryAfterSeconds: 20 }),
          'memory-pressure',
          40_000,
        ],
        [
          'the database was away',
          (): Error => new PlimsollError('database-unavailable', 'Away.'),
          'database-unavailable',
          30_000,
        ],
      ])('gets its attempt back when %s', async (_, error, code, waitMs) => {
        const startMs = clock.now();
        here.queue.define(kindOf(async () => Promise.reject(error())));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1, maxAttempts: 1 });
        await until(async () => (await viewOf(job.id)).error !== null);
        expect(await viewOf(job.id)).toMatchObject({
          state: 'waiting',
          attempts: 0,
          runAt: startMs + waitMs,
          error: { code },
        });
      });
    });

    describe('the deadline of an attempt', () => {
      it('tells the handler to end, and counts as a failure', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run, { timeoutMs: 5_000 }));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => handler.runs.length === 1);

        await pass(clock, 5_000);
        await untilState(job.id, 'waiting');

        expect(handler.runs[0]?.job.signal.aborted).toBe(true);
        expect(await viewOf(job.id)).toMatchObject({
          attempts: 1,
          runAt: clock.now() + 2_000,
          error: { code: 'operation-timeout', message: 'The attempt did not end within 5000 ms.' },
        });
      });

      it('leaves a handler behind that does not end, fails the job, and never runs it beside itself', async () => {
        const handler = new HeldHandler(false);
        here.queue.define(kindOf(handler.run, { timeoutMs: 5_000, concurrency: 1 }));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 'hangs' });
        await until(() => handler.runs.length === 1);
        await pass(clock, 5_000);
        await quiet();
        expect((await viewOf(job.id)).state).toBe('running');
        await pass(clock, 10_000);
        await untilState(job.id, 'failed');

        await here.queue.enqueue({ kind: 'work', payload: 'next', priority: 200 });
        await until(() => handler.runs.length === 2, 'its slot was free again');
        handler.runs[1]?.end();
        await here.queue.retry(job.id);
        await pass(clock, 30_000);
        await quiet();
        expect(handler.payloads).toEqual(['hangs', 'next']);
        await expect(handler.runs[0]?.job.saveProgress({ done: 1 })).rejects.toThrow('claim');

        handler.runs[0]?.end();
        await pass(clock, 2_000);
        await until(() => handler.runs.length === 3);
        expect(handler.payloads).toEqual(['hangs', 'next', 'hangs']);
        handler.runs[2]?.end('at last');
        await untilState(job.id, 'done');
        expect(await viewOf(job.id)).toMatchObject({ result: 'at last', attempts: 1 });
        expect((await here.queue.snapshot()).counters).toMatchObject({ abandoned: 1, lingering: 0 });
      });
    });

    describe('progress', () => {
      it('is there when the next attempt begins, and getting further makes attempts count from one', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1, maxAttempts: 2 });
        for (let round = 1; round <= 4; round += 1) {
          await until(() => handler.runs.length === round);
          const run = handler.runs[round - 1];
          await run?.job.saveProgress({ done: round, total: 9, checkpoint: { at: round } });
          run?.fail(new Error('again'));
          await untilState(job.id, 'waiting');
          await pass(clock, 2_000);
        }
        await until(() => handler.runs.length === 5);
        expect(handler.runs[4]?.job).toMatchObject({
          attempt: 2,
          progress: { done: 4, checkpoint: { at: 4 } },
        });
        handler.runs[4]?.fail(new Error('no further'));
        await untilState(job.id, 'failed');
      });

      it('that comes faster than the database writes the last of, durable for all who wait', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => handler.runs.length === 1);
        const run = handler.runs[0];

        await Promise.all(
          Array.from({ length: 500 }, (_, index) => run!.job.saveProgress({ done: index + 1 })),
        );

        expect((await viewOf(job.id)).progress).toEqual({ done: 500 });
        run?.end();
      });

      it('is saved with a transaction, or not at all', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => handler.runs.length === 1);
        const run = handler.runs[0];

        await test.database.transaction(async (within) => run?.job.saveProgress({ done: 1 }, within));
        const failed = test.database.transaction(async (within) => {
          await run?.job.saveProgress({ done: 2 }, within);
          throw new Error('rolled back');
        });

        await expect(failed).rejects.toThrow('rolled back');
        expect((await viewOf(job.id)).progress).toEqual({ done: 1 });
        run?.end();
      });

      it('that is too large is refused', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run));
        await here.start();
        await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => handler.runs.length === 1);
        const saved = handler.runs[0]?.job.saveProgress({ done: 1, checkpoint: 'x'.repeat(20_000) });
        await expect(saved).rejects.toThrow(RangeError);
        handler.runs[0]?.end();
      });
    });

    describe('a key against duplicates', () => {
      it('answers with the job that has not ended, and lets the next one in when it has', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run));
        await here.start();
        const first = await here.queue.enqueue({ kind: 'work', payload: 1, dedupeKey: 'one' });
        const second = await here.queue.enqueue({ kind: 'work', payload: 2, dedupeKey: 'one' });
        const added = await here.queue.enqueueAll([
          { kind: 'work', payload: 3, dedupeKey: 'one' },
          { kind: 'work', payload: 4, dedupeKey: 'two' },
          { kind: 'work', payload: 5, dedupeKey: 'two' },
        ]);
        await until(() => handler.runs.length === 2);
        for (const run of handler.runs) run.end();
        await untilState(first.id, 'done');
        const third = await here.queue.enqueue({ kind: 'work', payload: 6, dedupeKey: 'one' });

        expect([second.id, added]).toEqual([first.id, 1]);
        expect(third.id).not.toBe(first.id);
        await until(() => handler.runs.length === 3);
        handler.runs[2]?.end();
      });

      it('holds when a failed job is put back: the one that took its place answers', async () => {
        const resume = here.queue.pause('test');
        here.queue.define(kindOf(async () => null));
        await here.start();
        const old = await here.queue.enqueue({ kind: 'work', payload: 1, dedupeKey: 'one' });
        await here.queue.cancel(old.id);
        const current = await here.queue.enqueue({ kind: 'work', payload: 2, dedupeKey: 'one' });

        expect((await here.queue.retry(old.id))?.id).toBe(current.id);
        expect((await viewOf(old.id)).state).toBe('cancelled');
        resume();
        await untilState(current.id, 'done');
      });
    });

    describe('within a transaction', () => {
      it('appears with it, or not at all, and is found soon after the commit', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run));
        await here.start();
        await quiet();
        const failed = test.database.transaction(async (within) => {
          await here.queue.enqueue({ kind: 'work', payload: 'lost' }, within);
          await here.queue.enqueueAll([{ kind: 'work', payload: 'lost too' }], within);
          throw new Error('rolled back');
        });
        await expect(failed).rejects.toThrow('rolled back');
        await test.database.transaction((within) =>
          here.queue.enqueue({ kind: 'work', payload: 'kept' }, within),
        );

        await pass(clock, 20);
        await until(() => handler.runs.length === 1);

        expect(handler.payloads).toEqual(['kept']);
        expect((await here.queue.list({ limit: 10 })).jobs).toHaveLength(1);
        handler.runs[0]?.end();
      });
    });

    describe('enqueueAll', () => {
      it('takes thousands, all or none', async () => {
        const resume = here.queue.pause('test');
        await here.start();
        const jobs = Array.from({ length: 2_500 }, (_, payload) => ({ kind: 'work', payload }));
        const broken = [...jobs, { kind: 'work', payload: 'x'.repeat(70_000) }];

        await expect(here.queue.enqueueAll(broken)).rejects.toThrow(RangeError);
        const none = (await here.queue.list({ limit: 1 })).jobs.length;
        const count = await here.queue.enqueueAll(jobs);

        expect([none, count]).toEqual([0, 2_500]);
        expect((await here.queue.snapshot()).byKind).toEqual({
          work: { waiting: 2_500, running: 0, failed: 0, done: 0 },
        });
        resume();
      });
    });

    describe('cancel', () => {
      it('ends a waiting job at once', async () => {
        const resume = here.queue.pause('test');
        here.queue.define(kindOf(async () => null));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        expect(await here.queue.cancel(job.id)).toBe(true);
        expect(await here.queue.cancel(job.id)).toBe(false);
        expect(await viewOf(job.id)).toMatchObject({
          state: 'cancelled',
          finishedAt: clock.now(),
          error: null,
        });
        resume();
      });

      it('asks a running job through its signal, and is over when the handler has ended', async () => {
        const handler = new HeldHandler(false);
        here.queue.define(kindOf(handler.run));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => handler.runs.length === 1);

        expect(await here.queue.cancel(job.id)).toBe(true);
        const run = handler.runs[0];
        expect(run?.job.signal.aborted).toBe(true);
        expect(await viewOf(job.id)).toMatchObject({ state: 'running', error: null });
        await run?.job.saveProgress({ done: 7 });
        run?.fail(new Error('as told'));
        await untilState(job.id, 'cancelled');

        expect(await viewOf(job.id)).toMatchObject({ progress: { done: 7 }, error: null });
        expect(await here.queue.cancel('no such job')).toBe(false);
      });

      it('comes too late for a handler that was through', async () => {
        const handler = new HeldHandler(false);
        here.queue.define(kindOf(handler.run));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => handler.runs.length === 1);
        await here.queue.cancel(job.id);
        handler.runs[0]?.end('through');
        await untilState(job.id, 'done');
        expect((await viewOf(job.id)).result).toBe('through');
      });
    });

    describe('retry by a person', () => {
      it('puts a failed job back with all attempts and its progress', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => handler.runs.length === 1);
        await handler.runs[0]?.job.saveProgress({ done: 3 });
        handler.runs[0]?.fail(new JobGivenUp('not-a-page', 'A film.'));
        await untilState(job.id, 'failed');

        expect(await here.queue.retry(job.id)).toMatchObject({ state: 'waiting', attempts: 0, error: null });
        await until(() => handler.runs.length === 2);

        expect(handler.runs[1]?.job).toMatchObject({ attempt: 1, progress: { done: 3 } });
        handler.runs[1]?.end();
        await untilState(job.id, 'done');
        expect(await here.queue.retry(job.id)).toBeNull();
      });
    });

    describe('pause', () => {
      it('claims nothing while any holder has not resumed', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run));
        await here.start();
        const resumeOne = here.queue.pause('backup');
        const resumeTwo = here.queue.pause('drill');
        await here.queue.enqueue({ kind: 'work', payload: 1 });
        await pass(clock, MINUTE_MS, 5 * SECOND_MS);
        resumeOne();
        resumeOne();
        await pass(clock, MINUTE_MS, 5 * SECOND_MS);
        await quiet();
        const snapshot = await here.queue.snapshot();
        const before = handler.runs.length;
        resumeTwo();
        await until(() => handler.runs.length === 1);

        expect(before).toBe(0);
        expect(snapshot).toMatchObject({ paused: true, holders: ['drill'], running: 0 });
        expect((await here.queue.snapshot()).paused).toBe(false);
        handler.runs[0]?.end();
      });
    });

    describe('the gate', () => {
      it('keeps back kinds that need memory, lets small work pass, and opens on change', async () => {
        let isOpen = false;
        const listeners = new Set<() => void>();
        const gate: JobGate = {
          mayStart: () => isOpen,
          onChange: (listener) => {
            listeners.add(listener);
            return () => listeners.delete(listener);
          },
        };
        const gated = openProcess(test.database, clock, { gate });
        const heavy = new HeldHandler();
        const light = new HeldHandler();
        gated.queue.define(kindOf(heavy.run, { kind: 'heavy', gate: 'memory' }));
        gated.queue.define(kindOf(light.run, { kind: 'light' }));
        await gated.start();
        await gated.queue.enqueue({ kind: 'heavy', payload: 1 });
        await gated.queue.enqueue({ kind: 'light', payload: 2 });
        await until(() => light.runs.length === 1);
        await pass(clock, MINUTE_MS, 5 * SECOND_MS);
        await quiet();
        const before = heavy.runs.length;

        isOpen = true;
        for (const listener of listeners) listener();
        await until(() => heavy.runs.length === 1);

        expect(before).toBe(0);
        heavy.runs[0]?.end();
        light.runs[0]?.end();
        await gated.stop();
        expect(listeners.size).toBe(0);
      });
    });

    describe('shutdown', () => {
      it('tells handlers to end and puts their jobs back with the attempt', async () => {
        const handler = new HeldHandler();
        here.queue.define(kindOf(handler.run));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => handler.runs.length === 1);
        await here.stop();
        expect(await viewOf(job.id)).toMatchObject({
          state: 'waiting',
          attempts: 0,
          runAt: clock.now(),
          error: null,
        });
      });

      it('gives those that do not end 3 s, and puts their jobs back as well', async () => {
        const handler = new HeldHandler(false);
        here.queue.define(kindOf(handler.run));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => handler.runs.length === 1);
        const before = clock.now();
        await here.stop();
        expect(clock.now() - before).toBe(3_000);
        expect(await viewOf(job.id)).toMatchObject({ state: 'waiting', attempts: 0 });
        handler.runs[0]?.end('too late');
        await quiet();
        expect((await viewOf(job.id)).state).toBe('waiting');
      });

      it('lets a handler that is through write its result', async () => {
        const handler = new HeldHandler(false);
        here.queue.define(kindOf(handler.run));
        await here.start();
        const job = await here.queue.enqueue({ kind: 'work', payload: 1 });
        await until(() => handler.runs.length === 1);
        const stopped = here.stop();
        handler.runs[0]?.end('through');
        await stopped;
        expect(await viewOf(job.id)).toMatchObject({ state: 'done', result: 'through' });
      });
    });

    describe('upkeep', () => {
      it('forgets jobs that ended longer ago than their kind keeps them', async () => {
        here.queue.define(kindOf(async () => null, { kind: 'short', keepMs: 10 * MINUTE_MS }));
        here.queue.define(kindOf(async () => null, { kind: 'long', keepMs: 60 * MINUTE_MS }));
        await here.start();
        const resume = here.queue.pause('test');
        await here.queue.enqueueAll([
          ...Array.from({ length: 1_200 }, () => ({ kind: 'short', payload: 0 })),
          { kind: 'long', payload: 0 },
        ]);
        await test.database.queries
          .updateTable('jobs')
          .set({ state: 'done', finished_at: clock.now() })
          .execute();

        for (let passed = 0; passed < 16; passed += 1) {
          await pass(clock, MINUTE_MS);
          await quiet();
        }

        expect((await here.queue.list({ limit: 10 })).jobs.map(({ kind }) => kind)).toEqual(['long']);
        expect((await here.queue.snapshot()).counters).toMatchObject({ pruned: 1_200 });
        resume();
      });

      it('costs one statement every 5 s when nothing is to be done', async () => {
        here.queue.define(kindOf(async () => null));
        await here.start();
        await quiet();
        const before = (await here.queue.snapshot()).counters.polls;
        await pass(clock, MINUTE_MS);
        await quiet();
        expect((await here.queue.snapshot()).counters.polls - before).toBeLessThanOrEqual(12);
      });
    });

    describe('the list', () => {
      it('shows the newest first, in pages, by kind and state', async () => {
        const resume = here.queue.pause('test');
        await here.start();
        for (const payload of [1, 2, 3, 4, 5])
          await here.queue.enqueue({ kind: payload % 2 === 0 ? 'even' : 'odd', payload });
        const all = await here.queue.list({ limit: 2 });
        const rest = await here.queue.list({ limit: 3, cursor: all.nextCursor ?? '' });

        expect([...all.jobs, ...rest.jobs].map(({ kind }) => kind)).toEqual([
          'odd',
          'even',
          'odd',
          'even',
          'odd',
        ]);
        expect(rest.nextCursor).toBeNull();
        expect((await here.queue.list({ kind: 'even', state: 'waiting', limit: 9 })).jobs).toHaveLength(2);
        expect((await here.queue.list({ state: 'done', limit: 9 })).jobs).toEqual([]);
        await expect(here.queue.list({ limit: 1, cursor: "' or 1=1" })).rejects.toMatchObject({
          code: 'invalid-cursor',
        });
        resume();
      });
    });

    it('refuses a kind that is declared twice, or makes no sense', () => {
      here.queue.define(kindOf(async () => null));
      expect(() => here.queue.define(kindOf(async () => null))).toThrow('twice');
      expect(() => here.queue.define(kindOf(async () => null, { kind: 'none', concurrency: 0 }))).toThrow(
        'concurrency',
      );
    });
  });
}
