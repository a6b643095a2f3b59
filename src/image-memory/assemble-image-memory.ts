import { availableParallelism } from 'node:os';
import type { Clock } from '../clock/index.js';
import type { Settings } from '../config/index.js';
import type { EventBus } from '../events/index.js';
import type {
  ByteAccounts,
  EventLoopMonitor,
  GarbageCollector,
  MemorySampler,
} from '../process-memory/index.js';
import type { AdmissionEnvironment } from './admission.js';
import { BufferCache } from './buffer-cache.js';
import { CalibrationRing } from './calibration-ring.js';
import { Cascade, COORDINATED_CACHE_SHARE } from './cascade.js';
import { ImageLoads } from './image-loads.js';
import { ImageMemoryManager } from './image-memory-manager.js';
import { jobLimit } from './job-limit.js';
import { PressureWatch } from './pressure-watch.js';
import { Relief } from './relief.js';
import { ReservationLedger } from './reservation-ledger.js';

export interface ImageMemoryDependencies {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly bus: EventBus;
  readonly sampler: MemorySampler;
  readonly accounts: ByteAccounts;
  readonly garbage: GarbageCollector;
  readonly loop: Pick<EventLoopMonitor, 'latest'>;
  /** `false` only in test builds: proves that the load test can fail. */
  readonly reservationsEnabled: boolean;
  /** 0 (inclusive) to 1 (exclusive); `Math.random` unless a test says otherwise. */
  readonly random?: () => number;
}

/** One more than cores keeps them busy while a job waits for its file (measured: +8 % on small pictures). */
const JOBS_BESIDE_CORES = 1;

/** A lease older than this many timeouts belongs to work that hangs. */
const OLD_LEASE_TIMEOUTS = 2;

/** Ties the parts together: who reads whose figures, and who acts on what. */
export function assembleImageMemory(dependencies: ImageMemoryDependencies): ImageMemoryManager {
  const { settings, clock, bus, sampler, accounts, garbage, loop } = dependencies;
  const { values, memory: plan } = settings;
  const calibration = new CalibrationRing();
  const cache = new BufferCache({
    budgetBytes: plan.imageCacheBytes,
    maxEntryBytes: values.MAX_IMAGE_SIZE_BYTES,
    clock,
    bus,
    accounts,
  });
  const cascade = new Cascade({ clock, plan, bus, cache, accounts, garbage, sampler });
  const watch = new PressureWatch({
    clock,
    settings: {
      lineBytes: plan.lineBytes,
      rungBytes: plan.rungBytes,
      heapThresholdBytes: values.IMAGE_HEAP_THRESHOLD ?? null,
      forcedLevel: values.FORCE_PRESSURE_LEVEL ?? 'normal',
    },
    surroundings: () => ({
      leased: ledger.leaseCount > 0,
      cachesAtFloor: cache.usedBytes <= COORDINATED_CACHE_SHARE * cache.budgetBytes,
    }),
    onTransition: (transition, sample) => cascade.run(transition, sample),
  });
  const relief = new Relief({
    clock,
    sampler,
    garbage,
    flush: () => void cascade.flush('relief'),
    report: (freedBytes) => watch.reportCleanup(freedBytes),
  });
  const jobs = values.IMAGE_JOBS > 0 ? values.IMAGE_JOBS : availableParallelism() + JOBS_BESIDE_CORES;
  const environment: AdmissionEnvironment = {
    rssBytes: (maxAgeMs) => {
      const sample = maxAgeMs === Infinity ? sampler.latest() : manager.refresh(maxAgeMs);
      return sample.rssBytes + sample.childrenRssBytes;
    },
    cacheBytes: () => accounts.totalUsedBytes,
    evictableBytes: (all) =>
      Math.max(0, cache.usedBytes - (all ? 0 : COORDINATED_CACHE_SHARE * cache.budgetBytes)),
    evict: (bytes) => cascade.evictForAdmission(bytes),
    collectGarbage: (reason) => void garbage.request(reason),
    level: () => watch.level,
    stuck: () => watch.stuck,
    jobLimit: () =>
      jobLimit({
        jobs,
        level: watch.level,
        stuck: watch.stuck,
        rampRatio: watch.capacityRatio,
        responsiveness: loop.latest(),
      }),
  };
  const ledger = new ReservationLedger({
    clock,
    environment,
    limits: {
      ceilingBytes: plan.rungBytes.pressure,
      loneCeilingBytes: plan.rungBytes.critical,
      lineBytes: plan.lineBytes,
    },
    deadlineMs: values.QUEUE_DEADLINE_MS,
    maxWaiting: values.QUEUE_MAX_ITEMS,
    oldLeaseMs: OLD_LEASE_TIMEOUTS * values.IMAGE_TIMEOUT_MS,
    enabled: dependencies.reservationsEnabled,
    random: dependencies.random ?? Math.random,
    onActivity: () => manager.paceSampling(),
    // The lease was already raised by the multiplier: without taking it out the ring would correct its own correction.
    onLoneOperation: (kind, leaseBytes, grownBytes) =>
      calibration.record(kind, leaseBytes / calibration.multiplierOf(kind), grownBytes),
  });
  const manager: ImageMemoryManager = new ImageMemoryManager({
    plan,
    bus,
    sampler,
    cache,
    loads: new ImageLoads(cache, clock),
    watch,
    cascade,
    relief,
    ledger,
    calibration,
  });
  return manager;
}
