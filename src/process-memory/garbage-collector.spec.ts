import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FakeClock } from '../../test/support/fake-clock.js';
import { collectGarbage } from './collect-garbage.js';
import { GarbageCollector } from './garbage-collector.js';
import type { MemoryReaders } from './memory-readers.js';

describe('GarbageCollector', () => {
  let clock: FakeClock;
  let heapUsedBytes: number;
  let collections: number;
  let collect: () => void;
  let collector: GarbageCollector;

  beforeEach(() => {
    jest.spyOn(Logger.prototype, 'log').mockReturnValue(undefined);
    jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    clock = new FakeClock();
    heapUsedBytes = 1_000;
    collections = 0;
    collect = () => {
      collections += 1;
      heapUsedBytes = 400;
      clock.advance(60);
    };
    const readers: MemoryReaders = {
      readProcess: () => ({
        rssBytes: 1,
        heapUsedBytes,
        heapLimitBytes: 1,
        externalBytes: 50,
        source: 'process',
      }),
      readArrayBuffersBytes: () => 0,
      readContainer: () => ({ state: 'none', usedBytes: null, limitBytes: null }),
      readChildRssBytes: () => null,
    };
    collector = new GarbageCollector(clock, () => collect(), readers);
  });

  afterEach(() => {
    jest.restoreAllMocks();
    expect(clock.pendingTimers).toBe(0);
  });

  it('collects on request and says what that freed', () => {
    const ran = collector.request('after eviction');

    expect(ran).toBe(true);
    expect(collector.snapshot()).toEqual({
      collections: 1,
      skipped: 0,
      failures: 0,
      last: { at: clock.now(), reason: 'after eviction', durationMs: 60, freedBytes: 600 },
    });
  });

  it.each([
    [9_999, false],
    [10_000, true],
  ])('%d ms after the start of the last one, a request is granted: %p', (afterMs, granted) => {
    collector.request('first');
    clock.advance(afterMs - 60);

    expect(collector.request('second')).toBe(granted);
    expect(collector.snapshot().skipped).toBe(granted ? 0 : 1);
  });

  it('obeys an operator at once, and counts that for the next request', () => {
    collector.request('first');

    const ran = collector.run('operator');
    const next = collector.request('third');

    expect([ran, next, collections]).toEqual([true, false, 2]);
  });

  it('is not thrown off by a collection that fails', () => {
    collect = () => {
      throw new Error('not offered here');
    };

    const ran = collector.request('after eviction');

    expect(ran).toBe(false);
    expect(collector.snapshot()).toMatchObject({ collections: 0, failures: 1, last: null });
  });
});

describe('collectGarbage', () => {
  it('really frees what nobody holds, without a start flag', () => {
    let garbage: object | undefined = { large: new Array(10_000).fill(1) };
    const reference = new WeakRef(garbage);
    // A WeakRef is kept alive until the turn of the event loop in which it was made ends.
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      garbage = undefined;

      collectGarbage();

      expect(garbage).toBeUndefined();
      expect(reference.deref()).toBeUndefined();
    });
  });
});
