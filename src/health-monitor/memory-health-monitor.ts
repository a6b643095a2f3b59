import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { BackgroundTasks, Intervals } from '../async-ops/index.js';
import { CLOCK, type Cancel, type Clock } from '../clock/index.js';
import { EventBus, type MemoryLevel } from '../events/index.js';
import { ImageMemoryManager } from '../image-memory/index.js';
import { MemorySampler } from '../process-memory/index.js';
import { EmergencyCleanup } from './emergency-cleanup.js';
import { trendOf, type MemoryPoint, type MemoryTrend } from './memory-trend.js';

/** For people and probes: `healthy` up to `coordinate`, `warning` at `degraded` and `pressure`, `critical` above. */
export type HealthStatus = 'healthy' | 'warning' | 'critical';

export interface HistoryEntry extends MemoryPoint {
  readonly level: MemoryLevel;
  readonly reservedBytes: number;
}

/** The scheduled poll, ms (DESIGN 2.2). */
const POLL_MS = 30_000;

/** One hour of polls. */
const HISTORY_LENGTH = 120;

/** How often the emergency rung is looked at again while it holds, ms: the cool-down decides whether anything happens. */
const RECHECK_MS = 5_000;

const STATUS_OF = {
  normal: 'healthy',
  coordinate: 'healthy',
  degraded: 'warning',
  pressure: 'warning',
  critical: 'critical',
  emergency: 'critical',
} as const satisfies Record<MemoryLevel, HealthStatus>;

/** Remembers how memory went, says how it goes, and cleans up in an emergency. */
@Injectable()
export class MemoryHealthMonitor implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly entries: HistoryEntry[] = [];
  private readonly owned: Cancel[] = [];
  private cancelRecheck: Cancel = () => undefined;

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly bus: EventBus,
    private readonly intervals: Intervals,
    private readonly tasks: BackgroundTasks,
    private readonly sampler: MemorySampler,
    private readonly imageMemory: ImageMemoryManager,
    private readonly cleanup: EmergencyCleanup,
  ) {}

  onApplicationBootstrap(): void {
    this.record();
    this.owned.push(
      this.intervals.every('memory-history', POLL_MS, () => this.record()),
      this.bus.on('status-changed', 'health-monitor', ({ to }) => {
        this.record();
        this.watchEmergency(to);
      }),
    );
  }

  beforeApplicationShutdown(): void {
    this.cancelRecheck();
    for (const cancel of this.owned.splice(0)) cancel();
  }

  status(): HealthStatus {
    return STATUS_OF[this.imageMemory.level()];
  }

  /** The last hour, oldest first; transitions are in it besides the polls. */
  history(): readonly HistoryEntry[] {
    return [...this.entries];
  }

  /** How RSS goes over the history; `null` until there are enough points. */
  trend(): MemoryTrend | null {
    return trendOf(this.entries);
  }

  /** Takes a point of the history. */
  private record(): void {
    const sample = this.sampler.fresh(1_000);
    this.entries.push(
      Object.freeze({
        at: this.clock.now(),
        rssBytes: sample.rssBytes,
        level: this.imageMemory.level(),
        reservedBytes: this.imageMemory.snapshot().ledger.reservedBytes,
      }),
    );
    if (this.entries.length > HISTORY_LENGTH) this.entries.shift();
  }

  /** Cleans up on entering the rung, and looks again while it holds. */
  private watchEmergency(level: MemoryLevel): void {
    this.cancelRecheck();
    if (level !== 'emergency') return;
    this.tasks.detach(this.cleanup.request(), 'memory.emergency-cleanup');
    this.cancelRecheck = this.clock.after(RECHECK_MS, () => this.watchEmergency(this.imageMemory.level()));
  }
}
