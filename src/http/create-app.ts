import type { DynamicModule, NestApplicationOptions, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SystemClock, type Clock } from '../clock/index.js';
import type { Settings } from '../config/index.js';
import { DrainState, MEMORY_STATUS, type MemoryStatus } from '../health/index.js';
import { createFrontDoor } from './front-door.js';
import { HIT_LOOKUP, type HitLookup } from './hit-lookup.js';
import { MemoryHitResponder } from './memory-hit-responder.js';
import { OpenApiDocument } from './open-api-document.js';
import type { PinoLogger } from './pino-logger.js';
import { PlimsollHttpAdapter } from './plimsoll-http-adapter.js';
import { PressureGate } from './pressure-gate.js';
import { answerNotFound } from './problem-filter.js';
import { assertRoutesHavePolicies, registeredRoutes } from './registered-routes.js';
import type { LogLine } from './request-log.js';
import { silentSocketMs } from './server-limits.js';

/** Declared with their whole path: each probe exists under `/api` and under the name that orchestrators expect. */
const OUTSIDE_PREFIX = [
  'api/health',
  'health',
  'api/health/live',
  'livez',
  'healthz',
  'api/health/ready',
  'readyz',
  'api/health/metrics',
];

const NO_HITS: HitLookup = { lookup: () => null };

export interface AppExtras {
  readonly clock?: Clock;
  /** Builds the frame's application; a test puts another clock or store under it. */
  readonly build?: (
    root: Type | DynamicModule,
    adapter: PlimsollHttpAdapter,
    options: NestApplicationOptions,
  ) => Promise<NestExpressApplication>;
}

/**
 * The application as it runs and as it is tested, initialised but not listening. `root` imports `HttpModule`.
 *
 * @throws Error when a route has no policy, or when two routes are in each other's way.
 */
export async function createApp(
  root: Type | DynamicModule,
  settings: Settings,
  logger: PinoLogger,
  extras: AppExtras = {},
): Promise<NestExpressApplication> {
  const { clock = new SystemClock(), build = buildByFactory } = extras;
  const adapter = new PlimsollHttpAdapter({
    clock,
    trustedProxies: settings.values.TRUST_PROXY,
    shutdownTimeoutMs: settings.values.SHUTDOWN_TIMEOUT_MS,
  });
  const app = await build(root, adapter, {
    logger,
    abortOnError: false,
    // Uploads are streams; a route that wants JSON asks for it.
    bodyParser: false,
    routeResolutionStrategy: 'specificity',
    routeConflictPolicy: { duplicate: 'error', shadow: 'error' },
  });
  app.setGlobalPrefix('api', { exclude: OUTSIDE_PREFIX });
  openTheDoor(app, adapter, logger, clock, settings);
  app.get(OpenApiDocument, { strict: false }).attach(app);
  await app.init();
  // The frame answers unknown paths below its prefix only.
  adapter.use(answerNotFound);
  assertRoutesHavePolicies(registeredRoutes(adapter.getInstance()));
  return app;
}

const buildByFactory: NonNullable<AppExtras['build']> = (root, adapter, options) =>
  NestFactory.create<NestExpressApplication>(root, adapter, options);

function openTheDoor(
  app: NestExpressApplication,
  adapter: PlimsollHttpAdapter,
  logger: PinoLogger,
  clock: Clock,
  settings: Settings,
): void {
  const drainState = app.get(DrainState, { strict: false });
  const memory = app.get<MemoryStatus>(MEMORY_STATUS, { strict: false });
  const hits = findHits(app);
  const log: LogLine = (level, fields, text) => logger.pino[level](fields, text);
  const onHit = logger.pino.isLevelEnabled('debug')
    ? (rawUrl: string, status: number): void =>
        log('debug', { path: rawUrl.split('?', 1)[0], status }, 'memory hit')
    : undefined;
  const responder = new MemoryHitResponder(
    hits,
    () => memory.level(),
    () => drainState.isDraining,
    onHit,
  );
  const gate = app.get(PressureGate, { strict: false });
  adapter.setFront(
    createFrontDoor({
      responder,
      gate,
      drain: adapter.drain,
      clock,
      log,
      silentSocketMs: silentSocketMs(settings),
    }),
    () => drainState.begin(),
  );
}

/** Without a room that prepares hits every request takes the full path. */
function findHits(app: NestExpressApplication): HitLookup {
  try {
    return app.get<HitLookup>(HIT_LOOKUP, { strict: false });
  } catch {
    return NO_HITS;
  }
}
