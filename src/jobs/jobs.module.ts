import { Global, Module } from '@nestjs/common';
import { AsyncOperationsMonitor, BackgroundTasks, Intervals } from '../async-ops/index.js';
import { CLOCK, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { DATABASE, type Database } from '../database/index.js';
import { assembleJobQueue } from './assemble-job-queue.js';
import { JOB_GATE, JOB_QUEUE, type JobGate, type JobQueue } from './job-queue.js';

/**
 * Background work that survives a kill. Uses `database` (a job is a row), `async-ops`, `clock`, `config` and `errors`.
 * The composition root may bind JOB_GATE in a global module.
 */
@Global()
@Module({
  providers: [
    {
      provide: JOB_QUEUE,
      inject: [
        DATABASE,
        CLOCK,
        SETTINGS,
        AsyncOperationsMonitor,
        BackgroundTasks,
        Intervals,
        { token: JOB_GATE, optional: true },
      ],
      useFactory: (
        database: Database,
        clock: Clock,
        settings: Settings,
        operations: AsyncOperationsMonitor,
        background: BackgroundTasks,
        intervals: Intervals,
        gate?: JobGate,
      ): JobQueue =>
        assembleJobQueue({
          database,
          clock,
          operations,
          background,
          intervals,
          gate,
          readOnly: settings.values.READ_ONLY,
        }),
    },
  ],
  exports: [JOB_QUEUE],
})
export class JobsModule {}
