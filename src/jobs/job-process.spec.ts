import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { compileSources, type CompiledSources } from '../../test/support/compiled-sources.js';
import { openRealQueue, STEPS, type RealQueue } from './job-process.fixture.js';

const ROUNDS = 12;
const PATIENCE_MS = 180_000;

describe('jobs of processes that are killed', () => {
  let rooms: CompiledSources;
  let dataDir: string;
  let last: RealQueue | null;
  let interruptions = 0;

  beforeAll(async () => {
    rooms = await compileSources(['src']);
  }, 60_000);

  afterAll(() => rooms.remove());

  beforeEach(async () => {
    jest.spyOn(Logger.prototype, 'log').mockReturnValue(undefined);
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-jobs-'));
    last = null;
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await last?.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  /** Runs until it is killed at a moment that the seed chooses. */
  async function runAndKill(round: string, pauseMs: number, acknowledged: Set<string>): Promise<void> {
    const child = spawn(
      process.execPath,
      [rooms.file('src/jobs/job-process.fixture.ts'), 'enqueue-until-killed', dataDir, round],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } },
    );
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    const lines = createInterface({ input: child.stdout });
    // Reaped, too: until then its pid is taken.
    const closed = Promise.all([once(lines, 'close'), once(child, 'exit')]);
    try {
      await new Promise<void>((resolve, reject) => {
        child.once('exit', () => reject(new Error(`The process ended by itself: ${complaint}`)));
        lines.on('line', (line) => {
          if (line === 'ready') resolve();
          if (line.startsWith('asked ')) acknowledged.add(line.slice('asked '.length));
          interruptions += Number(/Taken up: (\d+)/.exec(line)?.[1] ?? 0);
        });
      });
      await wait(pauseMs);
    } finally {
      child.kill('SIGKILL');
      await closed;
    }
  }

  it(`are all done, each mark once, after ${ROUNDS} rounds of kills, some with two processes on the file`, async () => {
    const acknowledged = new Set<string>();
    let seed = 20_260_101;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return (seed >> 8) % below;
    };
    const startedMs = performance.now();
    for (let round = 0; round < ROUNDS; round += 1) {
      const kills = [runAndKill(`${round}a`, random(400), acknowledged)];
      if (round % 3 === 2) kills.push(runAndKill(`${round}b`, random(400), acknowledged));
      await Promise.all(kills);
    }
    const interrupted = await openRealQueue(dataDir);
    last = interrupted;
    const roundsMs = performance.now() - startedMs;
    interruptions += (await interrupted.queue.snapshot()).counters.takenUp;
    const isOver = async (): Promise<boolean> => {
      const rows = await interrupted.database.queries
        .selectFrom('jobs')
        .select('id')
        .where('state', 'in', ['waiting', 'running'])
        .limit(1)
        .execute();
      return rows.length === 0;
    };
    while (!(await isOver()) && performance.now() - startedMs < PATIENCE_MS) await wait(100);

    const { queries } = interrupted.database;
    const jobs = await queries.selectFrom('jobs').select(['state', 'result', 'payload']).execute();
    const marks = await queries.selectFrom('state').select(['name', 'value']).execute();
    const done = jobs
      .filter(({ state }) => state === 'done')
      .map(({ result }) => JSON.parse(result ?? '') as string);
    const byName = new Map(marks.map(({ name, value }) => [name, Number(value)]));
    const steps = Array.from({ length: STEPS }, (_, step) => step);
    process.stdout.write(
      `${acknowledged.size} acknowledged, ${jobs.length} jobs, ${interruptions} interruptions; kills ${Math.round(roundsMs)} ms of ${Math.round(performance.now() - startedMs)} ms\n`,
    );

    // Nothing acknowledged is lost, nothing is there twice.
    expect([...acknowledged].filter((name) => !done.includes(name))).toEqual([]);
    expect(jobs.filter(({ state }) => state !== 'done')).toEqual([]);
    expect(new Set(done).size).toBe(done.length);
    // No effect was committed twice, none is missing.
    expect(marks.filter(({ value }) => Number(value) !== 1)).toEqual([]);
    expect(done.flatMap((name) => steps.filter((step) => byName.get(`mark ${name} ${step}`) !== 1))).toEqual(
      [],
    );
    // What is asked for in a transaction is there with it, or not at all.
    const asked = marks.filter(({ name }) => name.startsWith('asked ')).map(({ name }) => name.slice(6));
    expect(asked.filter((name) => !done.includes(name))).toEqual([]);
    expect(asked.length).toBeGreaterThan(0);
    expect(acknowledged.size).toBeGreaterThan(ROUNDS);
    expect(interruptions).toBeGreaterThan(ROUNDS / 2);
  }, 240_000);
});
