import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { AppModule } from '../../src/app.module.js';
import { AsyncOperationsMonitor, BackgroundTasks } from '../../src/async-ops/index.js';
import { CLOCK, SystemClock } from '../../src/clock/index.js';
import { loadSettings, type Settings } from '../../src/config/index.js';
import { EVENT_NAMES, EventBus, type EventName, type MemoryLevel } from '../../src/events/index.js';
import { createApp, createLogger } from '../../src/http/index.js';
import { ImageMemoryManager } from '../../src/image-memory/index.js';
import { MemorySampler, readMachineMemory } from '../../src/process-memory/index.js';
import { ServerCache } from '../../src/server-cache/index.js';

/** How long what is on its way out may take before it counts as left behind, ms. */
const PATIENCE_MS = 5_000;

/** Between two injected samples; shorter than a gap that the ladder would not trust. */
const SAMPLE_STEP_MS = 500;

/** A test process has seen many suites: under the default L it would be found under pressure for their garbage. */
const ROOMY_BUDGET_BYTES = 8 * 1024 ** 3;

/** Two samples that agree, which is what the lower rungs ask for, and one more. */
const DEFAULT_HOLD_MS = 1_500;

export interface SentEvent {
  readonly name: EventName;
  readonly payload: unknown;
}

export interface TestAppOptions {
  /** Memory readings come from `injectPercent`; time may then be skipped. */
  readonly injectMemory?: boolean;
  /** A folder of the caller's, which stays: for a server that starts again on what another one left. */
  readonly dataDir?: string;
}

/** The whole server on a free port of loopback, with a store of its own. */
export interface TestApp {
  readonly url: string;
  readonly dataDir: string;
  readonly settings: Settings;
  readonly app: NestExpressApplication;
  level(): MemoryLevel;
  /** Every event since the start, in order. */
  events(): readonly SentEvent[];
  /** Memory reads as this percentage of L for `holdMs` of skipped time. Needs `injectMemory`. */
  injectPercent(percent: number, options?: { readonly holdMs?: number }): Promise<void>;
  /** Lets this much time have passed for everything that reads the clock; timers go on as before. */
  skip(ms: number): void;
  /** The caches that have made room since the start. */
  cacheActions(): readonly ('image-cache' | 'server-cache')[];
  cachedImages(): number;
  /** Waits until background work has ended. */
  settle(): Promise<void>;
  /** Fails when a lease, an operation or background work outlives its request. */
  expectNothingLeft(): Promise<void>;
  /** Asserts that nothing is left, ends the server and removes the store. */
  close(): Promise<void>;
}

/** Real timers, but time can be skipped. */
class SkippingClock extends SystemClock {
  private skippedMs = 0;

  override now(): number {
    return super.now() + this.skippedMs;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.skippedMs;
  }

  skip(ms: number): void {
    this.skippedMs += ms;
  }
}

/** Starts the real application with these settings over test defaults. */
export async function startTestApp(
  overrides: Readonly<Record<string, string>> = {},
  { injectMemory = false, dataDir: givenDir }: TestAppOptions = {},
): Promise<TestApp> {
  const dataDir = givenDir ?? (await mkdtemp(join(tmpdir(), 'plimsoll-test-')));
  const injectFile = `${dataDir}.memory.json`;
  const machine = readMachineMemory();
  const settings = loadSettings(
    {
      NODE_ENV: 'test',
      TOTAL_PROCESS_MEMORY_BUDGET_BYTES: String(Math.min(ROOMY_BUDGET_BYTES, machine.totalMemoryBytes)),
      DATA_DIR: dataDir,
      LOG_LEVEL: 'silent',
      SHUTDOWN_TIMEOUT_MS: '2s',
      ...(injectMemory ? { MEMORY_INJECT_FILE: injectFile } : {}),
      ...overrides,
    },
    { ...machine, containerLimitBytes: null },
  );
  const clock = new SkippingClock();
  const app = await createApp(AppModule.forRoot(settings), settings, await createLogger(settings), {
    clock,
    build: async (root, adapter, options) => {
      const testing = await Test.createTestingModule({ imports: [root] })
        .overrideProvider(CLOCK)
        .useValue(clock)
        .compile();
      return testing.createNestApplication<NestExpressApplication>(adapter, options);
    },
  });
  const events: SentEvent[] = [];
  const bus = app.get(EventBus, { strict: false });
  for (const name of EVENT_NAMES) {
    bus.on(name, 'test-app', (payload) => void events.push({ name, payload }));
  }
  const memory = app.get(ImageMemoryManager, { strict: false });
  const serverCache = app.get(ServerCache, { strict: false });
  const sampler = app.get(MemorySampler, { strict: false });
  const operations = app.get(AsyncOperationsMonitor, { strict: false });
  const tasks = app.get(BackgroundTasks, { strict: false });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;

  const left = (): object => {
    const { leases, zombies, reservedBytes } = memory.metrics();
    const { running, detached, lingering } = operations.summary();
    return {
      leases,
      zombies,
      reservedBytes,
      running,
      detached,
      lingering,
      background: tasks.snapshot().running,
    };
  };
  const nothing = {
    leases: 0,
    zombies: 0,
    reservedBytes: 0,
    running: 0,
    detached: 0,
    lingering: 0,
    background: 0,
  };
  const expectNothingLeft = async (): Promise<void> => {
    const deadline = performance.now() + PATIENCE_MS;
    while (JSON.stringify(left()) !== JSON.stringify(nothing) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(left()).toEqual(nothing);
  };

  return {
    url: `http://127.0.0.1:${port}`,
    dataDir,
    settings,
    app,
    level: () => memory.level(),
    events: () => events,
    injectPercent: async (percent, { holdMs = DEFAULT_HOLD_MS } = {}) => {
      await writeFile(`${injectFile}.new`, JSON.stringify({ usagePercent: percent }));
      await rename(`${injectFile}.new`, injectFile);
      for (let heldMs = 0; heldMs <= holdMs; heldMs += SAMPLE_STEP_MS) {
        clock.skip(SAMPLE_STEP_MS);
        sampler.sample();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    skip: (ms) => {
      clock.skip(ms);
      sampler.sample();
    },
    cacheActions: () => [
      ...(memory.snapshot().actions.counts['coordinate'] === undefined ? [] : (['image-cache'] as const)),
      ...(serverCache.stats().lastAction === null ? [] : (['server-cache'] as const)),
    ],
    cachedImages: () => memory.metrics().cacheSize,
    settle: async () => void (await tasks.settled(PATIENCE_MS)),
    expectNothingLeft,
    close: async () => {
      try {
        await expectNothingLeft();
      } finally {
        await app.close();
        if (givenDir === undefined) await rm(dataDir, { recursive: true, force: true });
        await rm(injectFile, { force: true });
      }
    },
  };
}
