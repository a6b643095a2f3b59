import { Inject, Injectable } from '@nestjs/common';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorFunction,
} from '@nestjs/terminus';
import { SETTINGS, type Settings } from '../config/index.js';
import { DATABASE, type Database } from '../database/index.js';
import { OBJECT_STORE, type ObjectStore } from '../object-storage/index.js';
import { describeAllocator, type Allocator } from '../process-memory/index.js';
import { HealthProbes } from './health-probes.js';
import { systemStatusOf } from './system-status.js';

/** How long one check of the store answers for (chosen: ten probes a second must not be ten files a second). */
const STORAGE_CACHE_MS = 10_000;

/** A store that takes longer to write a few bytes cannot serve. */
const STORAGE_TIMEOUT_MS = 3_000;

/** The same for rows: how long one answer counts, and how long one may take. */
const DATABASE_CACHE_MS = 10_000;
const DATABASE_TIMEOUT_MS = 3_000;

/** Above these the loop, or the threadpool, is late enough to be felt by clients (chosen; image load alone stays at 290 ms). */
const LOOP_DELAY_WARNING_MS = 250;
const THREADPOOL_WARNING_MS = 2_000;

/**
 * What the probes answer. Everything comes from the last sample; only the store and the database are
 * asked, and at most once in ten seconds. Uses Terminus: `degraded` is HTTP 200, a component that is down makes 503.
 */
@Injectable()
export class HealthReport {
  private readonly allocator: Allocator = describeAllocator();

  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly probes: HealthProbes,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    @Inject(DATABASE) private readonly rows: Database,
  ) {}

  /** @throws ServiceUnavailableException with the same body when a component is down. */
  full(): Promise<HealthCheckResult> {
    return this.checks.check([this.memory, this.storage, this.database, this.eventLoop]);
  }

  /** @throws ServiceUnavailableException at critical memory, when stuck, and while draining. */
  ready(): Promise<HealthCheckResult> {
    return this.checks.check([this.readiness]);
  }

  /** What the line is made of and where it came from. */
  limits(): object {
    const { lineSource, machine, imageCacheBytes, serverCacheBytes, existenceCacheBytes, scaled } =
      this.settings.memory;
    return {
      lineSource,
      machine,
      imageCacheBytes,
      serverCacheBytes,
      existenceCacheBytes,
      scaled,
      allocator: this.allocator,
    };
  }

  private readonly memory: HealthIndicatorFunction = () => {
    const level = this.probes.status.level();
    const sample = this.probes.sampler.latest();
    const { lineBytes, lineSource } = this.settings.memory;
    const figures = {
      level,
      stuck: this.probes.status.isStuck(),
      drill: this.probes.status.drill(),
      usagePercent: Math.round((sample.rssBytes / lineBytes) * 1_000) / 10,
      rssBytes: sample.rssBytes,
      lineBytes,
      lineSource,
      heapUsedBytes: sample.heapUsedBytes,
      heapLimitBytes: sample.heapLimitBytes,
      externalBytes: sample.externalBytes,
      containerUsedBytes: sample.containerUsedBytes,
      containerLimitBytes: sample.containerLimitBytes,
      sampledAt: sample.at,
      allocator: this.allocator.name,
      allocatorTuned: this.allocator.tuned,
    };
    const indicator = this.indicators.check('memory');
    switch (systemStatusOf(level)) {
      case 'HEALTHY':
        return indicator.up(figures);
      case 'MEMORY_WARNING':
        return indicator.degraded(figures);
      case 'MEMORY_CRITICAL':
        return indicator.down(figures);
    }
  };

  private readonly storage: HealthIndicatorFunction = () => {
    const indicator = this.indicators.check('storage');
    if (this.settings.values.READ_ONLY) return indicator.up({ readOnly: true });
    return Promise.resolve(
      indicator
        .attempt(() => this.store.checkWritable())
        .withTimeout(STORAGE_TIMEOUT_MS)
        .cacheFor(STORAGE_CACHE_MS),
    );
  };

  /** Without rows there are no bookmarks, but every image: degraded, so that nobody restarts what would not help. */
  private readonly database: HealthIndicatorFunction = async () => {
    const indicator = this.indicators.check('database');
    const { dialect } = this.rows;
    const {
      database: { status, ...figures },
    } = await indicator
      .attempt(async () => {
        await this.rows.ping();
        return { dialect };
      })
      .withTimeout(DATABASE_TIMEOUT_MS)
      .cacheFor(DATABASE_CACHE_MS);
    const { message, responseTime } = figures as { message?: string; responseTime?: number };
    return status === 'up'
      ? indicator.up({ dialect, pingMs: responseTime })
      : indicator.degraded({ dialect, message });
  };

  private readonly eventLoop: HealthIndicatorFunction = () => {
    const { p50Ms, p99Ms, maxMs, threadpoolMs } = this.probes.loop.latest();
    const late = p99Ms > LOOP_DELAY_WARNING_MS || threadpoolMs > THREADPOOL_WARNING_MS;
    const indicator = this.indicators.check('eventLoop');
    const figures = { p50Ms, p99Ms, maxMs, threadpoolMs };
    return late ? indicator.degraded(figures) : indicator.up(figures);
  };

  private readonly readiness: HealthIndicatorFunction = () => {
    const { status, drain } = this.probes;
    const level = status.level();
    const indicator = this.indicators.check('traffic');
    if (drain.isDraining) return indicator.down({ level, reason: 'draining' });
    if (systemStatusOf(level) === 'MEMORY_CRITICAL')
      return indicator.down({ level, reason: 'memory is critical' });
    if (status.isStuck()) return indicator.down({ level, reason: 'memory is stuck' });
    return indicator.up({ level });
  };
}
