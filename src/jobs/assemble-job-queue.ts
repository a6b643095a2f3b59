import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { AsyncOperationsMonitor, BackgroundTasks, Intervals } from '../async-ops/index.js';
import type { Clock } from '../clock/index.js';
import type { Database } from '../database/index.js';
import { isOrphan, type ClaimOwner } from './claim-owner.js';
import { DatabaseJobQueue } from './database-job-queue.js';
import { JobClaims } from './job-claims.js';
import { JobDispatcher } from './job-dispatcher.js';
import { JobKinds } from './job-kinds.js';
import { JobPruning } from './job-pruning.js';
import type { JobGate } from './job-queue.js';
import { JobRows } from './job-rows.js';
import { JobRunner } from './job-runner.js';
import { JobTakeUp } from './job-take-up.js';
import { JobTally } from './job-tally.js';
import { JobUpkeep } from './job-upkeep.js';
import { RunningJobs } from './running-jobs.js';

export interface JobQueueRooms {
  readonly database: Database;
  readonly clock: Clock;
  readonly operations: AsyncOperationsMonitor;
  readonly background: BackgroundTasks;
  readonly intervals: Intervals;
  readonly gate?: JobGate | undefined;
  readonly readOnly: boolean;
  /** Gives 0 to 1; for jitter. */
  readonly random?: () => number;
  readonly owner?: ClaimOwner;
  readonly isAlive?: (pid: number) => boolean;
}

/** The queue and its parts. SQLite belongs to one process, so that what an earlier one left is taken up at once. @internal */
export function assembleJobQueue(rooms: JobQueueRooms): DatabaseJobQueue {
  const { database, clock, operations, background, intervals, gate, readOnly } = rooms;
  const { random = Math.random, owner = ownerOfThisProcess(), isAlive = isProcessAlive } = rooms;
  const tally = new JobTally();
  const claims = new JobClaims(database, clock);
  const running = new RunningJobs(claims, operations, clock);
  const kinds = new JobKinds(running, gate);
  const runner = new JobRunner(running, claims, operations, clock, random, tally);
  const takeUp = new JobTakeUp(database, clock, random);
  const pruning = new JobPruning(database, clock);
  return new DatabaseJobQueue({
    database,
    clock,
    rows: new JobRows(database, clock),
    kinds,
    running,
    dispatcher: new JobDispatcher(kinds, claims, runner, owner, background, clock, tally),
    upkeep: new JobUpkeep(running, takeUp, pruning, kinds, intervals, tally),
    tally,
    gate,
    isOrphan: database.dialect === 'sqlite' ? (claim) => isOrphan(claim, owner, isAlive) : null,
    readOnly,
  });
}

const ownerOfThisProcess = (): ClaimOwner => ({
  host: hostname(),
  pid: process.pid,
  start: randomBytes(6).toString('hex'),
});

function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
