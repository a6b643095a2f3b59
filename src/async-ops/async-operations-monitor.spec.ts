import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from '../../test/support/fake-clock.js';
import { AbortedError, MemoryPressureError, OperationTimeoutError } from '../errors/index.js';
import { AsyncOperationsMonitor } from './async-operations-monitor.js';

/** A promise that a test settles. */
function deferred<T = void>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('AsyncOperationsMonitor', () => {
  let clock: FakeClock;
  let monitor: AsyncOperationsMonitor;
  let caller: AbortController;

  beforeEach(() => {
    clock = new FakeClock();
    monitor = new AsyncOperationsMonitor(clock);
    caller = new AbortController();
  });

  afterEach(() => {
    expect(clock.pendingTimers).toBe(0);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
    expect(monitor.summary()).toMatchObject({ running: 0, detached: 0, lingering: 0, oldestMs: 0 });
  });

  it('lists what runs now and for how long, and afterwards what became of it', async () => {
    const work = deferred<string>();
    const result = monitor.monitoredAsync('images', 'image.fetch', () => work.promise, {
      timeoutMs: 30_000,
      metadata: { width: 640, tag: undefined },
    });
    clock.advance(700);
    const [running] = monitor.list();
    work.resolve('done');

    await expect(result).resolves.toBe('done');
    expect(running).toEqual({
      id: 1,
      context: 'images',
      name: 'image.fetch',
      state: 'running',
      outcome: null,
      startedAt: Date.UTC(2026, 0, 1),
      durationMs: 700,
      timeoutMs: 30_000,
      error: null,
      metadata: { width: 640 },
    });
    expect(monitor.get(1)).toEqual({ ...running, state: 'completed', outcome: 'completed' });
    expect(monitor.get(2)).toBeUndefined();
  });

  it('passes a failure on unchanged and counts it by name, with its code', async () => {
    const refusal = new MemoryPressureError('too full', { retryAfterSeconds: 2 });

    const error = await errorOf(monitor.monitoredAsync('images', 'decode', () => Promise.reject(refusal)));

    expect(error).toBe(refusal);
    expect(monitor.snapshot().byName).toEqual([
      expect.objectContaining({
        context: 'images',
        name: 'decode',
        started: 1,
        failed: 1,
        lastError: 'memory-pressure',
        lastErrorAt: clock.now(),
      }),
    ]);
  });

  it('counts a throw before the first await as a failure too', async () => {
    const error = await errorOf(
      monitor.monitoredAsync('images', 'decode', () => {
        throw new RangeError('bad');
      }),
    );

    expect(error).toBeInstanceOf(RangeError);
    expect(monitor.list()[0]).toMatchObject({ state: 'failed', error: 'RangeError' });
  });

  describe('when the time is up', () => {
    it('rejects the waiter with a typed error and aborts the work', async () => {
      let given: AbortSignal | undefined;
      const work = deferred();
      const result = errorOf(
        monitor.monitoredAsync(
          'images',
          'image.fetch',
          (signal) => {
            given = signal;
            return work.promise;
          },
          { timeoutMs: 30_000, signal: caller.signal },
        ),
      );
      clock.advance(29_999);
      const before = given?.aborted;
      clock.advance(1);
      const error = await result;
      work.resolve();
      await turn();

      expect(before).toBe(false);
      expect(error).toBeInstanceOf(OperationTimeoutError);
      expect(error).toMatchObject({ code: 'operation-timeout', operation: 'image.fetch', timeoutMs: 30_000 });
      expect(given?.reason).toBe(error);
      expect(monitor.list()).toEqual([
        expect.objectContaining({ state: 'timeout', durationMs: 30_000, error: 'operation-timeout' }),
      ]);
    });

    it('counts work that goes on although it was told to stop, until it settles', async () => {
      const work = deferred();
      const result = errorOf(
        monitor.monitoredAsync('images', 'image.fetch', () => work.promise, { timeoutMs: 10 }),
      );
      clock.advance(10);
      await result;
      const lingering = monitor.summary().lingering;
      work.reject(new Error('late'));
      await turn();

      expect(lingering).toBe(1);
      expect(monitor.summary()).toMatchObject({ lingering: 0, lateFailures: 1, timeout: 1, failed: 0 });
    });

    it('lists native work as detached until it settles, then as timed out with its whole time', async () => {
      const work = deferred();
      const result = errorOf(
        monitor.monitoredAsync('images', 'image.transform', () => work.promise, {
          timeoutMs: 1_000,
          native: true,
        }),
      );
      clock.advance(1_000);
      await result;
      clock.advance(5_000);
      const during = monitor.list({ state: 'detached' });
      const { detached, running, timeout, oldestMs } = monitor.summary();
      work.resolve();
      await turn();

      expect(during).toEqual([
        expect.objectContaining({ state: 'detached', outcome: 'timeout', durationMs: 6_000 }),
      ]);
      expect({ detached, running, timeout, oldestMs }).toEqual({
        detached: 1,
        running: 0,
        timeout: 1,
        oldestMs: 6_000,
      });
      expect(monitor.list()).toEqual([expect.objectContaining({ state: 'timeout', durationMs: 6_000 })]);
    });
  });

  describe('when the caller aborts', () => {
    it('rejects the waiter as aborted, which is neither a timeout nor a failure', async () => {
      let given: AbortSignal | undefined;
      const work = deferred();
      const result = errorOf(
        monitor.monitoredAsync(
          'images',
          'image.fetch',
          (signal) => {
            given = signal;
            return work.promise;
          },
          { timeoutMs: 1_000, signal: caller.signal },
        ),
      );
      caller.abort('client is gone');
      const error = await result;
      work.reject(new AbortedError());
      await turn();

      expect(error).toBeInstanceOf(AbortedError);
      expect((error as Error).cause).toBe('client is gone');
      expect(given?.reason).toBe('client is gone');
      expect(monitor.summary()).toMatchObject({ aborted: 1, timeout: 0, failed: 0, lateFailures: 0 });
      expect(monitor.snapshot().byName[0]?.lastError).toBeNull();
    });

    it('detaches native work', async () => {
      const work = deferred();
      const result = errorOf(
        monitor.monitoredAsync('images', 'image.transform', () => work.promise, {
          signal: caller.signal,
          native: true,
        }),
      );
      caller.abort();
      await result;
      const during = monitor.list();
      work.reject(new Error('libvips gave up'));
      await turn();

      expect(during).toEqual([expect.objectContaining({ state: 'detached', outcome: 'aborted' })]);
      expect(monitor.list()).toEqual([expect.objectContaining({ state: 'aborted' })]);
      expect(monitor.summary().lateFailures).toBe(1);
    });

    it('before the start, does not start the work', async () => {
      caller.abort();
      let called = false;

      const error = await errorOf(
        monitor.monitoredAsync(
          'images',
          'image.fetch',
          async () => {
            called = true;
          },
          { signal: caller.signal, timeoutMs: 10, native: true },
        ),
      );

      expect(error).toBeInstanceOf(AbortedError);
      expect(called).toBe(false);
      expect(monitor.list()).toEqual([expect.objectContaining({ state: 'aborted' })]);
    });

    it('after the end, changes nothing', async () => {
      await monitor.monitoredAsync('images', 'x', async () => 1, { signal: caller.signal, timeoutMs: 10 });

      caller.abort();
      clock.advance(10);

      expect(monitor.list()).toEqual([expect.objectContaining({ state: 'completed' })]);
    });
  });

  it('calls work that rejects with an abort of its own aborted', async () => {
    await errorOf(monitor.monitoredAsync('images', 'x', () => Promise.reject(new AbortedError())));

    expect(monitor.summary()).toMatchObject({ aborted: 1, failed: 0 });
  });

  it('gives each work a signal of its own, unless the caller’s alone can stop it', async () => {
    const given: AbortSignal[] = [];
    const work = async (signal: AbortSignal): Promise<void> => void given.push(signal);

    await monitor.monitoredAsync('images', 'x', work);
    await monitor.monitoredAsync('images', 'x', work);
    await monitor.monitoredAsync('images', 'x', work, { signal: caller.signal });
    await monitor.monitoredAsync('images', 'x', work, { signal: caller.signal, timeoutMs: 10 });

    expect(new Set(given).size).toBe(4);
    expect(given[2]).toBe(caller.signal);
  });

  describe('what it shows', () => {
    it('has no query, no user and no long text in it', async () => {
      await monitor.monitoredAsync('images', 'x', async () => 1, {
        metadata: {
          url: 'https://user:secret@example.org/a.jpg?token=secret',
          relative: '/a.jpg?token=secret',
          note: 'n'.repeat(5_000),
          count: 3,
        },
      });

      const metadata = monitor.list()[0]?.metadata;

      expect(metadata).toMatchObject({ url: 'https://example.org/a.jpg?…', count: 3 });
      expect(JSON.stringify(metadata)).not.toContain('secret');
      expect(String(metadata?.['note'])).toHaveLength(200);
    });

    it('keeps the last 500 operations and lists 100 of them, the newest first', async () => {
      for (let count = 0; count < 600; count += 1) await monitor.monitoredAsync('images', 'x', async () => 1);

      expect(monitor.snapshot()).toMatchObject({ historyLength: 500, completed: 600 });
      expect(monitor.list().map((view) => view.id)).toEqual(Array.from({ length: 100 }, (_, at) => 600 - at));
      expect(monitor.list({ limit: 10_000 })).toHaveLength(500);
      expect(monitor.get(100)).toBeUndefined();
      expect(monitor.get(101)?.id).toBe(101);
    });

    it('lists no more than the limit of what runs', async () => {
      const work = deferred();
      const running = Array.from({ length: 700 }, () =>
        monitor.monitoredAsync('images', 'x', () => work.promise),
      );

      const listed = monitor.list({ limit: 10_000 });
      work.resolve();
      await Promise.all(running);

      expect(listed).toHaveLength(500);
    });

    it('counts 256 names apart and the rest together', async () => {
      for (let count = 0; count < 300; count += 1) {
        await monitor.monitoredAsync('images', `name-${count}`, async () => 1);
      }

      const { byName, completed } = monitor.snapshot();

      expect(byName).toHaveLength(257);
      expect(byName.at(-1)).toMatchObject({ name: 'other', completed: 44 });
      expect(completed).toBe(300);
    });
  });

  it('ends with every waiter settled once and nothing left, whatever happens in whatever order', async () => {
    const step = fc.record({
      native: fc.boolean(),
      timeoutMs: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
      abortAtMs: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
      settleAtMs: fc.integer({ min: 0, max: 80 }),
      fails: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const own = new AsyncOperationsMonitor(clock);
        const callers: AbortController[] = [];
        const results = steps.map(({ native, timeoutMs, abortAtMs, settleAtMs, fails }) => {
          const work = deferred();
          const controller = new AbortController();
          callers.push(controller);
          clock.after(settleAtMs, () => (fails ? work.reject(new Error('no')) : work.resolve()));
          if (abortAtMs !== undefined) clock.after(abortAtMs, () => controller.abort());
          const options = { native, timeoutMs, signal: controller.signal };
          return own.monitoredAsync('property', 'step', () => work.promise, options);
        });
        const settled = Promise.allSettled(results);
        await clock.advanceAsync(100, 5);
        await settled;

        const summary = own.summary();
        expect(summary).toMatchObject({ started: steps.length, running: 0, detached: 0, lingering: 0 });
        expect(summary.completed + summary.failed + summary.timeout + summary.aborted).toBe(steps.length);
        expect(clock.pendingTimers).toBe(0);
        for (const { signal } of callers) expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      }),
      { numRuns: 60, seed: 42 },
    );
  });
});
