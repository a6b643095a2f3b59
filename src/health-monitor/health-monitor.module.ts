import { Global, Module } from '@nestjs/common';
import { EmergencyCleanup } from './emergency-cleanup.js';
import { MemoryHealthMonitor } from './memory-health-monitor.js';

/** History, trend, status and emergency cleanup. Uses image-memory (level, ledger), process-memory, async-ops, events. */
@Global()
@Module({
  providers: [EmergencyCleanup, MemoryHealthMonitor],
  exports: [EmergencyCleanup, MemoryHealthMonitor],
})
export class HealthMonitorModule {}
