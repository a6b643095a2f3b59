/** The job queue as one process has it, for specs of rooms above it. */
export { openProcess, quiet, type TestProcess } from '../../src/jobs/job-queue.fixture.js';
