import { SchedulerRegistry } from '@nestjs/schedule';
import { FakeClock } from '../../test/support/fake-clock.js';
import { AsyncOperationsMonitor, BackgroundTasks, Intervals } from '../async-ops/index.js';
import type { Database } from '../database/index.js';
import { assembleJobQueue, type JobQueueRooms } from './assemble-job-queue.js';
import type { DatabaseJobQueue } from './database-job-queue.js';
import type { JobKind, JobRun } from './job.js';

/** How long something may take in real time before it counts as not happening, ms: a commit waits for the disk. */
const PATIENCE_MS = 15_000;

/** Writes that depend on one another when a job is claimed, fails, and is claimed again. */
const CHAINED_WRITES = 4;

/** Databases of the processes that live. */
const inUse = new Set<Database>();

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const turns = async (count: number): Promise<void> => {
  for (let left = count; left > 0; left -= 1) await turn();
};

/** A queue and the rooms below it, as one process has them. */
export interface TestProcess {
  readonly queue: DatabaseJobQueue;
  readonly operations: AsyncOperationsMonitor;
  readonly background: BackgroundTasks;
  readonly clock: FakeClock;
  start(): Promise<void>;
  /** As a shutdown does it; time passes for handlers that do not end. */
  stop(): Promise<void>;
  /** Nothing of it is heard again: no heartbeat, no outcome. As after `kill -9`. */
  kill(): void;
}

let starts = 0;

export function openProcess(
  database: Database,
  clock: FakeClock,
  options: Partial<JobQueueRooms> = {},
): TestProcess {
  const operations = new AsyncOperationsMonitor(clock);
  const background = new BackgroundTasks(clock);
  const intervals = new Intervals(new SchedulerRegistry(), background, clock);
  const mortal = mortalDatabase(database);
  const queue = assembleJobQueue({
    database: mortal.database,
    clock,
    operations,
    background,
    intervals,
    readOnly: false,
    random: () => 1,
    owner: { host: 'here', pid: (starts += 1), start: `start-${starts}` },
    isAlive: () => true,
    ...options,
  });
  return {
    queue,
    operations,
    background,
    clock,
    start: () => {
      inUse.add(database);
      return queue.onApplicationBootstrap();
    },
    stop: async () => {
      await queue.onModuleDestroy();
      let isOver = false;
      const over = queue.beforeApplicationShutdown().finally(() => (isOver = true));
      // What ends when told has ended by then; for the rest time must pass.
      await quiet();
      for (let seconds = 0; seconds < 3 && !isOver; seconds += 1) {
        clock.advance(1_000);
        await quiet();
      }
      await until(() => isOver, 'the end of the queue');
      await over;
      intervals.beforeApplicationShutdown();
      inUse.delete(database);
    },
    kill: () => {
      mortal.kill();
      inUse.delete(database);
      intervals.beforeApplicationShutdown();
      queue.onModuleDestroy().catch(() => undefined);
    },
  };
}

/** A face whose statements stay unanswered once the process is dead. */
function mortalDatabase(database: Database): { readonly database: Database; kill(): void } {
  let isDead = false;
  return {
    database: new Proxy(database, {
      get: (target, name) => {
        if (isDead) throw new Error('dead');
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }),
    kill: () => {
      isDead = true;
    },
  };
}

/** Waits for the disk and whatever else needs no time of the clock. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'it'): Promise<void> {
  const startedMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedMs > PATIENCE_MS)
      throw new Error(`Waited in vain until ${what} happened.`);
    await turn();
  }
}

/** A moment in which what happens by itself has happened: writers take turns, so that a later write tells. */
export async function quiet(): Promise<void> {
  for (let round = 0; round < CHAINED_WRITES; round += 1) {
    await turns(10);
    for (const database of inUse) await touch(database).catch(() => undefined);
  }
  await turns(10);
}

/** A write that changes nothing. */
async function touch(database: Database): Promise<void> {
  await database.queries.updateTable('counters').set({ value: 0 }).where('name', '=', 'none').execute();
}

/** Lets time pass in steps that are shorter than anything that is done again and again. */
export async function pass(clock: FakeClock, ms: number, stepMs = 1_000): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(stepMs, left));
    await quiet();
  }
}

export function kindOf<P>(
  run: (job: JobRun<P>) => Promise<unknown>,
  options: Partial<JobKind<P>> = {},
): JobKind<P> {
  return {
    kind: 'work',
    concurrency: 4,
    timeoutMs: 60_000,
    gate: 'always',
    keepMs: 3_600_000,
    run,
    ...options,
  };
}

/** A handler that tests hold by the hand. */
export class HeldHandler {
  readonly runs: { readonly job: JobRun<unknown>; end(value?: unknown): void; fail(error: unknown): void }[] =
    [];
  mostAtOnce = 0;
  private atOnce = 0;

  constructor(private readonly heedsAbort = true) {}

  readonly run = (job: JobRun<unknown>): Promise<unknown> => {
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    return new Promise<unknown>((resolve, reject) => {
      this.runs.push({ job, end: resolve, fail: reject });
      if (this.heedsAbort)
        job.signal.addEventListener('abort', () => reject(new Error('stopped as told')), { once: true });
    }).finally(() => {
      this.atOnce -= 1;
    });
  };

  /** The payloads that were run, in order. */
  get payloads(): readonly unknown[] {
    return this.runs.map(({ job }) => job.payload);
  }
}
