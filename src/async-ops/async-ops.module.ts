import { Global, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { AsyncOperationsMonitor } from './async-operations-monitor.js';
import { BackgroundTasks } from './background-tasks.js';
import { Intervals } from './intervals.js';

/**
 * What runs now, in the background and at intervals. Uses `clock` and `errors`. The only place that imports
 * `ScheduleModule`: a second `forRoot()` would make a second registry.
 */
@Global()
@Module({
  imports: [ScheduleModule.forRoot()],
  providers: [AsyncOperationsMonitor, BackgroundTasks, Intervals],
  exports: [AsyncOperationsMonitor, BackgroundTasks, Intervals],
})
export class AsyncOpsModule {}
