import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CACHE_MANAGER } from '@nestjs/cache-manager';
import { Logger } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { SchedulerRegistry } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import type { Cache } from 'cache-manager';
import { FakeClock } from '../../test/support/fake-clock.js';
import { AsyncOpsModule } from '../async-ops/index.js';
import { CLOCK, ClockModule } from '../clock/index.js';
import { ConfigModule, loadSettings } from '../config/index.js';
import { EventBus, EventsModule, type MemoryLevel } from '../events/index.js';
import { ByteAccounts, ProcessMemoryModule } from '../process-memory/index.js';
import { ServerCache, ServerCacheModule } from './index.js';

const GIB = 1024 ** 3;

describe('ServerCacheModule', () => {
  let clock: FakeClock;
  let module: TestingModule;
  let cache: ServerCache;
  let manager: Cache;
  let bus: EventBus;

  beforeEach(async () => {
    jest.spyOn(Logger.prototype, 'log').mockReturnValue(undefined);
    jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    clock = new FakeClock(Date.now());
    const settings = loadSettings(
      { NODE_ENV: 'test' },
      { containerLimitBytes: null, totalMemoryBytes: 16 * GIB, heapLimitBytes: GIB / 2 },
    );
    module = await Test.createTestingModule({
      imports: [
        ConfigModule.forRoot(settings),
        ClockModule,
        EventsModule,
        ProcessMemoryModule,
        AsyncOpsModule,
        ServerCacheModule,
      ],
    })
      .overrideProvider(CLOCK)
      .useValue(clock)
      .compile();
    await module.init();
    cache = module.get(ServerCache);
    manager = module.get<Cache>(CACHE_MANAGER, { strict: false });
    bus = module.get(EventBus);
  });

  afterEach(async () => {
    const emitter = module.get(EventEmitter2, { strict: false });
    await module.close();
    jest.restoreAllMocks();
    expect(clock.pendingTimers).toBe(0);
    expect(emitter.eventNames()).toEqual([]);
    expect(module.get(SchedulerRegistry, { strict: false }).getIntervals()).toEqual([]);
    expect(module.get(ByteAccounts).snapshot().accounts).toEqual({});
  });

  describe('behind cache-manager', () => {
    it('shares its entries with direct use, both ways', async () => {
      await manager.set('page:1', { title: 'A' });
      cache.set('page:2', { title: 'B' });

      expect(cache.get('page:1')).toEqual({ title: 'A' });
      await expect(manager.get('page:2')).resolves.toEqual({ title: 'B' });
      await expect(manager.mget(['page:1', 'page:3', 'page:2'])).resolves.toEqual([
        { title: 'A' },
        undefined,
        { title: 'B' },
      ]);
      expect(cache.stats().families['page']?.entries).toBe(2);
    });

    it('keeps terms, and tells them', async () => {
      await manager.set('page:1', 'a', 60_000);
      const expiresAt = await manager.ttl('page:1');
      clock.advance(60_000);

      await expect(manager.get('page:1')).resolves.toBeUndefined();
      expect(expiresAt).toBe(clock.now());
    });

    it('does not serve what is stale', async () => {
      cache.set('page:1', 'a', { ttlMs: 1_000, staleTtlMs: 60_000 });
      clock.advance(1_000);

      await expect(manager.get('page:1')).resolves.toBeUndefined();
    });

    it('lets no buffer in, not as text either', async () => {
      await manager.set('page:1', Buffer.from('bytes'));
      await manager.set('page:2', { icon: new Uint8Array(3) });

      await expect(manager.get('page:1')).resolves.toBeUndefined();
      expect(cache.stats()).toMatchObject({ entries: 0, refused: { binary: 2 } });
    });

    it('tells null from nothing', async () => {
      await manager.set('page:1', null);

      await expect(manager.get('page:1')).resolves.toBeNull();
      await expect(manager.get('page:2')).resolves.toBeUndefined();
    });

    it('deletes, wraps and clears', async () => {
      let loads = 0;
      const load = async (): Promise<number> => (loads += 1);
      const first = await manager.wrap('page:1', load, 60_000);
      const second = await manager.wrap('page:1', load, 60_000);
      await manager.set('page:2', 1);
      await manager.del('page:2');
      const left = cache.stats().entries;
      await manager.clear();

      expect([first, second, left]).toEqual([1, 1, 1]);
      expect(cache.stats().entries).toBe(0);
    });
  });

  describe('told by events', () => {
    const memory = { rss: 1, heapUsed: 1, usagePercent: 71 };
    const fill = (): void => {
      for (let id = 0; id < 400; id += 1) cache.set(`k:${id}`, 'x'.repeat(20_000));
    };
    const trigger = (): void =>
      void bus.emit('memory-coordination-trigger', { usagePercent: 71, rss: 1, threshold: 1, cacheBytes: 1 });
    const change = (from: MemoryLevel, to: MemoryLevel): void =>
      void bus.emit('status-changed', { from, to, metrics: memory });

    it('at 70 %, drops its oldest quarter, and stays capped there until the level is normal', () => {
      fill();
      const before = cache.stats().usedBytes;
      change('normal', 'coordinate');
      trigger();
      const after = cache.stats();
      fill();
      const refilled = cache.stats().usedBytes;
      change('degraded', 'coordinate');
      const still = cache.stats().capBytes;
      change('coordinate', 'normal');
      fill();

      expect(after.usedBytes).toBeLessThanOrEqual(0.75 * before);
      expect(after.usedBytes).toBeGreaterThan(0.74 * before);
      expect(after.lastAction).toEqual({
        name: 'drop-oldest',
        cause: 'memory-coordination-trigger',
        freedBytes: before - after.usedBytes,
        at: clock.now(),
      });
      expect(after.capBytes).toBe(after.usedBytes);
      expect(cache.get('k:399')).toBeDefined();
      expect(refilled).toBeLessThanOrEqual(after.usedBytes);
      expect(still).toBe(after.capBytes);
      expect(cache.stats()).toMatchObject({ capBytes: null, usedBytes: before });
    });

    it('with nothing in it, keeps room for a little', () => {
      trigger();

      expect(cache.stats().capBytes).toBe(1024 ** 2);
      expect(cache.set('k:1', 1)).toBe(true);
    });

    it('at 95 %, clears itself', () => {
      fill();
      const { usedBytes } = cache.stats();

      bus.emit('emergency-cleanup-start', { rss: 1, threshold: 1, usagePercent: 96 });

      expect(cache.stats()).toMatchObject({
        usedBytes: 0,
        lastAction: { name: 'clear', cause: 'emergency-cleanup-start', freedBytes: usedBytes },
      });
    });

    it('drops an order that is older than the last one it obeyed', () => {
      fill();
      const { usedBytes } = cache.stats();
      const emitter = module.get(EventEmitter2, { strict: false });
      change('coordinate', 'normal');

      emitter.emit('memory-coordination-trigger', {
        epoch: 1,
        at: 0,
        usagePercent: 71,
        rss: 1,
        threshold: 1,
        cacheBytes: 1,
      });
      emitter.emit('emergency-cleanup-start', { epoch: 0, at: 0, rss: 1, threshold: 1, usagePercent: 96 });

      expect(cache.stats()).toMatchObject({ usedBytes, capBytes: null, lastAction: null });
    });
  });

  it('removes what is past its time every minute', () => {
    cache.set('k:1', 1, { ttlMs: 1_000 });

    clock.advance(60_000);

    expect(cache.stats()).toMatchObject({ entries: 0, expirations: 1 });
  });
});
