import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from '../../test/support/fake-clock.js';
import type { EventMap } from '../events/index.js';
import { ByteAccounts } from '../process-memory/index.js';
import { BufferCache, IMAGE_CACHE_ACCOUNT } from './buffer-cache.js';
import { weighEntry, type ImageEntry } from './image-entry.js';

const HOUR_MS = 3_600_000;
const NO_ATTRIBUTES = {};

type Heard = { name: keyof EventMap; payload: Record<string, unknown> };

const entryOf = (
  clock: FakeClock,
  bytes: Buffer | number,
  changes: Partial<ImageEntry> = {},
): ImageEntry => ({
  bytes: typeof bytes === 'number' ? Buffer.alloc(bytes, 7) : bytes,
  contentType: 'image/webp',
  etag: '"e"',
  sourceKey: 'originals/s',
  freshUntil: clock.now() + HOUR_MS,
  staleUntil: clock.now() + 2 * HOUR_MS,
  attributes: NO_ATTRIBUTES,
  ...changes,
});

describe('BufferCache', () => {
  let clock: FakeClock;
  let accounts: ByteAccounts;
  let heard: Heard[];
  let cache: BufferCache;

  const open = (budgetBytes: number, maxEntryBytes = 1_000_000): BufferCache =>
    new BufferCache({
      budgetBytes,
      maxEntryBytes,
      clock,
      accounts,
      bus: {
        emit: (name, payload) => {
          heard.push({ name, payload: payload as unknown as Record<string, unknown> });
          return payload as never;
        },
      },
    });
  /** What one entry of `sizeBytes` under a key of one letter weighs. */
  const weightOf = (sizeBytes: number): number => weighEntry('a', entryOf(clock, sizeBytes));

  beforeEach(() => {
    clock = new FakeClock();
    accounts = new ByteAccounts();
    heard = [];
  });

  afterEach(() => {
    expect(cache.brokenInvariants()).toEqual([]);
    cache.close();
    expect(accounts.totalUsedBytes).toBe(0);
  });

  it('keeps a private copy of exactly its size when it is given a view', () => {
    cache = open(100_000);
    const slab = Buffer.from('a picture inside a larger buffer');
    const view = slab.subarray(2, 9);

    cache.set('a', entryOf(clock, view));
    slab.fill(0);

    const kept = cache.get('a')?.bytes;
    expect(kept?.toString()).toBe('picture');
    expect(kept?.buffer.byteLength).toBe(kept?.byteLength);
  });

  it('adopts a buffer that owns its whole memory, and copies a view although it was given away', () => {
    cache = open(100_000);
    const whole = Buffer.allocUnsafeSlow(64);
    const view = Buffer.allocUnsafeSlow(64).subarray(1);

    cache.set('a', entryOf(clock, whole), { adopt: true });
    cache.set('b', entryOf(clock, view), { adopt: true });

    expect(cache.peek('a')?.bytes).toBe(whole);
    expect(cache.peek('b')?.bytes).not.toBe(view);
    expect(cache.peek('b')?.bytes.buffer.byteLength).toBe(63);
  });

  it('copies what was not given away even when it owns its memory', () => {
    cache = open(100_000);
    const whole = Buffer.allocUnsafeSlow(64);

    cache.set('a', entryOf(clock, whole));

    expect(cache.peek('a')?.bytes).not.toBe(whole);
  });

  it('freezes entries and does not see later changes of the attributes it was given', () => {
    cache = open(100_000);
    const attributes = { width: 10 };

    cache.set('a', entryOf(clock, 10, { attributes }));
    attributes.width = 99;

    expect(cache.get('a')?.attributes['width']).toBe(10);
    expect(Object.isFrozen(cache.get('a'))).toBe(true);
  });

  it('evicts by last use and says so, once per entry', () => {
    cache = open(2 * weightOf(1_000));
    cache.set('a', entryOf(clock, 1_000));
    cache.set('b', entryOf(clock, 1_000));
    cache.get('a');

    cache.set('c', entryOf(clock, 1_000));

    expect(cache.peek('b')).toBeUndefined();
    expect(cache.peek('a')).toBeDefined();
    expect(heard).toEqual([{ name: 'image-disposed', payload: { key: 'b', size: 1_000, reason: 'evict' } }]);
  });

  it('counts key, strings and overhead, not the bytes alone', () => {
    cache = open(weightOf(1_000) - 1);

    expect(cache.set('a', entryOf(clock, 1_000))).toBe(false);

    expect(heard).toEqual([
      { name: 'buffer-rejected', payload: { key: 'a', size: 1_000, reason: 'size-limit' } },
    ]);
  });

  it('takes an entry of exactly the budget, and of exactly the largest size', () => {
    cache = open(weightOf(1_000), 1_000);

    expect(cache.set('a', entryOf(clock, 1_000))).toBe(true);
  });

  it('rejects an entry one byte over the largest size, and drops the older one under its key', () => {
    cache = open(100_000, 1_000);
    cache.set('a', entryOf(clock, 500));

    expect(cache.set('a', entryOf(clock, 1_001))).toBe(false);

    expect(cache.peek('a')).toBeUndefined();
    expect(heard.map(({ name }) => name)).toEqual(['image-disposed', 'buffer-rejected']);
  });

  it('rejects because of pressure what fits the budget but not the cap', () => {
    cache = open(100_000);
    cache.setCap(weightOf(1_000) - 1);

    expect(cache.set('a', entryOf(clock, 1_000))).toBe(false);
    expect(heard[0]?.payload['reason']).toBe('pressure');

    cache.setCap(null);
    expect(cache.set('a', entryOf(clock, 1_000))).toBe(true);
  });

  it('stays under its cap while it holds', () => {
    cache = open(10 * weightOf(1_000));
    for (const key of 'abcdefghij') cache.set(key, entryOf(clock, 1_000));
    cache.setCap(6 * weightOf(1_000));

    expect(cache.evictTo(6 * weightOf(1_000))).toBe(4 * weightOf(1_000));
    for (const key of 'klmnop') cache.set(key, entryOf(clock, 1_000));

    expect(cache.size).toBe(6);
  });

  it('keeps nothing at all with a budget of 0', () => {
    cache = open(0);

    expect(cache.set('a', entryOf(clock, 0))).toBe(false);
    expect(cache.usedBytes).toBe(0);
  });

  it('replaces an entry without evicting others for room that the old one gives', () => {
    cache = open(2 * weightOf(1_000));
    cache.set('a', entryOf(clock, 1_000));
    cache.set('b', entryOf(clock, 1_000));

    cache.set('a', entryOf(clock, 1_000, { etag: '"f"' }));

    expect(cache.peek('a')?.etag).toBe('"f"');
    expect(cache.peek('b')).toBeDefined();
    expect(heard.map(({ payload }) => payload['reason'])).toEqual(['replace']);
  });

  it('replaces the oldest entry by a larger one as a replacement, within the cap', () => {
    cache = open(10 * weightOf(1_000));
    cache.set('a', entryOf(clock, 1_000));
    cache.set('b', entryOf(clock, 1_000));
    cache.setCap(2 * weightOf(1_000) + 500);

    cache.set('a', entryOf(clock, 1_800));

    expect(cache.usedBytes).toBeLessThanOrEqual(cache.limitBytes);
    expect(heard.map(({ payload }) => [payload['key'], payload['reason']])).toEqual([
      ['b', 'evict'],
      ['a', 'replace'],
    ]);
  });

  it('renews freshness without an event, a use or a change of weight', () => {
    cache = open(2 * weightOf(1_000));
    cache.set('a', entryOf(clock, 1_000));
    cache.set('b', entryOf(clock, 1_000));
    const before = cache.usedBytes;

    expect(cache.update('a', { freshUntil: 5 })).toBe(true);

    expect(cache.peek('a')?.freshUntil).toBe(5);
    expect(cache.usedBytes).toBe(before);
    expect(heard).toEqual([]);
    cache.set('c', entryOf(clock, 1_000));
    expect(cache.peek('a')).toBeUndefined();
    expect(cache.update('gone', { freshUntil: 5 })).toBe(false);
  });

  it('serves a stale entry until staleUntil, then misses and drops it', () => {
    cache = open(100_000);
    cache.set('a', entryOf(clock, 10));

    clock.advance(2 * HOUR_MS - 1);
    expect(cache.get('a')).toBeDefined();
    clock.advance(1);
    expect(cache.peek('a')).toBeUndefined();
    expect(cache.get('a')).toBeUndefined();

    expect(cache.size).toBe(0);
    expect(heard.at(-1)?.payload['reason']).toBe('expire');
    expect(cache.snapshot()).toMatchObject({ hits: 1, misses: 1 });
  });

  it('finds and deletes the variants of one source only', () => {
    cache = open(100_000);
    cache.set('a', entryOf(clock, 10));
    cache.set('b', entryOf(clock, 10));
    cache.set('c', entryOf(clock, 10, { sourceKey: 'originals/other' }));

    expect(cache.variantsOf('originals/s').map(({ key }) => key)).toEqual(['a', 'b']);
    expect(cache.deleteBySource('originals/s')).toBe(2);
    expect(cache.variantsOf('originals/s')).toEqual([]);
    expect(cache.peek('c')).toBeDefined();
  });

  it('moves a key to its new source when an entry is replaced', () => {
    cache = open(100_000);
    cache.set('a', entryOf(clock, 10));

    cache.set('a', entryOf(clock, 10, { sourceKey: 'originals/new' }));

    expect(cache.deleteBySource('originals/s')).toBe(0);
    expect(cache.peek('a')).toBeDefined();
  });

  it('lets a listener call it back while it tells', () => {
    const calls: string[] = [];
    const own: BufferCache = new BufferCache({
      budgetBytes: 100_000,
      maxEntryBytes: 100_000,
      clock,
      accounts,
      bus: {
        emit: (_name, payload) => {
          calls.push((payload as { key: string }).key);
          own.delete('b');
          return payload as never;
        },
      },
    });
    cache = own;
    cache.set('a', entryOf(clock, 10));
    cache.set('b', entryOf(clock, 10));

    cache.delete('a');

    expect(calls).toEqual(['a', 'b']);
    expect(cache.size).toBe(0);
  });

  it('reports a flush as such and what it freed', () => {
    cache = open(100_000);
    cache.set('a', entryOf(clock, 10));
    cache.set('b', entryOf(clock, 10));

    expect(cache.clear()).toBe(2 * weightOf(10));

    expect(heard.map(({ payload }) => payload['reason'])).toEqual(['flush', 'flush']);
    expect(accounts.snapshot().accounts[IMAGE_CACHE_ACCOUNT]?.usedBytes).toBe(0);
  });

  it('holds its invariants under random operations (property)', () => {
    const key = fc.constantFrom(...'abcdefghijklmnop');
    const operation = fc.oneof(
      fc.record({
        kind: fc.constant('set' as const),
        key,
        size: fc.integer({ min: 0, max: 6_000 }),
        source: fc.constantFrom('x', 'y', 'z'),
        slice: fc.boolean(),
        adopt: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('get' as const), key }),
      fc.record({ kind: fc.constant('delete' as const), key }),
      fc.record({ kind: fc.constant('update' as const), key, fresh: fc.integer({ min: 0, max: HOUR_MS }) }),
      fc.record({ kind: fc.constant('source' as const), source: fc.constantFrom('x', 'y', 'z') }),
      fc.record({ kind: fc.constant('evict' as const), bytes: fc.integer({ min: 0, max: 20_000 }) }),
      fc.record({ kind: fc.constant('cap' as const), bytes: fc.option(fc.integer({ min: 0, max: 20_000 })) }),
      fc.record({ kind: fc.constant('clear' as const) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: HOUR_MS }) }),
    );
    cache = open(0);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20_000 }),
        fc.array(operation, { maxLength: 60 }),
        (budget, steps) => {
          cache.close();
          cache = open(budget, 5_000);
          heard = [];
          let accepted = 0;
          let withinLimit = true;
          for (const step of steps) {
            if (step.kind === 'set') {
              const bytes = step.slice ? Buffer.alloc(step.size + 3).subarray(3) : Buffer.alloc(step.size);
              const kept = cache.set(step.key, entryOf(clock, bytes, { sourceKey: step.source }), step);
              if (kept) accepted += 1;
              withinLimit &&= cache.usedBytes <= (kept ? cache.limitBytes : budget);
            } else if (step.kind === 'get') cache.get(step.key);
            else if (step.kind === 'delete') cache.delete(step.key);
            else if (step.kind === 'update') cache.update(step.key, { freshUntil: clock.now() + step.fresh });
            else if (step.kind === 'source') cache.deleteBySource(step.source);
            else if (step.kind === 'evict') cache.evictTo(step.bytes);
            else if (step.kind === 'cap') cache.setCap(step.bytes);
            else if (step.kind === 'clear') cache.clear();
            else clock.advance(step.ms);
            expect(cache.brokenInvariants()).toEqual([]);
          }
          expect(withinLimit).toBe(true);
          // Whatever came in and is not there has left with one event.
          const left = heard.filter(({ name }) => name === 'image-disposed').length;
          expect(left).toBe(accepted - cache.size);
        },
      ),
      { numRuns: 200 },
    );
  });
});
