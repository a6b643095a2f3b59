import { Global, Module } from '@nestjs/common';
import { DiagnosisFolder } from './diagnosis-folder.js';
import { DiagnosisSignal, SIGNAL_SOURCE, type SignalSource } from './diagnosis-signal.js';
import { DiagnosisStatistics } from './diagnosis-statistics.js';
import { EmergencyCleanup } from './emergency-cleanup.js';
import { HeapDiagnosis } from './heap-diagnosis.js';
import { MemoryHealthMonitor } from './memory-health-monitor.js';

const processSignals: SignalSource = {
  on: (signal, listener) => process.on(signal, listener),
  off: (signal, listener) => process.off(signal, listener),
};

/**
 * History, trend, status, emergency cleanup and heap diagnosis. Uses image-memory (level, ledger), server-cache
 * (figures of its families), process-memory, async-ops, events, config.
 */
@Global()
@Module({
  providers: [
    DiagnosisFolder,
    DiagnosisSignal,
    DiagnosisStatistics,
    EmergencyCleanup,
    HeapDiagnosis,
    MemoryHealthMonitor,
    { provide: SIGNAL_SOURCE, useValue: processSignals },
  ],
  exports: [EmergencyCleanup, HeapDiagnosis, MemoryHealthMonitor],
})
export class HealthMonitorModule {}
