export type { DiagnosisFile } from './diagnosis-folder.js';
export type { HeapDiagnosisStatistics } from './diagnosis-statistics.js';
export { EmergencyCleanup, type CleanupReport, type CleanupSnapshot } from './emergency-cleanup.js';
export {
  HeapDiagnosis,
  type DiagnosisReport,
  type RefusedSnapshot,
  type WrittenSnapshot,
} from './heap-diagnosis.js';
export { HealthMonitorModule } from './health-monitor.module.js';
export { MemoryHealthMonitor, type HealthStatus, type HistoryEntry } from './memory-health-monitor.js';
export { type MemoryPoint, type MemoryTrend } from './memory-trend.js';
export type { SnapshotFigures, SnapshotRefusal } from './snapshot-verdict.js';
