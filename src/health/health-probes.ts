import { Inject, Injectable } from '@nestjs/common';
import { EventLoopMonitor, MemorySampler } from '../process-memory/index.js';
import { DrainState } from './drain-state.js';
import { MEMORY_STATUS, type MemoryStatus } from './memory-status.js';

/** The sources that probes read; none of them does work when it is read. */
@Injectable()
export class HealthProbes {
  constructor(
    @Inject(MEMORY_STATUS) readonly status: MemoryStatus,
    readonly sampler: MemorySampler,
    readonly loop: EventLoopMonitor,
    readonly drain: DrainState,
  ) {}
}
