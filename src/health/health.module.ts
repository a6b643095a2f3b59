import { Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { ImageMemoryManager } from '../image-memory/index.js';
import { Coordination } from './coordination.js';
import { DrainState } from './drain-state.js';
import { HealthController } from './health.controller.js';
import { HealthProbes } from './health-probes.js';
import { HealthReport } from './health-report.js';
import { MEMORY_STATUS } from './memory-status.js';

/**
 * Health, liveness and readiness. Uses `image-memory` (level, coordination), `process-memory` (figures),
 * `object-storage` (is it writable), `database` (does it answer), `health-monitor`, `mem-guard`, `events` and `config`. Global, because `http` reads the drain state and the memory status from here.
 */
@Global()
@Module({
  // A probe that fails is the answer, not a fault to log once a second.
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [
    Coordination,
    DrainState,
    HealthProbes,
    HealthReport,
    { provide: MEMORY_STATUS, useExisting: ImageMemoryManager },
  ],
  exports: [DrainState, MEMORY_STATUS],
})
export class HealthModule {}
