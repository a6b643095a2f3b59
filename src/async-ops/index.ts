export {
  AsyncOperationsMonitor,
  type ListOptions,
  type MonitorOptions,
  type OperationsSnapshot,
  type OperationsSummary,
} from './async-operations-monitor.js';
export { AsyncOpsModule } from './async-ops.module.js';
export {
  BackgroundTasks,
  type BackgroundTaskCounts,
  type BackgroundTasksSnapshot,
  type SettledOutcome,
} from './background-tasks.js';
export { Intervals, type IntervalFigures } from './intervals.js';
export type {
  NamedOperationCounts,
  OperationCounts,
  OperationMetadata,
  OperationOutcome,
  OperationState,
  OperationView,
} from './operation.js';
