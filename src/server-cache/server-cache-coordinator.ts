import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Intervals } from '../async-ops/index.js';
import { EventBus } from '../events/index.js';
import { ServerCache } from './server-cache.js';

/** Part of the bytes that goes at 70 % (the seed's promise). */
const COORDINATION_SHARE = 0.25;

/**
 * The cap never falls below this share of the budget, nor needs to exceed this many bytes: an empty cache would
 * else refuse everything until the level is normal again (chosen: too little to matter for the line).
 */
const SMALLEST_CAP_SHARE = 0.01;
const SMALLEST_CAP_BYTES = 1024 ** 2;

const PURGE_EVERY_MS = 60_000;

/** What the memory events do to the server cache. Listeners are synchronous and drop orders older than the last. */
@Injectable()
export class ServerCacheCoordinator implements OnApplicationBootstrap, OnApplicationShutdown {
  private lastEpoch = 0;
  private stops: (() => void)[] = [];

  constructor(
    private readonly cache: ServerCache,
    private readonly bus: EventBus,
    private readonly intervals: Intervals,
  ) {}

  onApplicationBootstrap(): void {
    const owner = ServerCacheCoordinator.name;
    this.stops = [
      this.bus.on('memory-coordination-trigger', owner, ({ epoch }) => {
        if (this.isStale(epoch)) return;
        this.cache.dropOldest(COORDINATION_SHARE, 'memory-coordination-trigger');
        const { usedBytes, budgetBytes } = this.cache.stats();
        const smallestBytes = Math.min(SMALLEST_CAP_BYTES, SMALLEST_CAP_SHARE * budgetBytes);
        this.cache.setCap(Math.max(usedBytes, smallestBytes), 'memory-coordination-trigger');
      }),
      this.bus.on('status-changed', owner, ({ epoch, to }) => {
        if (this.isStale(epoch) || to !== 'normal') return;
        this.cache.setCap(null, 'status-changed');
      }),
      this.bus.on('emergency-cleanup-start', owner, ({ epoch }) => {
        if (this.isStale(epoch)) return;
        this.cache.clear('emergency-cleanup-start');
      }),
      this.intervals.every('server-cache.purge', PURGE_EVERY_MS, () => void this.cache.purgeExpired()),
    ];
  }

  onApplicationShutdown(): void {
    for (const stop of this.stops) stop();
    this.stops = [];
  }

  private isStale(epoch: number): boolean {
    if (epoch <= this.lastEpoch) return true;
    this.lastEpoch = epoch;
    return false;
  }
}
