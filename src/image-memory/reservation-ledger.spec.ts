import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { FakeClock } from '../../test/support/fake-clock.js';
import type { MemoryLevel } from '../events/index.js';
import type { Lease, ReservationRequest } from './lease.js';
import { ReservationLedger, type LedgerOptions } from './reservation-ledger.js';

/** An idle process of 100 bytes under a ceiling of 800: 700 bytes can be promised. */
const IDLE_BYTES = 100;
const CEILING_BYTES = 800;
const ROOM_BYTES = 700;
const DEADLINE_MS = 10_000;

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('ReservationLedger', () => {
  let clock: FakeClock;
  let ledger: ReservationLedger;
  let world: {
    rss: number;
    /** Bytes of the image cache, and of caches of other rooms. */
    cache: number;
    foreign: number;
    evictable: number;
    level: MemoryLevel;
    stuck: boolean;
    jobs: number;
    evicted: number[];
    collections: number;
  };
  let activity: boolean[];
  let lone: [string, number, number][];
  /** Everything granted in a test, so that `afterEach` can give it back. */
  let granted: Lease[];

  const open = (changes: Partial<LedgerOptions> = {}): ReservationLedger =>
    new ReservationLedger({
      clock,
      environment: {
        rssBytes: () => world.rss,
        cacheBytes: () => world.cache + world.foreign,
        evictableBytes: (all) => (all ? world.cache : world.evictable),
        evict: (bytes) => {
          const freed = Math.min(bytes, world.cache);
          world.cache -= freed;
          world.evictable = Math.max(0, world.evictable - freed);
          world.evicted.push(freed);
          return freed;
        },
        collectGarbage: () => void (world.collections += 1),
        level: () => world.level,
        stuck: () => world.stuck,
        jobLimit: () => (world.stuck ? 1 : world.jobs),
      },
      limits: { ceilingBytes: CEILING_BYTES, loneCeilingBytes: 900, lineBytes: 1_000 },
      deadlineMs: DEADLINE_MS,
      maxWaiting: 10,
      oldLeaseMs: 60_000,
      enabled: true,
      random: () => 0,
      onActivity: (active) => void activity.push(active),
      onLoneOperation: (...figures) => void lone.push(figures),
      ...changes,
    });

  const request = (bytes: number, changes: Partial<ReservationRequest> = {}): ReservationRequest => ({
    bytes,
    class: 'interactive',
    label: `jpeg to webp ${bytes}x1`,
    job: false,
    ...changes,
  });

  /** Asks, and remembers the outcome without awaiting it. */
  const ask = (
    bytes: number,
    changes: Partial<ReservationRequest> = {},
  ): { lease?: Lease; error?: Error; done: Promise<unknown> } => {
    const asked: { lease?: Lease; error?: Error; done: Promise<unknown> } = { done: Promise.resolve() };
    asked.done = ledger.reserve(request(bytes, changes)).then(
      (lease) => {
        asked.lease = lease;
        granted.push(lease);
      },
      (error: Error) => void (asked.error = error),
    );
    return asked;
  };

  const take = async (bytes: number, changes: Partial<ReservationRequest> = {}): Promise<Lease> => {
    const asked = ask(bytes, changes);
    await asked.done;
    if (asked.lease === undefined) throw asked.error ?? new Error('not granted');
    return asked.lease;
  };

  beforeEach(() => {
    clock = new FakeClock();
    world = {
      rss: IDLE_BYTES,
      cache: 0,
      foreign: 0,
      evictable: 0,
      level: 'normal',
      stuck: false,
      jobs: 100,
      evicted: [],
      collections: 0,
    };
    activity = [];
    lone = [];
    granted = [];
    ledger = open();
    ledger.tick(IDLE_BYTES);
  });

  afterEach(async () => {
    ledger.close();
    for (const lease of granted) lease.release();
    await settled();
    for (const lease of granted) lease.release();
    ledger.tick(IDLE_BYTES);
    expect(ledger.snapshot()).toMatchObject({
      reservedBytes: 0,
      leases: 0,
      jobs: 0,
      zombies: 0,
      waitingBytes: 0,
      waiting: { interactive: 0, background: 0 },
      drift: { bytes: 0, events: 0 },
    });
    expect(clock.pendingTimers).toBe(0);
  });

  describe('admits what fits', () => {
    it('up to the last byte, and not one more', async () => {
      await take(ROOM_BYTES - 1);

      expect(ledger.tryReserve(request(2))).toBeNull();
      const last = ledger.tryReserve(request(1));

      expect(last).not.toBeNull();
      granted.push(last as Lease);
    });

    it('by the books when RSS has not risen yet, which is what stops a burst', async () => {
      await take(600);
      world.rss = IDLE_BYTES;

      expect(ledger.tryReserve(request(200))).toBeNull();
    });

    it('by RSS when the process holds more than the books know', async () => {
      world.rss = 750;

      expect(ledger.tryReserve(request(51))).toBeNull();
    });

    it('without counting running work twice: RSS that has risen to what was reserved costs nothing more', async () => {
      await take(300);
      world.rss = IDLE_BYTES + 300;

      const second = ledger.tryReserve(request(400));

      expect(second).not.toBeNull();
      granted.push(second as Lease);
    });

    it('counts caches of all rooms with their overhead of 15 %', () => {
      world.foreign = 200;

      expect(ledger.tryReserve(request(ROOM_BYTES - 229))).toBeNull();
      const lease = ledger.tryReserve(request(ROOM_BYTES - 230));

      expect(lease).not.toBeNull();
      granted.push(lease as Lease);
    });
  });

  describe('makes room in the cache', () => {
    it('by exactly what is missing when that is enough', async () => {
      world.cache = 200;

      await take(ROOM_BYTES - 115);

      // Rounded up to a whole byte.
      expect(world.evicted).toHaveLength(1);
      expect(Math.abs((world.evicted[0] ?? 0) - 100)).toBeLessThanOrEqual(1);
    });

    it('but leaves the hits their part while waiting would do, and takes it for one who is alone', async () => {
      const first = await take(500);
      world.cache = 100;
      const second = ask(150);
      await settled();
      expect(world.evicted).toEqual([]);

      first.release();
      await second.done;
      expect(second.lease).toBeDefined();
      expect(world.evicted).toEqual([]);

      second.lease?.release();
      await take(ROOM_BYTES);
      expect(world.evicted).toEqual([100]);
    });

    it('not at all when even an empty cache would not do', async () => {
      await take(650);
      world.cache = world.evictable = 20;

      const second = ask(100);
      await settled();

      expect(second.lease).toBeUndefined();
      expect(world.evicted).toEqual([]);
    });
  });

  describe('refuses', () => {
    it('for ever what can never fit, without Retry-After', async () => {
      await expect(ledger.reserve(request(ROOM_BYTES + 1))).rejects.toMatchObject({
        code: 'image-exceeds-memory-budget',
        details: { wantedBytes: ROOM_BYTES + 1, availableBytes: ROOM_BYTES },
        retryAfterSeconds: undefined,
      });
      await expect(ledger.reserve(request(Infinity))).rejects.toMatchObject({
        code: 'image-exceeds-memory-budget',
      });
    });

    it.each([NaN, -1])('%p bytes as a fault of the program', async (bytes) => {
      await expect(ledger.reserve(request(bytes))).rejects.toThrow(RangeError);
      expect(ledger.tryReserve(request(bytes))).toBeNull();
    });

    it.each<[MemoryLevel, number, number]>([
      ['pressure', 0, 2],
      ['pressure', 0.999, 4],
      ['critical', 0, 5],
      ['critical', 0.5, 8],
      ['emergency', 0, 10],
      ['emergency', 0.999, 20],
    ])('new work at %s (random %d) with Retry-After %i', async (level, random, retryAfterSeconds) => {
      ledger = open({ random: () => random });
      ledger.tick(IDLE_BYTES);
      world.level = level;

      await expect(ledger.reserve(request(1))).rejects.toMatchObject({
        code: 'memory-pressure',
        retryAfterSeconds,
      });
      expect(ledger.tryReserve(request(1))).toBeNull();
    });

    it('one too many in the queue', async () => {
      await take(ROOM_BYTES);
      for (let count = 0; count < 10; count += 1) ask(10);

      await expect(ledger.reserve(request(10))).rejects.toMatchObject({
        code: 'server-busy',
        retryAfterSeconds: 2,
      });
    });

    it('who is aborted already, and holds nothing for them', async () => {
      const signal = AbortSignal.abort();

      await expect(ledger.reserve(request(1, { signal }))).rejects.toMatchObject({ name: 'AbortError' });
      expect(ledger.tryReserve(request(1, { signal }))).toBeNull();
    });

    it('all who wait, and all who come, once it is closed', async () => {
      await take(ROOM_BYTES);
      const waiting = ask(10);

      ledger.close();
      await waiting.done;

      expect(waiting.error).toMatchObject({ code: 'shutting-down' });
      await expect(ledger.reserve(request(1))).rejects.toMatchObject({ code: 'shutting-down' });
    });
  });

  describe('lets wait', () => {
    it('until room comes free', async () => {
      const first = await take(ROOM_BYTES);
      const second = ask(10);
      await settled();
      expect(second.lease).toBeUndefined();

      first.release();
      await second.done;

      expect(second.lease?.bytes).toBe(10);
    });

    it('at most as long as the deadline, then says whether memory or a slot was missing', async () => {
      await take(ROOM_BYTES);
      const memory = ask(10);
      clock.advance(DEADLINE_MS - 1);
      await settled();
      expect(memory.error).toBeUndefined();
      clock.advance(1);
      await memory.done;
      expect(memory.error).toMatchObject({ code: 'memory-pressure' });

      for (const lease of granted) lease.release();
      world.jobs = 1;
      await take(10, { job: true });
      const slot = ask(10, { job: true });
      clock.advance(DEADLINE_MS);
      await slot.done;
      expect(slot.error).toMatchObject({ code: 'server-busy' });
    });

    it('for the shorter of its own deadline and the setting', async () => {
      await take(ROOM_BYTES);
      const hasty = ask(10, { deadlineMs: 50 });
      const greedy = ask(10, { deadlineMs: 99_999 });

      clock.advance(50);
      await hasty.done;
      clock.advance(DEADLINE_MS - 50);
      await greedy.done;

      expect(hasty.error).toMatchObject({ code: 'memory-pressure' });
      expect(greedy.error).toMatchObject({ code: 'memory-pressure' });
    });

    it('half as long at degraded', async () => {
      await take(ROOM_BYTES);
      world.level = 'degraded';
      const asked = ask(10);

      clock.advance(DEADLINE_MS / 2);
      await asked.done;

      expect(asked.error).toBeDefined();
    });

    it('no longer than the caller: an abort frees the place and the listener', async () => {
      await take(ROOM_BYTES);
      const gone = new AbortController();
      const asked = ask(10, { signal: gone.signal });
      expect(ledger.waitingCount).toBe(1);

      gone.abort();
      await asked.done;

      expect(asked.error).toMatchObject({ name: 'AbortError' });
      expect(ledger.waitingCount).toBe(0);
      expect(getEventListeners(gone.signal, 'abort')).toHaveLength(0);
    });

    it('does not take a lease back when its caller aborts later, and leaves no listener on the signal', async () => {
      const gone = new AbortController();
      const first = await take(ROOM_BYTES);
      const asked = ask(10, { signal: gone.signal });
      first.release();
      await asked.done;

      expect(getEventListeners(gone.signal, 'abort')).toHaveLength(0);
      gone.abort();

      expect(asked.lease?.released).toBe(false);
      expect(ledger.reservedBytes).toBe(10);
    });

    it('queued interactive work through pressure, but refuses queued background work', async () => {
      const first = await take(ROOM_BYTES);
      const interactive = ask(10);
      const background = ask(10, { class: 'background' });

      world.level = 'pressure';
      ledger.tick(850);
      await background.done;
      expect(background.error).toMatchObject({ code: 'memory-pressure' });
      expect(interactive.error).toBeUndefined();

      first.release();
      world.level = 'degraded';
      ledger.tick(IDLE_BYTES);
      await interactive.done;
      expect(interactive.lease).toBeDefined();
    });

    it('until RSS falls, looking again on its own although nobody releases anything', async () => {
      world.rss = 795;
      const asked = ask(100);
      await settled();
      expect(asked.lease).toBeUndefined();

      world.rss = IDLE_BYTES;
      clock.advance(25);
      await asked.done;

      expect(asked.lease).toBeDefined();
    });

    it('collects garbage for a head that only RSS keeps out, not at once and not more often than every 10 s', () => {
      world.rss = 795;
      ask(200);
      clock.advance(200);
      expect(world.collections).toBe(0);

      clock.advance(100);
      expect(world.collections).toBe(1);
      clock.advance(9_000);
      expect(world.collections).toBe(1);
    });
  });

  describe('when memory does not come back', () => {
    it('lets one that is alone and has waited a second go up to the critical rung', async () => {
      world.rss = 750;
      const asked = ask(150);
      clock.advance(999);
      await settled();
      expect(asked.lease).toBeUndefined();

      clock.advance(25);
      await asked.done;
      expect(asked.lease).toBeDefined();
    });

    it('but not a byte over it, and not beside others', async () => {
      world.rss = 750;
      const tooMuch = ask(151);
      const beside = ask(40);
      await beside.done;
      clock.advance(5_000);
      await settled();

      expect(beside.lease).toBeDefined();
      expect(tooMuch.lease).toBeUndefined();
    });

    it('lends that room to nobody while others hold leases, however long the wait', async () => {
      await take(600);
      const asked = ask(150);
      clock.advance(5_000);
      ledger.tick(IDLE_BYTES);
      await settled();

      expect(asked.lease).toBeUndefined();
    });

    it('runs one probe at a time while stuck, within L', async () => {
      world.level = 'pressure';
      world.stuck = true;
      world.rss = 850;

      const probe = await take(100, { job: true });
      const next = ask(100, { job: true });
      const tooLarge = ask(151, { job: true });
      await settled();
      expect(next.lease).toBeUndefined();

      probe.release();
      await next.done;
      expect(next.lease).toBeDefined();
      next.lease?.release();
      clock.advance(DEADLINE_MS);
      await tooLarge.done;
      expect(tooLarge.error).toMatchObject({ code: 'memory-pressure', retryAfterSeconds: 10 });
    });
  });

  describe('job slots', () => {
    it('limit jobs, not reads into memory', async () => {
      world.jobs = 2;
      await take(10, { job: true });
      await take(10, { job: true });
      const third = ask(10, { job: true });
      const read = await take(10);
      await settled();

      expect(third.lease).toBeUndefined();
      expect(read.released).toBe(false);
    });

    it('are found again at the next sample when the limit rises', async () => {
      world.jobs = 0;
      const asked = ask(10, { job: true });
      world.jobs = 1;
      ledger.tick(IDLE_BYTES);
      await asked.done;

      expect(asked.lease).toBeDefined();
    });

    it('stay taken by native work that nobody waits for', async () => {
      world.jobs = 1;
      const zombie = await take(10, { job: true });
      zombie.detach();
      zombie.detach();
      const next = ask(10, { job: true });
      await settled();

      expect(next.lease).toBeUndefined();
      expect(ledger.snapshot()).toMatchObject({ zombies: 1, counts: { detached: 1 } });
      zombie.release();
      await next.done;
      expect(next.lease).toBeDefined();
    });
  });

  describe('fails fast', () => {
    it('once the expected wait is longer than the deadline, and says how long it is', async () => {
      world.jobs = 1;
      for (let count = 0; count < 5; count += 1) {
        const lease = await take(10, { job: true });
        clock.advance(4_000);
        lease.release();
      }
      await take(10, { job: true });
      const first = ask(10, { job: true });
      const second = ask(10, { job: true });
      const third = ask(10, { job: true });
      await settled();
      expect([first, second, third].map(({ error }) => error)).toEqual([undefined, undefined, undefined]);

      const fourth = ask(10, { job: true });
      await settled();

      expect(fourth.error).toMatchObject({
        code: 'server-busy',
        details: { waiting: 3, expectedWaitMs: 14_000 },
        retryAfterSeconds: 14,
      });
    });

    it('never on a guess: without enough finished jobs everybody may wait', async () => {
      world.jobs = 1;
      await take(10, { job: true });
      const waiting = Array.from({ length: 10 }, () => ask(10, { job: true }));
      await settled();

      expect(waiting.filter(({ error }) => error !== undefined)).toEqual([]);
    });
  });

  describe('order', () => {
    const fill = (): Promise<Lease> => take(ROOM_BYTES);
    /** Releases one after the other, each time the one that was served, and tells the order. */
    const serve = async (first: Lease, asked: Record<string, { lease?: Lease }>): Promise<string[]> => {
      const order: string[] = [];
      let current: Lease | undefined = first;
      while (current !== undefined) {
        current.release();
        await settled();
        const next = Object.entries(asked).find(
          ([name, each]) => each.lease !== undefined && !order.includes(name),
        );
        if (next !== undefined) order.push(next[0]);
        current = next?.[1].lease;
      }
      return order;
    };

    it('is first come, first served within a class', async () => {
      const first = await fill();
      const asked = { a: ask(ROOM_BYTES), b: ask(ROOM_BYTES), c: ask(ROOM_BYTES) };

      expect(await serve(first, asked)).toEqual(['a', 'b', 'c']);
    });

    it('gives interactive work four turns for each of background work', async () => {
      const first = await fill();
      const asked: Record<string, { lease?: Lease }> = {};
      for (const name of ['b1', 'b2']) asked[name] = ask(ROOM_BYTES, { class: 'background' });
      for (const name of ['i1', 'i2', 'i3', 'i4', 'i5', 'i6', 'i7', 'i8']) asked[name] = ask(ROOM_BYTES);

      const order = (await serve(first, asked)).map((name) => name[0]).join('');

      expect(order.slice(0, 10).split('b').length - 1).toBe(2);
      expect(order.slice(1, 6).split('i').length - 1).toBe(4);
    });

    it('pauses background work from coordinate up, and resumes it without a burst of saved turns', async () => {
      const background = ((): ReturnType<typeof ask> => {
        world.level = 'coordinate';
        return ask(10, { class: 'background' });
      })();
      for (let count = 0; count < 5; count += 1) (await take(ROOM_BYTES)).release();
      await settled();
      expect(background.lease).toBeUndefined();
      expect(ledger.tryReserve(request(10, { class: 'background' }))).toBeNull();

      world.level = 'normal';
      ledger.tick(IDLE_BYTES);
      await background.done;
      expect(background.lease).toBeDefined();
    });

    it('lets small work pass a blocked head eight times, then the head owns what is freed', async () => {
      const large = await take(600);
      const head = ask(650);
      for (let count = 0; count < 8; count += 1) (await take(50)).release();

      const ninth = ask(50);
      expect(ledger.tryReserve(request(50))).toBeNull();
      await settled();
      expect(ninth.lease).toBeUndefined();

      large.release();
      await Promise.all([head.done, ninth.done]);
      expect(head.lease).toBeDefined();
      expect(ledger.snapshot().counts.passed).toBe(8);
    });

    it('lets small work pass a blocked head for two seconds, then no more', async () => {
      const large = await take(600);
      const head = ask(650);
      clock.advance(1_999);
      (await take(50)).release();
      clock.advance(1);

      const late = ask(50);
      await settled();

      expect(late.lease).toBeUndefined();
      large.release();
      await Promise.all([head.done, late.done]);
      expect(head.lease).toBeDefined();
    });

    it('does not hold small work back behind a head for whom nothing can come free', async () => {
      world.rss = 500;
      const head = ask(600);
      for (let count = 0; count < 20; count += 1) (await take(50)).release();

      expect(head.lease).toBeUndefined();
    });
  });

  describe('a lease', () => {
    it('is released once, however often it is asked', async () => {
      const lease = await take(100);
      await take(50);

      lease.release();
      lease.release();

      expect(lease.released).toBe(true);
      expect(ledger.snapshot().counts.released).toBe(1);
      expect(ledger.reservedBytes).toBe(50);
      expect(ledger.leaseCount).toBe(1);
    });

    it('shrinks always, and what it gives up is given on', async () => {
      const lease = await take(ROOM_BYTES);
      const waiting = ask(100);
      world.level = 'degraded';

      expect(lease.adjust(ROOM_BYTES - 100)).toBe(true);
      await waiting.done;

      expect(waiting.lease).toBeDefined();
    });

    it('grows only into free room, else nothing changes', async () => {
      const lease = await take(100);
      await take(500);

      expect(lease.adjust(201)).toBe(false);
      expect(lease.bytes).toBe(100);
      expect(lease.adjust(200)).toBe(true);
      expect(ledger.reservedBytes).toBe(ROOM_BYTES);
    });

    it.each([NaN, -1, Infinity])('does not become %p bytes', async (bytes) => {
      const lease = await take(100);

      expect(lease.adjust(bytes)).toBe(false);
      expect(ledger.reservedBytes).toBe(100);
    });

    it('cannot be changed or detached after its release', async () => {
      const lease = await take(100);
      lease.release();

      expect(lease.adjust(10)).toBe(false);
      lease.detach();

      expect(ledger.snapshot()).toMatchObject({ reservedBytes: 0, zombies: 0 });
    });

    it('tells how far RSS rose when it had been alone all its life', async () => {
      const alone = await take(300);
      ledger.tick(350);
      ledger.tick(250);
      alone.release();
      const first = await take(10);
      const second = await take(10);
      ledger.tick(400);
      first.release();
      second.release();

      expect(lone).toEqual([['jpeg to webp', 300, 250]]);
    });
  });

  it('says when somebody holds or waits, once per change', async () => {
    const lease = await take(ROOM_BYTES);
    const waiting = ask(10);
    lease.release();
    await waiting.done;
    waiting.lease?.release();

    expect(activity).toEqual([true, false]);
  });

  it('takes the least RSS seen while nothing was reserved as its floor, and forgets it after ten minutes', () => {
    ledger.tick(60);
    expect(ledger.snapshot().idleFloorBytes).toBe(60);

    const floorAfter = (ms: number): number => {
      clock.advance(ms);
      ledger.tick(150);
      return ledger.snapshot().idleFloorBytes;
    };
    expect([floorAfter(299_999), floorAfter(1), floorAfter(299_999)]).toEqual([60, 60, 60]);

    expect(floorAfter(300_000)).toBe(150);
  });

  it('corrects and counts a sum that drifted', async () => {
    const lease = await take(100);
    (lease as unknown as { heldBytes: number }).heldBytes = 130;

    ledger.tick(IDLE_BYTES);

    expect(ledger.snapshot()).toMatchObject({ reservedBytes: 130, drift: { bytes: -30, events: 1 } });
    lease.release();
    // A ledger of its own, for the check after each test demands that nothing ever drifted.
    ledger = open();
  });

  it('grants everything at once when reservations are switched off, which is what the load test must catch', async () => {
    ledger = open({ enabled: false });
    world.level = 'emergency';
    world.jobs = 0;

    for (let count = 0; count < 50; count += 1) await take(ROOM_BYTES * 10, { job: true });

    expect(ledger.leaseCount).toBe(50);
  });
});
