export { EmergencyCleanup, type CleanupReport, type CleanupSnapshot } from './emergency-cleanup.js';
export { HealthMonitorModule } from './health-monitor.module.js';
export { MemoryHealthMonitor, type HealthStatus, type HistoryEntry } from './memory-health-monitor.js';
export { type MemoryPoint, type MemoryTrend } from './memory-trend.js';
