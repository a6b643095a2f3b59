import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { FakeClock } from '../../test/support/fake-clock.js';
import { loadSettings, type Environment } from '../config/index.js';
import { EVENT_NAMES, EventBus, type EventName } from '../events/index.js';
import { ByteAccounts, GarbageCollector, MemorySampler } from '../process-memory/index.js';
import { assembleImageMemory } from './assemble-image-memory.js';
import type { ImageEntry } from './image-entry.js';
import type { ImageHeader, ImageOperation } from './image-header.js';
import type { ImageMemoryManager } from './image-memory-manager.js';
import type { Lease, ReservationRequest } from './lease.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** L is 1000 MiB, so that 1 MiB is 0.1 %. */
const LINE_MIB = 1_000;
const CACHE_BYTES = 100 * MIB;
const IDLE_MIB = 100;

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

interface Rig {
  readonly clock: FakeClock;
  readonly manager: ImageMemoryManager;
  readonly bus: EventBus;
  readonly accounts: ByteAccounts;
  readonly sampler: MemorySampler;
  readonly heard: { readonly name: EventName; readonly payload: Record<string, unknown> }[];
  /** What the process will say of itself, MiB. */
  readonly reading: { rssMib: number; heapMib: number; fails: boolean };
  readonly collections: number[];
  readonly responsiveness: { p99Ms: number; threadpoolMs: number };
}

function build(environment: Environment = {}, reservationsEnabled = true): Rig {
  const settings = loadSettings(
    {
      TOTAL_PROCESS_MEMORY_BUDGET_BYTES: String(LINE_MIB * MIB),
      IMAGE_RAM_BUDGET_BYTES: String(CACHE_BYTES),
      SERVER_CACHE_BUDGET_BYTES: String(50 * MIB),
      IMAGE_JOBS: '4',
      ...environment,
    },
    { containerLimitBytes: null, totalMemoryBytes: 8 * GIB, heapLimitBytes: 200 * MIB },
  );
  const clock = new FakeClock();
  const bus = new EventBus(new EventEmitter2(), clock);
  const reading = { rssMib: IDLE_MIB, heapMib: 20, fails: false };
  const collections: number[] = [];
  const readers = {
    readProcess: () => {
      if (reading.fails) throw new Error('no reading');
      return {
        rssBytes: reading.rssMib * MIB,
        heapUsedBytes: reading.heapMib * MIB,
        heapLimitBytes: 200 * MIB,
        externalBytes: 0,
        source: 'process' as const,
      };
    },
    readArrayBuffersBytes: () => 0,
    readContainer: () => ({ state: 'none' as const, usedBytes: null, limitBytes: null }),
    readChildRssBytes: () => null,
  };
  const sampler = new MemorySampler(clock, readers);
  const garbage = new GarbageCollector(clock, () => void collections.push(clock.monotonicMs()), readers);
  const accounts = new ByteAccounts();
  const responsiveness = { p99Ms: 1, threadpoolMs: 1 };
  const heard: { name: EventName; payload: Record<string, unknown> }[] = [];
  for (const name of EVENT_NAMES) {
    bus.on(
      name,
      'test',
      (payload) => void heard.push({ name, payload: payload as unknown as Record<string, unknown> }),
    );
  }
  const manager = assembleImageMemory({
    settings,
    clock,
    bus,
    sampler,
    accounts,
    garbage,
    loop: { latest: () => ({ ...responsiveness, p50Ms: 0, maxMs: 0, windowMs: 1_000 }) },
    reservationsEnabled,
    random: () => 0,
  });
  sampler.onApplicationBootstrap();
  manager.onApplicationBootstrap();
  return { clock, manager, bus, accounts, sampler, heard, reading, collections, responsiveness };
}

describe('ImageMemoryManager', () => {
  let rig: Rig;
  let granted: Lease[];

  const start = (...setup: Parameters<typeof build>): Rig => {
    stop();
    rig = build(...setup);
    return rig;
  };
  const stop = (): void => {
    rig.manager.onApplicationShutdown();
    rig.sampler.onApplicationShutdown();
    rig.bus.onApplicationShutdown();
  };
  /** RSS as the next sample shows it, and that sample. */
  const sampleAt = (rssMib: number): void => {
    rig.reading.rssMib = rssMib;
    rig.clock.advance(1);
    rig.sampler.sample();
  };
  const hold = (rssMib: number, forMs: number): void => {
    rig.reading.rssMib = rssMib;
    rig.clock.advance(forMs);
  };
  const entry = (sizeBytes: number, changes: Partial<ImageEntry> = {}): ImageEntry => ({
    bytes: Buffer.allocUnsafeSlow(sizeBytes),
    contentType: 'image/webp',
    etag: '"e"',
    sourceKey: 'originals/s',
    freshUntil: rig.clock.now() + 3_600_000,
    staleUntil: rig.clock.now() + 7_200_000,
    attributes: {},
    ...changes,
  });
  /** Fills the image cache to 90 of its 100 MiB. */
  const fillCache = (): void => {
    for (let index = 0; index < 90; index += 1)
      rig.manager.set(`k${index}`, entry(MIB - 4_096), { adopt: true });
  };
  const names = (): EventName[] =>
    rig.heard.map(({ name }) => name).filter((name) => name !== 'image-disposed');
  const request = (mib: number, changes: Partial<ReservationRequest> = {}): ReservationRequest => ({
    bytes: mib * MIB,
    class: 'interactive',
    label: 'jpeg to webp 800x600',
    job: true,
    ...changes,
  });
  const take = async (mib: number): Promise<Lease> => {
    const lease = await rig.manager.reserve(request(mib));
    granted.push(lease);
    return lease;
  };

  beforeEach(() => {
    rig = build();
    granted = [];
  });

  afterEach(() => {
    for (const lease of granted) lease.release();
    const { ledger } = rig.manager.snapshot();
    expect(ledger).toMatchObject({ reservedBytes: 0, leases: 0, waitingBytes: 0, drift: { events: 0 } });
    stop();
    expect(rig.clock.pendingTimers).toBe(0);
    expect(rig.accounts.totalUsedBytes).toBe(0);
    expect(rig.bus.snapshot()).toMatchObject({ listeners: 0, listenerErrors: 0 });
  });

  describe('at 70 %', () => {
    it('evicts to 60 % of its budget, tells the others once, collects once and looks again when the sweep is over', () => {
      fillCache();
      rig.clock.advance(11_000);
      sampleAt(700);
      expect(names()).toEqual([]);

      sampleAt(700);
      const { samples } = rig.sampler.snapshot();
      hold(700, 150);

      expect(rig.manager.level()).toBe('coordinate');
      expect(rig.manager.snapshot().cache).toMatchObject({ capBytes: 60 * MIB });
      expect(rig.manager.metrics().cacheBytes).toBeLessThanOrEqual(60 * MIB);
      expect(rig.manager.metrics().cacheBytes).toBeGreaterThan(58 * MIB);
      expect(names()).toEqual(['memory-coordination-trigger', 'status-changed']);
      expect(rig.collections).toHaveLength(1);
      expect(rig.sampler.snapshot().samples).toBe(samples + 1);
      hold(720, 30_000);
      expect(names()).toEqual(['memory-coordination-trigger', 'status-changed']);
    });

    it('gives the figures with the event', () => {
      sampleAt(710);
      sampleAt(710);

      expect(rig.heard[0]?.payload).toMatchObject({
        usagePercent: 71,
        rss: 710 * MIB,
        threshold: 700 * MIB,
        cacheBytes: 0,
      });
      expect(rig.heard[1]?.payload).toMatchObject({ from: 'normal', to: 'coordinate' });
    });

    it('does not collect garbage when nothing was evicted', () => {
      sampleAt(700);
      sampleAt(700);

      expect(rig.manager.level()).toBe('coordinate');
      expect(rig.collections).toEqual([]);
    });

    it('collects for what the other caches gave up on the event, too', () => {
      const account = rig.accounts.open('server-cache', 50 * MIB);
      account.usedBytes = 40 * MIB;
      rig.bus.on('memory-coordination-trigger', 'server-cache', () => void (account.usedBytes = 30 * MIB));
      rig.clock.advance(11_000);

      sampleAt(700);
      sampleAt(700);

      expect(rig.collections).toHaveLength(1);
      account.close();
    });

    it('holds the cache down while the rung holds and lets it grow again afterwards', () => {
      sampleAt(700);
      sampleAt(700);
      fillCache();
      expect(rig.manager.metrics().cacheBytes).toBeLessThanOrEqual(60 * MIB);

      hold(100, 11_000);
      expect(rig.manager.level()).toBe('normal');
      fillCache();

      expect(rig.manager.metrics().cacheBytes).toBeGreaterThan(85 * MIB);
    });
  });

  describe('at 80 %', () => {
    it('says no before anything starts, and serves what is in memory', async () => {
      rig.manager.set('hit', entry(1_000));
      sampleAt(800);

      expect(rig.manager.shouldAllowImageOperations()).toBe(false);
      expect(rig.manager.refusal()).toMatchObject({ code: 'memory-pressure', retryAfterSeconds: 2 });
      await expect(rig.manager.reserve(request(20))).rejects.toMatchObject({ code: 'memory-pressure' });
      expect(rig.manager.tryReserve(request(20))).toBeNull();
      expect(rig.manager.get('hit')).toBeDefined();
    });

    it('judges by a sample of now, not by the last tick of a timer', () => {
      expect(rig.manager.shouldAllowImageOperations()).toBe(true);
      rig.reading.rssMib = 850;
      rig.clock.advance(51);

      expect(rig.manager.shouldAllowImageOperations()).toBe(false);
    });

    it('sends start and end once each, in the order of the rungs', () => {
      sampleAt(850);
      hold(850, 5_000);
      hold(100, 15_000);

      expect(names()).toEqual([
        'memory-coordination-trigger',
        'memory-pressure-start',
        'status-changed',
        'memory-pressure-end',
        'status-changed',
        'status-changed',
        'status-changed',
      ]);
      expect(rig.heard.find(({ name }) => name === 'memory-pressure-start')?.payload).toMatchObject({
        rss: 850 * MIB,
        threshold: 800 * MIB,
        usagePercent: 85,
        cause: 'rss',
      });
    });

    it('comes back with a quarter of the jobs, then half, three quarters, all', () => {
      sampleAt(850);
      const jobs = (): number => rig.manager.snapshot().ledger.jobLimit;
      expect(jobs()).toBe(0);
      rig.reading.rssMib = 100;
      while (rig.manager.level() !== 'normal') rig.clock.advance(250);

      const seen = [jobs()];
      for (let step = 0; step < 28; step += 1) {
        rig.clock.advance(250);
        if (jobs() !== seen.at(-1)) seen.push(jobs());
      }

      expect(seen).toEqual([1, 2, 3, 4]);
    });
  });

  it('at 75 % makes work cheap and runs one job at a time', async () => {
    expect(rig.manager.prefersCheapWork()).toBe(false);
    sampleAt(750);
    sampleAt(750);

    expect(rig.manager.level()).toBe('degraded');
    expect(rig.manager.prefersCheapWork()).toBe(true);
    expect(rig.manager.snapshot().ledger.jobLimit).toBe(1);
  });

  it('at 90 % empties the cache and keeps it empty until the rung is left', () => {
    fillCache();
    rig.clock.advance(11_000);
    sampleAt(900);

    expect(rig.manager.metrics().cacheBytes).toBe(0);
    expect(rig.manager.set('k', entry(1_000))).toBe(false);
    expect(rig.heard.at(-1)).toMatchObject({ name: 'buffer-rejected', payload: { reason: 'pressure' } });
    expect(rig.manager.snapshot().lastAction).toMatchObject({ name: 'critical' });

    hold(840, 11_000);
    expect(rig.manager.level()).toBe('pressure');
    expect(rig.manager.set('k', entry(1_000))).toBe(true);
  });

  it('takes every action in order when a sample skips rungs', () => {
    sampleAt(720);
    sampleAt(720);
    rig.heard.length = 0;

    sampleAt(960);

    expect(names()).toEqual(['memory-pressure-start', 'status-changed']);
    expect(rig.manager.snapshot().actions.last.map(({ name }) => name)).toEqual([
      'coordinate',
      'degraded',
      'critical',
      'emergency',
    ]);
    expect(rig.heard.at(-1)?.payload).toMatchObject({ from: 'coordinate', to: 'emergency' });
  });

  it('empties itself on an emergency cleanup, which is not its own to start', () => {
    fillCache();
    sampleAt(960);
    expect(names()).not.toContain('emergency-cleanup-start');
    hold(100, 60_000);
    fillCache();

    rig.bus.emit('emergency-cleanup-start', { rss: 1, threshold: 1, usagePercent: 1 });

    expect(rig.manager.metrics().cacheBytes).toBe(0);
  });

  it('survives a listener that throws in the middle of the cascade', () => {
    const off = rig.bus.on('memory-coordination-trigger', 'bad', () => {
      throw new Error('bad listener');
    });
    sampleAt(960);
    off();

    expect(rig.manager.level()).toBe('emergency');
    expect(names()).toContain('status-changed');
    expect(rig.bus.snapshot().listenerErrors).toBe(1);
    start();
  });

  it('counts a failing sampler as degraded after 5 s, and recovers', () => {
    rig.reading.fails = true;
    rig.clock.advance(7_000);
    expect(rig.manager.level()).toBe('degraded');
    expect(rig.manager.snapshot().cause).toBe('stale-sample');

    rig.reading.fails = false;
    rig.clock.advance(13_000);
    expect(rig.manager.level()).toBe('normal');
  });

  describe('sampling', () => {
    const cadence = (): string => rig.sampler.snapshot().cadence;

    it('is fast while a lease is held', async () => {
      expect(cadence()).toBe('slow');
      const lease = await take(20);
      expect(cadence()).toBe('fast');

      lease.release();
      expect(cadence()).toBe('slow');
    });

    it('is fast while the level is not normal or capacity is not whole', () => {
      sampleAt(850);
      expect(cadence()).toBe('fast');
      rig.reading.rssMib = 100;
      while (rig.manager.level() !== 'normal') rig.clock.advance(250);
      expect(cadence()).toBe('fast');

      rig.clock.advance(6_000);
      expect(cadence()).toBe('slow');
    });
  });

  describe('reservations', () => {
    it('refuse for ever what no empty process could hold', async () => {
      expect(rig.manager.canEverFit(700 * MIB)).toBe(true);
      expect(rig.manager.canEverFit(700 * MIB + 1)).toBe(false);
      await expect(rig.manager.reserve(request(701))).rejects.toMatchObject({
        code: 'image-exceeds-memory-budget',
      });
    });

    it('stop a burst that RSS does not show yet', async () => {
      await take(300);
      await take(300);

      expect(rig.manager.shouldAllowImageOperations()).toBe(true);
      expect(rig.manager.tryReserve(request(150))).toBeNull();
    });

    it('make room in the cache, which is counted as an action', async () => {
      fillCache();
      rig.reading.rssMib = IDLE_MIB;

      await take(690);

      expect(rig.manager.snapshot().lastAction).toMatchObject({ name: 'admission' });
      expect(rig.manager.metrics().cacheBytes).toBeLessThan(10 * MIB);
    });

    it('do not go by a reading from before the last release', async () => {
      const first = await take(600);
      rig.reading.rssMib = IDLE_MIB + 600;
      rig.clock.advance(250);
      first.release();
      rig.reading.rssMib = IDLE_MIB;

      const second = rig.manager.tryReserve(request(300));

      expect(second).not.toBeNull();
      granted.push(second as Lease);
    });

    it('leave a waiting request its lease when RSS falls', async () => {
      rig.reading.rssMib = 600;
      rig.clock.advance(2_000);
      const waiting = rig.manager.reserve(request(300)).then((lease) => void granted.push(lease));
      await settled();
      expect(granted).toHaveLength(0);

      rig.reading.rssMib = IDLE_MIB;
      rig.clock.advance(25);
      await waiting;

      expect(granted).toHaveLength(1);
    });

    it('with work release it when the work ends, also when it fails', async () => {
      await expect(
        rig.manager.withReservation(request(20), async (lease) => {
          expect(lease.bytes).toBe(20 * MIB);
          throw new Error('decoder');
        }),
      ).rejects.toThrow('decoder');
      expect(await rig.manager.withReservation(request(20), async () => 'done')).toBe('done');

      expect(rig.manager.metrics().reservedBytes).toBe(0);
    });

    it('halve the jobs while the threadpool is slow', () => {
      rig.responsiveness.threadpoolMs = 150;

      expect(rig.manager.snapshot().ledger.jobLimit).toBe(2);
    });

    it('switched off grant everything: the load test must then break the line', async () => {
      start({}, false);
      for (let count = 0; count < 20; count += 1) await take(700);

      expect(rig.manager.metrics().leases).toBe(20);
    });
  });

  describe('when nothing helps', () => {
    /** Over pressure, idle: two attempts at relief that bring nothing. */
    const becomeStuck = (): void => {
      fillCache();
      sampleAt(850);
      hold(850, 12_000);
    };

    it('collects, then gives up the hits, then says that it is stuck', () => {
      fillCache();
      sampleAt(850);
      expect(rig.collections).toHaveLength(1);
      hold(850, 2_000);
      expect(rig.manager.isStuck()).toBe(false);
      expect(rig.manager.metrics().cacheBytes).toBeGreaterThan(0);

      hold(850, 10_000);

      expect(rig.manager.metrics().cacheBytes).toBe(0);
      expect(rig.manager.isStuck()).toBe(true);
    });

    it('is not stuck when an attempt brought something', () => {
      sampleAt(850);
      rig.clock.advance(1_000);
      hold(810, 15_000);

      expect(rig.manager.isStuck()).toBe(false);
    });

    it('lets one probe run at a time, and is not stuck any more once memory has fallen', async () => {
      becomeStuck();
      expect(rig.manager.shouldAllowImageOperations()).toBe(true);
      const probe = await take(100);
      expect(rig.manager.shouldAllowImageOperations()).toBe(false);
      expect(rig.manager.tryReserve(request(10))).toBeNull();

      probe.release();
      hold(100, 11_000);

      expect(rig.manager.isStuck()).toBe(false);
      expect(rig.manager.level()).not.toBe('pressure');
    });

    it('takes the word of the emergency cleanup', () => {
      sampleAt(960);
      rig.manager.reportCleanup(0);
      rig.manager.reportCleanup(0);
      sampleAt(960);

      expect(rig.manager.isStuck()).toBe(true);
    });
  });

  describe('a drill', () => {
    it('holds a level on purpose, acts like the real thing, says so, and ends', () => {
      fillCache();
      rig.manager.forceLevel('critical', rig.clock.now() + 60_000);

      expect(rig.manager.level()).toBe('critical');
      expect(rig.manager.metrics().cacheBytes).toBe(0);
      expect(rig.manager.shouldAllowImageOperations()).toBe(false);
      expect(rig.manager.snapshot()).toMatchObject({
        cause: 'drill',
        naturalLevel: 'normal',
        drill: { level: 'critical', until: rig.clock.now() + 60_000 },
      });

      rig.clock.advance(62_000);
      expect(rig.manager.level()).toBe('normal');
      expect(rig.manager.snapshot().drill).toBeNull();
    });

    it('can be called off', () => {
      rig.manager.forceLevel('degraded', rig.clock.now() + 60_000);
      rig.manager.forceLevel('normal', rig.clock.now());

      rig.clock.advance(1_000);

      expect(rig.manager.level()).toBe('normal');
    });

    it('of FORCE_PRESSURE_LEVEL holds from the start', () => {
      start({ FORCE_PRESSURE_LEVEL: 'pressure' });

      expect(rig.manager.shouldAllowImageOperations()).toBe(false);
      expect(rig.manager.snapshot().drill).toEqual({ level: 'pressure', until: null });
    });

    it('needs an end', () => {
      expect(() => rig.manager.forceLevel('pressure', NaN)).toThrow(RangeError);
    });
  });

  describe('getOrLoad', () => {
    it('loads once for all who ask, keeps the result, and serves it from memory', async () => {
      let loads = 0;
      const load = async (): Promise<ImageEntry> => {
        loads += 1;
        await settled();
        return entry(1_000);
      };

      const results = await Promise.all([1, 2, 3].map(() => rig.manager.getOrLoad('k', load)));
      const again = await rig.manager.getOrLoad('k', load);

      expect(loads).toBe(1);
      expect(results.map(({ from }) => from)).toEqual(['loaded', 'coalesced', 'coalesced']);
      expect(again).toEqual({ entry: rig.manager.peek('k'), from: 'memory' });
      expect(rig.manager.metrics().coalesced).toBe(2);
    });

    it('does not keep a failure', async () => {
      await expect(rig.manager.getOrLoad('k', () => Promise.reject(new Error('origin')))).rejects.toThrow(
        'origin',
      );

      expect((await rig.manager.getOrLoad('k', async () => entry(10))).from).toBe('loaded');
    });

    it('loads again what is stale', async () => {
      rig.manager.set('k', entry(10, { freshUntil: rig.clock.now() }));

      const { entry: loaded } = await rig.manager.getOrLoad('k', async () => entry(20));

      expect(loaded.bytes).toHaveLength(20);
    });

    it.each<[what: string, remove: (manager: ImageMemoryManager) => unknown, kept: boolean]>([
      ['deleted by key', (manager) => manager.delete('k'), false],
      ['deleted by source', (manager) => manager.deleteBySource('originals/s'), false],
      ['deleted by another source', (manager) => manager.deleteBySource('originals/t'), true],
      ['flushed', (manager) => manager.clear(), true],
    ])('hands out what was %s meanwhile, and keeps it only if it may', async (_what, remove, kept) => {
      let finish: (loaded: ImageEntry) => void = () => undefined;
      const loading = rig.manager.getOrLoad('k', () => new Promise((resolve) => void (finish = resolve)));
      remove(rig.manager);
      finish(entry(10));

      expect((await loading).entry.bytes).toHaveLength(10);
      expect(rig.manager.peek('k') !== undefined).toBe(kept);
    });
  });

  describe('estimates', () => {
    const header: ImageHeader = {
      format: 'jpeg',
      width: 8_000,
      height: 6_000,
      pages: 1,
      channels: 3,
      bitsPerSample: 8,
      hasAlpha: false,
      progressive: true,
      chromaSubsampling: '4:4:4',
      orientation: 1,
      bytes: 10 * MIB,
    };
    const operation: ImageOperation = {
      outputWidth: 800,
      outputHeight: 600,
      pages: 1,
      format: 'webp',
      lossless: false,
      outputAlpha: false,
      optimiseCoding: true,
      palette: false,
      rotation: 'none',
      trim: false,
    };

    it('are raised, not lowered, by what operations that ran alone have taken', async () => {
      const before = rig.manager.estimate(header, operation);
      const estimates: number[] = [];
      for (let count = 0; count < 80; count += 1) {
        const bytes = rig.manager.estimate(header, operation);
        const lease = await rig.manager.reserve({ ...request(0), bytes });
        // The allowance for noise is 8 MiB.
        rig.reading.rssMib = IDLE_MIB + (before / MIB) * 1.5 + 8;
        rig.clock.advance(250);
        lease.release();
        rig.reading.rssMib = IDLE_MIB;
        rig.clock.advance(2_000);
        estimates.push(rig.manager.estimate(header, operation));
      }

      // It must not correct its own correction: once raised it stays.
      expect(Math.min(...estimates.slice(8)) / before).toBeCloseTo(1.5, 1);
      expect(Math.max(...estimates) / before).toBeCloseTo(1.5, 1);
      expect(rig.manager.snapshot().calibration['jpeg to webp']?.samples).toBe(64);
    });
  });

  it('reads its figures without side effects', () => {
    const { samples } = rig.sampler.snapshot();
    rig.clock.advance(100);

    rig.manager.snapshot();
    rig.manager.metrics();
    JSON.stringify(rig.manager.snapshot());

    expect(rig.sampler.snapshot().samples).toBe(samples);
    expect(rig.collections).toEqual([]);
  });

  it('refuses who still waits when the application has shut down', async () => {
    const lease = await take(700);
    const waiting = rig.manager.reserve(request(10));
    const refused = expect(waiting).rejects.toMatchObject({ code: 'shutting-down' });

    rig.manager.onApplicationShutdown();
    await refused;
    lease.release();
  });
});
