import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { RowWatch } from './row-watch.js';
import { Seeded } from './seeded.js';
import { ServerProcess } from './server-process.js';

/** How long something that is waited for may take, ms; a loaded machine is slow, what never happens fails the test. */
const PATIENCE_MS = 60_000;

/** Between two looks, ms: a look costs the server that is looked at some of its time. */
const LOOK_MS = 10;
const KILL_LOOK_MS = 1;

/** Turns of the event loop between the progress that was waited for and the kill, so that kills fall anywhere in it. */
const MOST_TURNS = 60;

/**
 * One data folder, and the servers that live and die on it one after the other. Points of time are told by what has
 * happened (rows, files, requests), chosen by a seed, and named when something fails.
 */
export class KillRun {
  readonly rows: RowWatch;
  readonly random: Seeded;
  private readonly trail: string[] = [];
  private server: ServerProcess | null = null;
  private isOver = false;

  constructor(
    readonly dataDir: string,
    seed: number,
    private readonly environment: Readonly<Record<string, string>>,
  ) {
    this.rows = new RowWatch(dataDir);
    this.random = new Seeded(seed);
  }

  get url(): string {
    if (this.server === null) throw new Error('No server runs.');
    return this.server.url;
  }

  /** How many were killed so far. */
  get kills(): number {
    return this.trail.length;
  }

  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.isOver) throw new Error('Something has failed before.');
    this.rows.close();
    this.server = await ServerProcess.start({ ...this.environment, ...more, DATA_DIR: this.dataDir });
    // The test that asked for it may have given up meanwhile.
    if (this.isOver) await this.kill();
  }

  /** Ends it as an operator does; @returns its exit code. */
  async stop(): Promise<number | null> {
    const { server } = this;
    this.server = null;
    return server === null ? null : await server.stop();
  }

  /** SIGKILL, some turns after the condition has come true. `at` says which moment that was. */
  async killWhen(at: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    await this.until(at, condition, KILL_LOOK_MS);
    const turns = this.random.integer(0, MOST_TURNS);
    for (let turn = 0; turn < turns; turn += 1) await nextTurn();
    this.trail.push(`${at}, ${turns} turns later`);
    await this.kill();
  }

  /** Looks again and again until the condition holds. */
  async until(what: string, condition: () => boolean | Promise<boolean>, everyMs = LOOK_MS): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(`Waited in vain until: ${what}.`);
      await pause(everyMs);
    }
  }

  /** Runs the work; a failure says how to see it again, and ends everything. */
  async telling(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.end();
      const killed = this.trail.map((at, index) => `  ${index + 1}. ${at}`).join('\n');
      const told = `PLIMSOLL_KILL_SEED=${this.random.seed} repeats it. Killed:\n${killed}`;
      throw error instanceof Error ? Object.assign(error, { message: `${error.message}\n${told}` }) : error;
    }
  }

  /** Kills what still runs and lets nothing begin. */
  async end(): Promise<void> {
    this.isOver = true;
    await this.kill();
  }

  private async kill(): Promise<void> {
    const { server } = this;
    this.server = null;
    await server?.kill();
    this.rows.close();
  }
}
