import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from '../../test/support/fake-clock.js';
import type { MemoryLevel } from '../events/index.js';
import type { Lease } from './lease.js';
import { ReservationLedger } from './reservation-ledger.js';

const IDLE_BYTES = 100;
const ROOM_BYTES = 700;
const DEADLINE_MS = 10_000;

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

type Step =
  | {
      kind: 'reserve';
      bytes: number;
      job: boolean;
      background: boolean;
      deadlineMs: number;
      abortable: boolean;
    }
  | { kind: 'try'; bytes: number; job: boolean }
  | { kind: 'work'; bytes: number; throws: boolean }
  | { kind: 'release' | 'double' | 'detach' | 'abort'; pick: number }
  | { kind: 'adjust'; pick: number; bytes: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'level'; level: MemoryLevel }
  | { kind: 'rss'; extra: number };

const bytes = fc.integer({ min: 0, max: ROOM_BYTES + 50 });
const pick = fc.nat(50);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      bytes,
      job: fc.boolean(),
      background: fc.boolean(),
      deadlineMs: fc.integer({ min: 1, max: 20_000 }),
      abortable: fc.boolean(),
    }),
  },
  fc.record({ kind: fc.constant('try' as const), bytes, job: fc.boolean() }),
  // A decoder that fails at random.
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('work' as const), bytes, throws: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('release' as const, 'double' as const, 'detach' as const),
      pick,
    }),
  },
  fc.record({ kind: fc.constant('abort' as const), pick }),
  fc.record({ kind: fc.constant('adjust' as const), pick, bytes }),
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 6_000 }) }),
  },
  fc.record({
    kind: fc.constant('level' as const),
    level: fc.constantFrom<MemoryLevel[]>('normal', 'normal', 'coordinate', 'degraded', 'pressure'),
  }),
  fc.record({ kind: fc.constant('rss' as const), extra: fc.integer({ min: 0, max: 400 }) }),
);

describe('ReservationLedger under random use (property)', () => {
  it('promises no more than there is, settles everybody in time, and ends at zero', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 70 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, jobs) => {
          const clock = new FakeClock();
          const held: Lease[] = [];
          const released: Lease[] = [];
          const controllers: AbortController[] = [];
          let waiting: { readonly endMs: number; settled: boolean }[] = [];
          let level: MemoryLevel = 'normal';
          let extraRss = 0;
          const ledger = new ReservationLedger({
            clock,
            environment: {
              rssBytes: () => IDLE_BYTES + extraRss,
              cacheBytes: () => 0,
              evictableBytes: () => 0,
              evict: () => 0,
              collectGarbage: () => undefined,
              level: () => level,
              stuck: () => false,
              jobLimit: () => (level === 'pressure' ? 0 : level === 'degraded' ? 1 : jobs),
            },
            limits: {
              ceilingBytes: IDLE_BYTES + ROOM_BYTES,
              loneCeilingBytes: IDLE_BYTES + ROOM_BYTES,
              lineBytes: 1_000,
            },
            deadlineMs: DEADLINE_MS,
            maxWaiting: 20,
            oldLeaseMs: Infinity,
            enabled: true,
            random: () => 0.5,
          });
          ledger.tick(IDLE_BYTES);

          const check = (): void => {
            const snapshot = ledger.snapshot();
            const sum = held
              .filter((lease) => !lease.released)
              .reduce((total, lease) => total + lease.bytes, 0);
            expect(snapshot.reservedBytes).toBe(sum);
            expect(sum).toBeLessThanOrEqual(ROOM_BYTES);
            expect(snapshot.waiting.interactive + snapshot.waiting.background).toBeLessThanOrEqual(20);
            expect(snapshot.drift).toEqual({ bytes: 0, events: 0 });
            for (const waiter of waiting)
              expect(waiter.settled || clock.monotonicMs() < waiter.endMs).toBe(true);
          };
          const take = (lease: Lease): void => void held.push(lease);
          const pickFrom = <T>(list: readonly T[], index: number): T | undefined =>
            list[index % Math.max(1, list.length)];

          const run = (each: Step): void => {
            switch (each.kind) {
              case 'reserve': {
                const controller = new AbortController();
                if (each.abortable) controllers.push(controller);
                const waiter = {
                  endMs: clock.monotonicMs() + Math.min(each.deadlineMs, DEADLINE_MS),
                  settled: false,
                };
                waiting.push(waiter);
                const request = {
                  bytes: each.bytes,
                  job: each.job,
                  class: each.background ? ('background' as const) : ('interactive' as const),
                  deadlineMs: each.deadlineMs,
                  label: 'r',
                  signal: controller.signal,
                };
                const done = (): void => void (waiter.settled = true);
                ledger
                  .reserve(request)
                  .then(take, () => undefined)
                  .finally(done);
                break;
              }
              case 'try': {
                const lease = ledger.tryReserve({
                  bytes: each.bytes,
                  job: each.job,
                  class: 'interactive',
                  label: 't',
                });
                if (lease !== null) take(lease);
                break;
              }
              case 'work': {
                const decode = async (): Promise<void> => {
                  const lease = await ledger.reserve({
                    bytes: each.bytes,
                    job: true,
                    class: 'interactive',
                    label: 'w',
                  });
                  take(lease);
                  try {
                    await new Promise<void>((resolve) => void clock.after(500, resolve));
                    if (each.throws) throw new Error('out of memory');
                  } finally {
                    lease.release();
                  }
                };
                decode().catch(() => undefined);
                break;
              }
              case 'release':
              case 'double': {
                const lease = pickFrom(each.kind === 'double' ? released : held, each.pick);
                lease?.release();
                if (lease !== undefined) released.push(lease);
                break;
              }
              case 'detach':
                pickFrom(held, each.pick)?.detach();
                break;
              case 'abort':
                pickFrom(controllers, each.pick)?.abort();
                break;
              case 'adjust':
                pickFrom(held, each.pick)?.adjust(each.bytes);
                break;
              case 'wait':
                clock.advance(each.ms);
                break;
              case 'level':
                level = each.level;
                break;
              case 'rss':
                extraRss = each.extra;
                break;
            }
          };

          for (const each of steps) {
            run(each);
            await settled();
            ledger.tick(IDLE_BYTES + extraRss);
            await settled();
            check();
          }

          // Everybody who waits is served or told within the deadline, although nobody releases anything.
          clock.advance(DEADLINE_MS + 500);
          await settled();
          check();
          waiting = [];
          // Work that came to its turn at the last deadline has still to be done.
          clock.advance(500);
          await settled();
          for (const lease of held) lease.release();
          extraRss = 0;
          ledger.tick(IDLE_BYTES);
          expect(ledger.snapshot()).toMatchObject({
            reservedBytes: 0,
            leases: 0,
            jobs: 0,
            zombies: 0,
            waitingBytes: 0,
          });
          expect(clock.pendingTimers).toBe(0);
          ledger.close();
        },
      ),
      {
        numRuns: 150,
        examples: [
          // Found once: the last to be served starts when the head's deadline ends.
          [
            [
              { kind: 'reserve', bytes: 208, job: false, background: false, deadlineMs: 1, abortable: false },
              { kind: 'work', bytes: 493, throws: false },
              { kind: 'wait', ms: 2000 },
              { kind: 'work', bytes: 0, throws: false },
            ],
            1,
          ],
        ],
      },
    );
  });

  it('starves nobody: a large one among endless small ones is served as soon as what was held before it ends', async () => {
    const clock = new FakeClock();
    const ledger = new ReservationLedger({
      clock,
      environment: {
        rssBytes: () => IDLE_BYTES,
        cacheBytes: () => 0,
        evictableBytes: () => 0,
        evict: () => 0,
        collectGarbage: () => undefined,
        level: () => 'normal',
        stuck: () => false,
        jobLimit: () => 8,
      },
      limits: {
        ceilingBytes: IDLE_BYTES + ROOM_BYTES,
        loneCeilingBytes: IDLE_BYTES + ROOM_BYTES,
        lineBytes: 1_000,
      },
      deadlineMs: DEADLINE_MS,
      maxWaiting: 100,
      oldLeaseMs: Infinity,
      enabled: true,
      random: () => 0,
    });
    ledger.tick(IDLE_BYTES);
    let largeAtMs: number | undefined;
    const small = async (): Promise<void> => {
      const lease = await ledger.reserve({ bytes: 100, job: true, class: 'interactive', label: 's' });
      await new Promise<void>((resolve) => void clock.after(1_000, resolve));
      lease.release();
    };
    const stream = Array.from({ length: 5 }, small);

    const large = ledger
      .reserve({ bytes: ROOM_BYTES, job: true, class: 'interactive', label: 'l' })
      .then((lease) => {
        largeAtMs = clock.monotonicMs();
        lease.release();
      });
    for (let tick = 0; tick < 40; tick += 1) {
      stream.push(small());
      await clock.advanceAsync(100);
    }

    expect(largeAtMs).toBeLessThan(4_000);
    await clock.advanceAsync(20_000, 100);
    await Promise.allSettled([large, ...stream]);
    expect(ledger.reservedBytes).toBe(0);
    ledger.close();
  });
});
