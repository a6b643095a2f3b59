export { CATALOGUE, type VariableName, type VariableValues } from './catalogue.js';
export { ConfigModule } from './config.module.js';
export { loadSettings, type Environment } from './load-settings.js';
export {
  BASE_RSS_BYTES,
  CACHE_OVERHEAD_RATIO,
  EXISTENCE_CACHE_BYTES,
  type MachineMemory,
  type MemoryPlan,
} from './memory-plan.js';
export {
  MACHINE_SHARE_OF_L,
  MEMORY_HYSTERESIS,
  MEMORY_THRESHOLDS,
  type MemoryRung,
} from './memory-thresholds.js';
export { printSettings } from './print-settings.js';
export { SettingsError } from './settings-error.js';
export { SETTINGS, type Settings, type SettingSource } from './settings.js';
export { formatBytes, parseBytes, parseDurationMs } from './units.js';
