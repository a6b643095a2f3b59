import { Injectable } from '@nestjs/common';
import { EventBus } from '../events/index.js';
import { MemoryHealthMonitor } from '../health-monitor/index.js';
import { ImageMemoryManager } from '../image-memory/index.js';
import { MemGuard } from '../mem-guard/index.js';
import { ByteAccounts, GarbageCollector } from '../process-memory/index.js';

/**
 * How the parts of the memory line work together, for operators: the level and since when, ledger, caches with
 * their budgets, what the last actions freed, trend, history, events, watchdog. A plain read of every part.
 */
@Injectable()
export class Coordination {
  constructor(
    private readonly imageMemory: ImageMemoryManager,
    private readonly monitor: MemoryHealthMonitor,
    private readonly guard: MemGuard,
    private readonly accounts: ByteAccounts,
    private readonly garbage: GarbageCollector,
    private readonly bus: EventBus,
  ) {}

  snapshot(): object {
    return {
      status: this.monitor.status(),
      memory: this.imageMemory.snapshot(),
      trend: this.monitor.trend(),
      history: this.monitor.history(),
      caches: this.accounts.snapshot(),
      garbageCollection: this.garbage.snapshot(),
      events: this.bus.snapshot(),
      guard: this.guard.snapshot(),
    };
  }
}
