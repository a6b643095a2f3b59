export { JobGivenUp, JobPostponed } from './job.js';
export type { JobKind, JobProgress, JobRun, JobState, JobView, NewJob } from './job.js';
export {
  JOB_GATE,
  JOB_QUEUE,
  type JobGate,
  type JobPage,
  type JobQueue,
  type JobQueueSnapshot,
} from './job-queue.js';
