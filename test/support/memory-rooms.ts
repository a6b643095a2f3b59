import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger, type ModuleMetadata, type Type } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { Test } from '@nestjs/testing';
import { AsyncOperationsMonitor, AsyncOpsModule, BackgroundTasks } from '../../src/async-ops/index.js';
import { CLOCK, ClockModule } from '../../src/clock/index.js';
import { ConfigModule, loadSettings, type Settings } from '../../src/config/index.js';
import { EventBus, EventsModule } from '../../src/events/index.js';
import { ImageMemoryManager, ImageMemoryModule } from '../../src/image-memory/index.js';
import { OBJECT_STORE, ObjectStorageModule, type ObjectStore } from '../../src/object-storage/index.js';
import {
  ByteAccounts,
  COLLECT_GARBAGE,
  LOOP_PROBES,
  MEMORY_READERS,
  MemorySampler,
  ProcessMemoryModule,
  type MemoryReaders,
} from '../../src/process-memory/index.js';
import { ServerCache, ServerCacheModule } from '../../src/server-cache/index.js';
import { FakeClock } from './fake-clock.js';

Logger.overrideLogger(false);

const MIB = 1024 ** 2;
const MACHINE = { containerLimitBytes: null, totalMemoryBytes: 8192 * MIB, heapLimitBytes: 200 * MIB };

/** L of these rooms is 1000 MiB: 10 MiB are one percent. */
export const LINE_BYTES = 1000 * MIB;

/** The real rooms from the clock up to the store, on a clock and on readings that the test owns. */
export interface MemoryRooms {
  readonly clock: FakeClock;
  readonly settings: Settings;
  readonly bus: EventBus;
  readonly emitter: EventEmitter2;
  readonly sampler: MemorySampler;
  readonly accounts: ByteAccounts;
  readonly memory: ImageMemoryManager;
  readonly serverCache: ServerCache;
  readonly operations: AsyncOperationsMonitor;
  readonly tasks: BackgroundTasks;
  readonly store: ObjectStore;
  /** Monotonic ms of each garbage collection. */
  readonly collections: readonly number[];
  get<T>(token: Type<T>): T;
  /** The process says from now on that it holds this percentage of L. No sample is taken. */
  readPercent(percent: number): void;
  /** The same, with a sample of it. */
  sampleAt(percent: number): void;
  close(): Promise<void>;
}

export async function startMemoryRooms(
  environment: Readonly<Record<string, string>> = {},
  { imports = [], providers = [] }: Pick<ModuleMetadata, 'imports' | 'providers'> = {},
): Promise<MemoryRooms> {
  const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-rooms-'));
  const settings = loadSettings(
    {
      NODE_ENV: 'test',
      DATA_DIR: dataDir,
      TOTAL_PROCESS_MEMORY_BUDGET_BYTES: String(LINE_BYTES),
      IMAGE_RAM_BUDGET_BYTES: String(100 * MIB),
      SERVER_CACHE_BUDGET_BYTES: String(50 * MIB),
      ...environment,
    },
    MACHINE,
  );
  const clock = new FakeClock();
  const collections: number[] = [];
  let rssBytes = LINE_BYTES / 5;
  const readers: MemoryReaders = {
    readProcess: () => ({
      rssBytes,
      heapUsedBytes: 20 * MIB,
      heapLimitBytes: MACHINE.heapLimitBytes,
      externalBytes: 0,
      source: 'process',
    }),
    readArrayBuffersBytes: () => 0,
    readContainer: () => ({ state: 'none', usedBytes: null, limitBytes: null }),
    readChildRssBytes: () => null,
  };
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forRoot(settings),
      ClockModule,
      EventsModule,
      ProcessMemoryModule,
      AsyncOpsModule,
      ImageMemoryModule,
      ServerCacheModule,
      ObjectStorageModule,
      ...imports,
    ],
    providers,
  })
    .overrideProvider(CLOCK)
    .useValue(clock)
    .overrideProvider(MEMORY_READERS)
    .useValue(readers)
    .overrideProvider(COLLECT_GARBAGE)
    .useValue(() => void collections.push(clock.monotonicMs()))
    .overrideProvider(LOOP_PROBES)
    .useValue({
      start: () => undefined,
      takeDelay: () => ({ p50Ms: 0, p99Ms: 0, maxMs: 0 }),
      touchThreadpool: () => Promise.resolve(),
      stop: () => undefined,
    })
    .compile();
  await module.init();
  const sampler = module.get(MemorySampler);
  const readPercent = (percent: number): void => {
    rssBytes = Math.ceil((percent / 100) * LINE_BYTES);
  };
  return {
    clock,
    settings,
    sampler,
    collections,
    bus: module.get(EventBus),
    emitter: module.get(EventEmitter2, { strict: false }),
    accounts: module.get(ByteAccounts),
    memory: module.get(ImageMemoryManager),
    serverCache: module.get(ServerCache),
    operations: module.get(AsyncOperationsMonitor),
    tasks: module.get(BackgroundTasks),
    store: module.get<ObjectStore>(OBJECT_STORE),
    get: (token) => module.get(token),
    readPercent,
    sampleAt: (percent) => {
      readPercent(percent);
      clock.advance(1);
      sampler.sample();
    },
    close: async () => {
      await module.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
