export { JobClaimLost } from './job-claim-lost.js';
export { JobGivenUp, JobPostponed } from './job.js';
export type { JobKind, JobProgress, JobRun, JobState, JobView, NewJob } from './job.js';
export {
  JOB_GATE,
  JOB_QUEUE,
  type JobCounters,
  type JobGate,
  type JobPage,
  type JobQueue,
  type JobQueueSnapshot,
} from './job-queue.js';
export { JobsModule } from './jobs.module.js';
export { redactText } from './redact-text.js';
