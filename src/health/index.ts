export { DrainState } from './drain-state.js';
export { HealthModule } from './health.module.js';
export { MEMORY_STATUS, type MemoryStatus } from './memory-status.js';
export { SYSTEM_STATUS_HEADER, systemStatusOf, type SystemStatus } from './system-status.js';
