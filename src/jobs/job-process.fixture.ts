import { writeSync } from 'node:fs';
import { SchedulerRegistry } from '@nestjs/schedule';
import { sql } from 'kysely';
import { AsyncOperationsMonitor, BackgroundTasks, Intervals } from '../async-ops/index.js';
import { SystemClock } from '../clock/index.js';
import { loadSettings } from '../config/index.js';
import { openDatabase, type Database, type SqlDatabase } from '../database/index.js';
import { ByteAccounts, readMachineMemory } from '../process-memory/index.js';
import { assembleJobQueue } from './assemble-job-queue.js';
import type { JobQueue } from './job-queue.js';

/** Each job leaves as many marks, each with its progress in one transaction. */
export const STEPS = 4;

export interface RealQueue {
  readonly queue: JobQueue;
  readonly database: SqlDatabase;
  close(): Promise<void>;
}

/** The queue on the file in `dataDir`, in real time, with a kind whose runs can be counted afterwards. */
export async function openRealQueue(dataDir: string): Promise<RealQueue> {
  const clock = new SystemClock();
  const settings = loadSettings({ DATA_DIR: dataDir }, { ...readMachineMemory(), containerLimitBytes: null });
  const database = await openWhenUnlocked(() => openDatabase(settings, clock, new ByteAccounts()));
  const operations = new AsyncOperationsMonitor(clock);
  const background = new BackgroundTasks(clock);
  const intervals = new Intervals(new SchedulerRegistry(), background, clock);
  const queue = assembleJobQueue({ database, clock, operations, background, intervals, readOnly: false });
  queue.define<{ readonly name: string }>({
    kind: 'marks',
    concurrency: 4,
    timeoutMs: 60_000,
    gate: 'always',
    keepMs: 3_600_000,
    run: async ({ payload, progress, signal, saveProgress }) => {
      for (let done = progress?.done ?? 0; done < STEPS; done += 1) {
        signal.throwIfAborted();
        await database.transaction(async (within) => {
          await mark(within, `mark ${payload.name} ${done}`);
          await saveProgress({ done: done + 1, total: STEPS }, within);
        });
      }
      return payload.name;
    },
  });
  await queue.onApplicationBootstrap();
  return {
    queue,
    database,
    close: async () => {
      await queue.onModuleDestroy();
      intervals.beforeApplicationShutdown();
      await queue.beforeApplicationShutdown();
      await background.settled(5_000);
      await database.onApplicationShutdown();
    },
  };
}

/** While another process mends the file after a kill, it cannot be opened. */
async function openWhenUnlocked(open: () => Promise<SqlDatabase>): Promise<SqlDatabase> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await open();
    } catch (error) {
      if (attempt === 100 || !String(error).includes('lock')) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Counts how often it was committed. */
async function mark(queries: Database['queries'], name: string): Promise<void> {
  await queries
    .insertInto('state')
    .values({ name, value: '1', updated_at: 0 })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: sql`state.value + 1` }))
    .execute();
}

/** Synchronous: what was said before a kill has been said. */
const say = (line: string): void => void writeSync(1, `${line}\n`);

/** Enqueues in each of the three ways and says what was acknowledged, until it is killed. */
async function enqueueUntilKilled(dataDir: string, round: string): Promise<void> {
  // Timers of the clock keep no process alive; a server's socket would.
  setInterval(() => undefined, 60_000);
  const { queue, database } = await openRealQueue(dataDir);
  say('ready');
  for (let count = 0; ; count += 1) {
    const name = `${round}-${count}`;
    const job = { kind: 'marks', payload: { name } };
    if (count % 3 === 0) await queue.enqueue(job);
    else if (count % 3 === 1) await queue.enqueueAll([job]);
    else {
      await database.transaction(async (within) => {
        await mark(within, `asked ${name}`);
        await queue.enqueue(job, within);
      });
    }
    say(`asked ${name}`);
  }
}

const [mode, folder = '', argument = ''] = process.argv.slice(2);
if (mode === 'enqueue-until-killed') await enqueueUntilKilled(folder, argument);
