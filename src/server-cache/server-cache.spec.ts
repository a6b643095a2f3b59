import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { FakeClock } from '../../test/support/fake-clock.js';
import { AsyncOperationsMonitor, BackgroundTasks } from '../async-ops/index.js';
import type { Settings } from '../config/index.js';
import { AbortedError, OperationTimeoutError } from '../errors/index.js';
import { ByteAccounts } from '../process-memory/index.js';
import { ServerCache } from './server-cache.js';

const BUDGET_BYTES = 100_000;
/** An entry with a key of 1 to 8 characters and a number in it. */
const SMALL_BYTES = 208 + 24;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('ServerCache', () => {
  let clock: FakeClock;
  let accounts: ByteAccounts;
  let operations: AsyncOperationsMonitor;
  let tasks: BackgroundTasks;
  let cache: ServerCache;

  const create = (serverCacheBytes: number): ServerCache => {
    // Of the settings it reads this one figure.
    const settings = { memory: { serverCacheBytes } } as Settings;
    accounts = new ByteAccounts();
    return new ServerCache(settings, clock, accounts, operations, tasks);
  };

  const checkSums = (own: ServerCache): void => {
    const { usedBytes, entries, capBytes, budgetBytes, families } = own.stats();
    const sums = { entries: 0, bytes: 0 };
    for (const family of Object.values(families)) {
      sums.entries += family.entries;
      sums.bytes += family.bytes;
    }
    expect(own.audit()).toEqual({ entries, bytes: usedBytes });
    expect(sums).toEqual({ entries, bytes: usedBytes });
    expect(accounts.totalUsedBytes).toBe(usedBytes);
    expect(usedBytes).toBeLessThanOrEqual(Math.min(budgetBytes, capBytes ?? budgetBytes));
  };

  beforeEach(() => {
    jest.spyOn(Logger.prototype, 'log').mockReturnValue(undefined);
    jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    clock = new FakeClock();
    operations = new AsyncOperationsMonitor(clock);
    tasks = new BackgroundTasks(clock);
    cache = create(BUDGET_BYTES);
  });

  afterEach(() => {
    checkSums(cache);
    cache.onApplicationShutdown();
    jest.restoreAllMocks();
    expect(accounts.snapshot().accounts).toEqual({});
    expect(clock.pendingTimers).toBe(0);
    expect(operations.summary()).toMatchObject({ running: 0, lingering: 0 });
    expect(tasks.snapshot().running).toBe(0);
  });

  it('gives back what was set, the same frozen object each time', () => {
    const original = { title: 'A page', tags: ['a'] };
    cache.set('page:1', original);
    original.tags.push('b');

    const first = cache.get<typeof original>('page:1');

    expect(first).toEqual({ title: 'A page', tags: ['a'] });
    expect(cache.get('page:1')).toBe(first);
    expect(() => first?.tags.push('c')).toThrow(TypeError);
  });

  it('tells null, which is a value, from nothing', () => {
    cache.set('page:1', null);

    expect(cache.get('page:1')).toBeNull();
    expect(cache.get('page:2')).toBeUndefined();
  });

  it('opens a byte account with its budget and counts key, value and overhead in it', () => {
    cache.set('k', 1);

    expect(accounts.snapshot().accounts).toEqual({
      'server-cache': { usedBytes: SMALL_BYTES, budgetBytes: BUDGET_BYTES },
    });
  });

  it('weighs what entries really take on the heap, up to a fifth more', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    /** What suites before left behind goes over several collections, and tasks between them. */
    const heapAtRest = async (): Promise<number> => {
      let [before, now] = [Infinity, process.memoryUsage().heapUsed];
      while (now < 0.999 * before) {
        collect();
        await new Promise((resolve) => setImmediate(resolve));
        collect();
        [before, now] = [now, process.memoryUsage().heapUsed];
      }
      return now;
    };
    cache.onApplicationShutdown();
    cache = create(1024 ** 3);
    const fill = (from: number, count: number): void => {
      for (let id = from; id < from + count; id += 1) {
        const value = {
          url: `https://example.org/path/${id}.jpg`,
          etag: `"${id}"`,
          width: 2_000,
          freshUntil: 1.7e12 + id,
          tags: ['one', `tag ${id}`],
          note: `Ω ${id}`,
        };
        cache.set(`source:originals/${id}`, value, { ttlMs: 1_000 });
      }
    };
    fill(0, 100);
    const before = { heap: await heapAtRest(), used: cache.stats().usedBytes };

    fill(100, 20_000);

    const realBytes = (await heapAtRest()) - before.heap;
    const ratio = (cache.stats().usedBytes - before.used) / realBytes;
    expect(ratio).toBeGreaterThan(0.95);
    expect(ratio).toBeLessThan(1.2);
  });

  describe('terms', () => {
    it.each([
      [999, 'fresh'],
      [1_000, undefined],
    ])('after %d of 1000 ms it gives %p', (afterMs, value) => {
      cache.set('k', 'fresh', { ttlMs: 1_000 });
      clock.advance(afterMs);

      expect(cache.get('k')).toBe(value);
    });

    it('removes what is past its stale time when it is asked for', () => {
      cache.set('k', 1, { ttlMs: 1_000, staleTtlMs: 500 });
      clock.advance(1_499);
      const stale = cache.lookup('k');
      clock.advance(1);
      const gone = cache.lookup('k');

      expect(stale).toEqual({ value: 1, stale: true, expiresAt: Date.UTC(2026, 0, 1) + 1_000 });
      expect(gone).toBeUndefined();
      expect(cache.stats()).toMatchObject({ entries: 0, usedBytes: 0, expirations: 1 });
    });

    it('removes what nobody asks for when it is purged', () => {
      cache.set('a', 1, { ttlMs: 1_000 });
      cache.set('b', 1, { ttlMs: 2_000 });
      cache.set('c', 1);
      clock.advance(1_000);

      expect(cache.purgeExpired()).toBe(1);
      expect(cache.stats().entries).toBe(2);
    });

    it.each([Number.NaN, -5, 0])('of %d ms is over at once', (ttlMs) => {
      cache.set('k', 1, { ttlMs });

      expect(cache.get('k')).toBeUndefined();
    });
  });

  describe('what it refuses', () => {
    it.each<[string, unknown, string]>([
      ['k', Buffer.alloc(10), 'binary'],
      ['k', { a: [new Float32Array(2)] }, 'binary'],
      ['k', undefined, 'undefined'],
      ['k', new Date(), 'not-json'],
      ['k', 'x'.repeat(1024 ** 2), 'too-large'],
      ['k', 'x'.repeat(BUDGET_BYTES), 'over-cap'],
      ['', 1, 'bad-key'],
      ['k'.repeat(1_025), 1, 'bad-key'],
    ])('is counted, and takes the older value with it: case %#', (key, value, reason) => {
      cache.set(key, 'older');

      const stored = cache.set(key, value);

      expect(stored).toBe(false);
      expect(cache.get(key)).toBeUndefined();
      expect(cache.stats().refused[reason as 'binary']).toBeGreaterThanOrEqual(1);
    });

    it('is logged once a family and reason', () => {
      cache.set('page:1', Buffer.alloc(1));
      cache.set('page:2', Buffer.alloc(1));
      cache.set('icon:1', Buffer.alloc(1));

      expect(Logger.prototype.warn).toHaveBeenCalledTimes(2);
    });

    it('is everything when the budget is 0', () => {
      cache.onApplicationShutdown();
      cache = create(0);

      expect(cache.set('k', 1)).toBe(false);
      expect(cache.stats()).toMatchObject({ entries: 0, usedBytes: 0, refused: { 'over-cap': 1 } });
    });
  });

  describe('when it is full', () => {
    it('evicts the least recently used, some at once', () => {
      const fits = Math.floor(BUDGET_BYTES / SMALL_BYTES);
      for (let id = 0; id < fits; id += 1) cache.set(`k${id}`, id);
      cache.get('k0');
      const before = cache.stats().evictions;

      cache.set('last', 1);

      const { evictions, usedBytes } = cache.stats();
      expect(before).toBe(0);
      expect(evictions).toBeGreaterThan(5);
      expect(usedBytes).toBeGreaterThan(0.97 * BUDGET_BYTES);
      expect([cache.get('k0'), cache.get('k1'), cache.get('last')]).toEqual([0, undefined, 1]);
    });

    it('holds 100 000 entries at most', () => {
      cache.onApplicationShutdown();
      cache = create(1024 ** 3);
      for (let id = 0; id < 100_001; id += 1) cache.set(`k${id}`, id);

      expect(cache.stats()).toMatchObject({ entries: 98_001, evictions: 2_000 });
      expect(cache.get('k100000')).toBe(100_000);
    });
  });

  describe('deleting', () => {
    it('removes one key, or all with a prefix', () => {
      for (const key of ['page:1', 'page:2', 'icon:1']) cache.set(key, key);

      const results = [cache.delete('icon:1'), cache.delete('icon:1'), cache.deletePrefix('page:')];

      expect(results).toEqual([true, false, 2]);
      expect(cache.stats().entries).toBe(0);
    });
  });

  describe('making room', () => {
    const fill = (count: number): void => {
      for (let id = 0; id < count; id += 1) cache.set(`k${id}`, id);
    };

    it('drops a quarter of the bytes, by last use, and reports what that freed', () => {
      fill(100);
      cache.get('k0');

      const freedBytes = cache.dropOldest(0.25, 'test');

      expect(freedBytes).toBe(25 * SMALL_BYTES);
      expect([cache.get('k0'), cache.get('k25'), cache.get('k26')]).toEqual([0, undefined, 26]);
      expect(cache.stats().lastAction).toEqual({
        name: 'drop-oldest',
        cause: 'test',
        freedBytes,
        at: clock.now(),
      });
      expect(Logger.prototype.log).toHaveBeenCalledTimes(1);
    });

    it.each([
      [0, 0],
      [-1, 0],
      [Number.NaN, 0],
      [1, 10],
      [2, 10],
    ])('a share of %d drops %d of 10 entries', (share, dropped) => {
      fill(10);

      expect(cache.dropOldest(share)).toBe(dropped * SMALL_BYTES);
    });

    it('keeps under a cap until it is lifted', () => {
      fill(100);
      const freedBytes = cache.setCap(50 * SMALL_BYTES);
      for (let id = 100; id < 200; id += 1) cache.set(`k${id}`, id);
      const capped = cache.stats();
      cache.setCap(null);
      for (let id = 200; id < 300; id += 1) cache.set(`k${id}`, id);

      expect(freedBytes).toBe(50 * SMALL_BYTES);
      expect(capped.usedBytes).toBeLessThanOrEqual(50 * SMALL_BYTES);
      expect(capped.lastAction).toMatchObject({ name: 'cap', freedBytes });
      expect(cache.stats().usedBytes).toBeGreaterThan(100 * SMALL_BYTES);
    });

    it('clears itself and reports what that freed', () => {
      fill(10);

      expect(cache.clear('emergency-cleanup-start')).toBe(10 * SMALL_BYTES);
      expect(cache.stats()).toMatchObject({
        usedBytes: 0,
        lastAction: { name: 'clear', cause: 'emergency-cleanup-start', freedBytes: 10 * SMALL_BYTES },
      });
    });
  });

  it('counts by family', () => {
    cache.set('page:1', 1);
    cache.set('page:2', 2);
    cache.set('icon:1', 3);
    cache.set('bare', 4);
    cache.get('page:1');
    cache.get('page:9');

    const { families, hits, misses } = cache.stats();

    expect(Object.keys(families)).toEqual(['page', 'icon', 'none']);
    expect(families['page']).toMatchObject({
      entries: 2,
      bytes: 2 * SMALL_BYTES,
      hits: 1,
      misses: 1,
      sets: 2,
    });
    expect({ hits, misses }).toEqual({ hits: 1, misses: 1 });
  });

  it('counts 64 families apart and the rest together', () => {
    for (let id = 0; id < 100; id += 1) cache.set(`family${id}:1`, 1);

    const { families } = cache.stats();

    expect(Object.keys(families)).toHaveLength(65);
    expect(families['other']?.entries).toBe(36);
  });

  it('keeps its sums and its budget under random operations', () => {
    const key = fc.constantFrom('a:1', 'a:2', 'b:1', 'b:2', 'c:1', 'd', 'e', '');
    const value = fc.oneof(
      { weight: 6, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 6_000 }).map((length) => 'Ω'.repeat(length)) },
      { weight: 1, arbitrary: fc.constant(Buffer.alloc(3)) },
    );
    const ttl = fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined });
    type Step = (own: ServerCache) => unknown;
    const operation: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 10,
        arbitrary: fc.tuple(key, value, ttl, ttl).map(
          ([k, v, ttlMs, staleTtlMs]): Step =>
            (own) =>
              own.set(k, v, { ttlMs, staleTtlMs }),
        ),
      },
      {
        weight: 4,
        arbitrary: key.map(
          (k): Step =>
            (own) =>
              own.get(k),
        ),
      },
      {
        weight: 2,
        arbitrary: key.map(
          (k): Step =>
            (own) =>
              own.lookup(k),
        ),
      },
      {
        weight: 2,
        arbitrary: key.map(
          (k): Step =>
            (own) =>
              own.delete(k),
        ),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('a:', 'b', 'x').map(
          (prefix): Step =>
            (own) =>
              own.deletePrefix(prefix),
        ),
      },
      {
        weight: 1,
        arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map(
          (share): Step =>
            (own) =>
              own.dropOldest(share),
        ),
      },
      {
        weight: 1,
        arbitrary: fc.option(fc.nat(12_000)).map(
          (cap): Step =>
            (own) =>
              own.setCap(cap),
        ),
      },
      { weight: 1, arbitrary: fc.constant((own: ServerCache) => own.purgeExpired()) },
      { weight: 1, arbitrary: fc.constant((own: ServerCache) => own.clear()) },
      { weight: 3, arbitrary: fc.nat(400).map((ms) => () => clock.advance(ms)) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (steps) => {
        cache.onApplicationShutdown();
        cache = create(10_000);
        for (const step of steps) {
          step(cache);
          checkSums(cache);
        }
      }),
      { seed: 11, numRuns: 150 },
    );
  });

  describe('getOrRefresh', () => {
    it('loads once for all who ask at the same time, and keeps what came', async () => {
      let loads = 0;
      const load = async (): Promise<{ n: number }> => {
        await turn();
        return { n: (loads += 1) };
      };

      const values = await Promise.all(Array.from({ length: 50 }, () => cache.getOrRefresh('k', load)));

      expect(loads).toBe(1);
      expect(new Set(values).size).toBe(1);
      expect(Object.isFrozen(values[0])).toBe(true);
      expect(cache.get('k')).toBe(values[0]);
      expect(cache.stats().coalesced).toBe(49);
    });

    it('gives what cannot be kept to those who wait, and loads again next time', async () => {
      const bytes = Buffer.from('bytes');

      const values = await Promise.all([
        cache.getOrRefresh('k', async () => bytes),
        cache.getOrRefresh('k', async () => bytes),
      ]);

      expect(values).toEqual([bytes, bytes]);
      expect(cache.stats().entries).toBe(0);
    });

    it('passes a failure on to all, and does not keep it', async () => {
      const fault = new Error('origin is down');
      const load = (): Promise<number> => Promise.reject(fault);

      const errors = await Promise.all([
        errorOf(cache.getOrRefresh('k', load)),
        errorOf(cache.getOrRefresh('k', load)),
      ]);

      expect(errors).toEqual([fault, fault]);
      await expect(cache.getOrRefresh('k', async () => 5)).resolves.toBe(5);
    });

    it('gives up after the deadline of the load, and tells the load', async () => {
      let given: AbortSignal | undefined;
      const result = errorOf(
        cache.getOrRefresh(
          'k',
          (signal) => {
            given = signal;
            return new Promise((_, reject) =>
              signal.addEventListener('abort', () => reject(signal.reason as Error)),
            );
          },
          { timeoutMs: 500 },
        ),
      );
      clock.advance(500);

      expect(await result).toBeInstanceOf(OperationTimeoutError);
      expect(given?.aborted).toBe(true);
      expect(cache.stats().loading).toBe(0);
    });

    it('serves the stale value at once and refreshes it once behind', async () => {
      cache.set('k', 'old', { ttlMs: 1_000, staleTtlMs: 10_000 });
      clock.advance(1_000);
      let loads = 0;
      const load = async (): Promise<string> => {
        loads += 1;
        return 'new';
      };

      const during = await Promise.all([
        cache.getOrRefresh('k', load, { ttlMs: 1_000 }),
        cache.getOrRefresh('k', load, { ttlMs: 1_000 }),
      ]);
      await turn();

      expect(during).toEqual(['old', 'old']);
      expect(loads).toBe(1);
      expect(cache.get('k')).toBe('new');
      expect(cache.stats()).toMatchObject({ staleHits: 2, refreshes: 1, refreshFailures: 0 });
    });

    it('keeps the stale value when the refresh fails, and tries again 5 s later', async () => {
      cache.set('k', 'old', { ttlMs: 1_000, staleTtlMs: 60_000 });
      clock.advance(1_000);
      let loads = 0;
      const load = (): Promise<string> => {
        loads += 1;
        return Promise.reject(new Error('down'));
      };
      const ask = async (): Promise<string> => {
        const value = await cache.getOrRefresh('k', load);
        await turn();
        return value;
      };

      const values = [await ask(), await ask()];
      clock.advance(4_999);
      values.push(await ask());
      const before = loads;
      clock.advance(1);
      values.push(await ask());

      expect(values).toEqual(['old', 'old', 'old', 'old']);
      expect([before, loads]).toEqual([1, 2]);
      expect(cache.stats().refreshFailures).toBe(2);
    });

    it('runs 32 refreshes at once, no more', async () => {
      for (let id = 0; id < 40; id += 1) cache.set(`k${id}`, 'old', { ttlMs: 1, staleTtlMs: 1_000 });
      clock.advance(1);
      const finish: (() => void)[] = [];
      const load = (): Promise<string> => new Promise((resolve) => finish.push(() => resolve('new')));
      for (let id = 0; id < 40; id += 1) await cache.getOrRefresh(`k${id}`, load);
      const running = cache.stats().loading;
      for (const done of finish) done();
      await turn();

      expect([running, finish.length]).toEqual([32, 32]);
    });

    describe('when a caller aborts', () => {
      it('the others still get the value', async () => {
        const leader = new AbortController();
        const follower = new AbortController();
        let finish!: (value: string) => void;
        let given: AbortSignal | undefined;
        const load = (signal: AbortSignal): Promise<string> => {
          given = signal;
          return new Promise((resolve) => (finish = resolve));
        };
        const first = errorOf(cache.getOrRefresh('k', load, { signal: leader.signal }));
        const second = cache.getOrRefresh('k', load, { signal: follower.signal });

        leader.abort();
        const error = await first;
        const aborted = given?.aborted;
        finish('value');

        await expect(second).resolves.toBe('value');
        expect(error).toBeInstanceOf(AbortedError);
        expect(aborted).toBe(false);
        expect(getEventListeners(follower.signal, 'abort')).toHaveLength(0);
      });

      it('and was the last, the load is aborted and the next caller starts a new one', async () => {
        const caller = new AbortController();
        let given: AbortSignal | undefined;
        const stuck = (signal: AbortSignal): Promise<string> => {
          given = signal;
          return new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(new AbortedError())),
          );
        };
        const first = errorOf(cache.getOrRefresh('k', stuck, { signal: caller.signal }));
        await turn();
        caller.abort();
        const second = cache.getOrRefresh('k', async () => 'new');

        await expect(second).resolves.toBe('new');
        expect(await first).toBeInstanceOf(AbortedError);
        expect(given?.aborted).toBe(true);
        expect(cache.get('k')).toBe('new');
      });

      it('before it asks, nothing is loaded', async () => {
        let loads = 0;

        const error = await errorOf(
          cache.getOrRefresh('k', async () => (loads += 1), { signal: AbortSignal.abort() }),
        );

        expect(error).toBeInstanceOf(AbortedError);
        expect(loads).toBe(0);
      });
    });

    it.each<[string, (own: ServerCache) => unknown, unknown]>([
      ['deleted', (own) => own.delete('k:1'), undefined],
      ['deleted by prefix', (own) => own.deletePrefix('k:'), undefined],
      ['set', (own) => own.set('k:1', 'newer'), 'newer'],
    ])('does not keep what was loading while the key was %s', async (_, change, kept) => {
      let finish!: (value: string) => void;
      const result = cache.getOrRefresh('k:1', () => new Promise<string>((resolve) => (finish = resolve)));
      await turn();
      change(cache);
      finish('older');

      await expect(result).resolves.toBe('older');
      expect(cache.get('k:1')).toBe(kept);
    });

    it('still joins the newer load after an invalidated one has settled', async () => {
      const finish: ((value: string) => void)[] = [];
      const load = (): Promise<string> => new Promise((resolve) => finish.push(resolve));
      const older = cache.getOrRefresh('k', load);
      await turn();
      cache.delete('k');
      const newer = cache.getOrRefresh('k', load);
      finish[0]?.('older');
      await older;
      await turn();
      const joined = cache.getOrRefresh('k', load);
      finish[1]?.('newer');

      await expect(Promise.all([newer, joined])).resolves.toEqual(['newer', 'newer']);
      expect(finish).toHaveLength(2);
    });

    it('keeps what was loading while the cache was cleared: a flush touches no work in flight', async () => {
      let finish!: (value: string) => void;
      const result = cache.getOrRefresh('k', () => new Promise<string>((resolve) => (finish = resolve)));
      await turn();
      cache.clear();
      finish('value');

      await expect(result).resolves.toBe('value');
      expect(cache.get('k')).toBe('value');
    });
  });
});
