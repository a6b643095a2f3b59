import { fork } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FakeClock } from '../../test/support/fake-clock.js';
import { ContainerMemory } from './container-memory.js';
import type { ContainerReading, MemoryReaders, ProcessReading } from './memory-readers.js';
import type { MemorySample } from './memory-sample.js';
import { MemorySampler } from './memory-sampler.js';
import { ProcessMemoryReaders } from './process-memory-readers.js';

/** Readings that a test sets; an `Error` is thrown. */
class SetReaders implements MemoryReaders {
  rssBytes: number | Error = 100;
  container: ContainerReading | Error = { state: 'limited', usedBytes: 70, limitBytes: 500 };
  children = new Map<number, number>();
  processReads = 0;
  containerReads = 0;

  readProcess(): ProcessReading {
    this.processReads += 1;
    if (this.rssBytes instanceof Error) throw this.rssBytes;
    return {
      rssBytes: this.rssBytes,
      heapUsedBytes: 10,
      heapLimitBytes: 50,
      externalBytes: 5,
      source: 'process',
    };
  }

  readArrayBuffersBytes(): number {
    return 4;
  }

  readContainer(): ContainerReading {
    this.containerReads += 1;
    if (this.container instanceof Error) throw this.container;
    return this.container;
  }

  readChildRssBytes(pid: number): number | null {
    return this.children.get(pid) ?? null;
  }
}

describe('MemorySampler', () => {
  let clock: FakeClock;
  let readers: SetReaders;
  let sampler: MemorySampler;

  beforeEach(() => {
    jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    jest.spyOn(Logger.prototype, 'error').mockReturnValue(undefined);
    clock = new FakeClock();
    readers = new SetReaders();
    sampler = new MemorySampler(clock, readers);
  });

  afterEach(() => {
    sampler.onApplicationShutdown();
    jest.restoreAllMocks();
    expect(clock.pendingTimers).toBe(0);
  });

  it('has a sample before the application has started', () => {
    expect(sampler.latest()).toEqual({
      at: clock.now(),
      monotonicMs: 0,
      rssBytes: 100,
      heapUsedBytes: 10,
      heapLimitBytes: 50,
      externalBytes: 5,
      arrayBuffersBytes: 4,
      containerUsedBytes: 70,
      containerLimitBytes: 500,
      childrenRssBytes: 0,
      ok: true,
      source: 'process',
    });
  });

  it('gives samples that nobody can change', () => {
    expect(Object.isFrozen(sampler.sample())).toBe(true);
  });

  describe('between the timed samples', () => {
    it('reads the process anew and keeps what it knows of the container', () => {
      readers.rssBytes = 200;
      readers.container = { state: 'limited', usedBytes: 90, limitBytes: 500 };

      const sample = sampler.sample();

      expect(sample).toMatchObject({ rssBytes: 200, containerUsedBytes: 70 });
      expect(readers.containerReads).toBe(1);
    });

    it.each([
      [49, 1],
      [50, 1],
      [51, 2],
    ])('after %d ms, fresh(50) has read %d times in all', (ageMs, reads) => {
      clock.advance(ageMs);

      sampler.fresh(50);

      expect(readers.processReads).toBe(reads);
    });
  });

  describe('on its timer', () => {
    it('samples every 2 s, the container too', () => {
      sampler.onApplicationBootstrap();

      clock.advance(6_000);

      expect(readers.processReads).toBe(1 + 3);
      expect(readers.containerReads).toBe(1 + 3);
    });

    it('samples every 250 ms from the moment it is told to be fast', () => {
      sampler.onApplicationBootstrap();
      clock.advance(1_900);

      sampler.setCadence('fast');
      clock.advance(1_000);

      expect(readers.processReads).toBe(1 + 4);
      expect(clock.pendingTimers).toBe(1);
    });

    it('survives a listener that changes the cadence inside a sample', () => {
      sampler.onSample(() => sampler.setCadence('fast'));
      sampler.onApplicationBootstrap();

      clock.advance(2_500);

      expect(readers.processReads).toBe(1 + 3);
      expect(clock.pendingTimers).toBe(1);
    });

    it('does not start a timer when the cadence is set before the start or after the end', () => {
      sampler.setCadence('fast');
      const before = clock.pendingTimers;
      sampler.onApplicationBootstrap();
      sampler.onApplicationShutdown();
      sampler.setCadence('slow');

      expect([before, clock.pendingTimers]).toEqual([0, 0]);
    });
  });

  describe('when the process cannot be read', () => {
    it.each([new Error('broken'), Number.NaN, 0, -1])(
      'keeps the last good figures and their age (%p)',
      (rssBytes) => {
        clock.advance(1_000);
        readers.rssBytes = rssBytes;

        const sample = sampler.sample();

        expect(sample).toMatchObject({ rssBytes: 100, ok: false, monotonicMs: 0 });
        expect(sampler.snapshot()).toMatchObject({ failures: 1, failuresInARow: 1 });
      },
    );

    it('is good again with the next good reading', () => {
      readers.rssBytes = new Error('broken');
      sampler.sample();
      readers.rssBytes = 300;

      const sample = sampler.sample();

      expect(sample).toMatchObject({ rssBytes: 300, ok: true });
      expect(sampler.snapshot()).toMatchObject({ failures: 1, failuresInARow: 0 });
    });

    it('logs the 1st, 2nd, 4th and 8th failure of a row, not each', () => {
      readers.rssBytes = new Error('broken');

      for (let count = 0; count < 10; count += 1) sampler.sample();

      expect(Logger.prototype.warn).toHaveBeenCalledTimes(4);
    });

    it('says so from the first sample on', () => {
      readers.rssBytes = new Error('broken');

      expect(new MemorySampler(clock, readers).latest().ok).toBe(false);
    });
  });

  describe('when the container cannot be read', () => {
    it.each<[string, ContainerReading | Error]>([
      ['throws', new Error('gone')],
      ['has lost its limit', { state: 'unknown', usedBytes: null, limitBytes: null }],
    ])('and %s, keeps the last good figures for 5 s and has no opinion then', (_, reading) => {
      sampler.onApplicationBootstrap();
      readers.container = reading;

      clock.advance(4_000);
      const early = sampler.latest();
      clock.advance(2_000);
      const late = sampler.latest();

      expect(early).toMatchObject({ containerUsedBytes: 70, ok: true });
      expect(late).toMatchObject({ containerUsedBytes: null, containerLimitBytes: 500, ok: true });
      expect(sampler.snapshot().container).toEqual({ state: 'unknown', failures: 3 });
    });

    it('has an opinion again as soon as it can be read', () => {
      sampler.onApplicationBootstrap();
      readers.container = new Error('gone');
      clock.advance(8_000);
      readers.container = { state: 'limited', usedBytes: 80, limitBytes: 500 };

      clock.advance(2_000);

      expect(sampler.latest().containerUsedBytes).toBe(80);
    });
  });

  describe('listeners', () => {
    it('are told of every sample until they stop', () => {
      const told: number[] = [];
      const stop = sampler.onSample((sample: MemorySample) => told.push(sample.rssBytes));
      sampler.sample();
      readers.rssBytes = 101;
      sampler.sample();
      stop();
      sampler.sample();

      expect(told).toEqual([100, 101]);
    });

    it('that throw harm neither the sample nor the next listener', () => {
      const told: number[] = [];
      sampler.onSample(() => {
        throw new Error('bad listener');
      });
      sampler.onSample((sample) => told.push(sample.rssBytes));

      sampler.sample();

      expect(told).toEqual([100]);
      expect(sampler.snapshot()).toMatchObject({ listeners: 2, listenerErrors: 1 });
    });

    it('may take a sample without being called for ever', () => {
      let calls = 0;
      sampler.onSample(() => {
        calls += 1;
        sampler.sample();
      });

      sampler.sample();

      expect(calls).toBe(1);
    });
  });

  describe('children', () => {
    it('count while they are tracked', () => {
      readers.children.set(7, 30).set(8, 12);
      const stopFirst = sampler.trackChild(7);
      sampler.trackChild(8);

      const both = sampler.sample().childrenRssBytes;
      stopFirst();
      stopFirst();
      const one = sampler.sample().childrenRssBytes;

      expect([both, one]).toEqual([42, 12]);
    });

    it('count once however often they are tracked', () => {
      readers.children.set(7, 30);
      const stop = sampler.trackChild(7);
      sampler.trackChild(7);
      stop();

      expect(sampler.sample().childrenRssBytes).toBe(30);
    });

    it('are forgotten when they are gone, so that nobody counts a stranger with the same pid', () => {
      readers.children.set(7, 30);
      sampler.trackChild(7);
      sampler.sample();
      readers.children.delete(7);
      sampler.sample();
      readers.children.set(7, 99);

      expect(sampler.sample().childrenRssBytes).toBe(0);
    });
  });
});

describe('ProcessMemoryReaders', () => {
  const readers = new ProcessMemoryReaders(
    new ContainerMemory({ totalMemoryBytes: 2 ** 40, monotonicMs: () => 0 }),
  );

  it('reads this process for real', () => {
    const held = Buffer.alloc(32 * 1024 ** 2, 1);
    const reading = readers.readProcess();
    const asChildBytes = readers.readChildRssBytes(process.pid) ?? 0;

    expect(reading.source).toBe('process');
    expect(reading.rssBytes).toBeGreaterThan(held.byteLength);
    expect(reading.externalBytes).toBeGreaterThanOrEqual(held.byteLength);
    expect(readers.readArrayBuffersBytes()).toBeGreaterThanOrEqual(held.byteLength);
    expect(reading.heapUsedBytes).toBeGreaterThan(0);
    expect(reading.heapUsedBytes).toBeLessThan(reading.heapLimitBytes);
    // Two ways to the same figure: the units agree.
    expect(asChildBytes / reading.rssBytes).toBeCloseTo(1, 0);
  });

  it('reads a child process, and null when it is gone', async () => {
    const child = fork('-', { execArgv: ['-e', 'process.on("message", () => {})'], silent: true });
    await once(child, 'spawn');
    const pid = child.pid ?? 0;

    const alive = readers.readChildRssBytes(pid);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const gone = readers.readChildRssBytes(pid);

    expect(alive).toBeGreaterThan(0);
    expect(gone).toBeNull();
  });
});
