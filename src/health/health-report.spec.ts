import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { loadSettings, SETTINGS } from '../config/index.js';
import { DATABASE } from '../database/index.js';
import { PlimsollError } from '../errors/index.js';
import type { MemoryLevel } from '../events/index.js';
import type { LevelSnapshot } from '../image-memory/index.js';
import { OBJECT_STORE } from '../object-storage/index.js';
import { EventLoopMonitor, MemorySampler } from '../process-memory/index.js';
import { Coordination } from './coordination.js';
import { DrainState } from './drain-state.js';
import { HealthController } from './health.controller.js';
import { HealthProbes } from './health-probes.js';
import { HealthReport } from './health-report.js';
import { MEMORY_STATUS } from './memory-status.js';

const GIB = 1024 ** 3;
const MACHINE = { containerLimitBytes: null, totalMemoryBytes: 8 * GIB, heapLimitBytes: GIB };

describe('health', () => {
  let app: NestExpressApplication;
  let level: MemoryLevel;
  let stuck: boolean;
  let drill: LevelSnapshot['drill'];
  let threadpoolMs: number;
  let checkWritable: () => Promise<void>;
  let storeChecks: number;
  let ping: () => Promise<void>;
  let pings: number;

  async function start(environment: Record<string, string> = {}): Promise<void> {
    const sample = {
      rssBytes: GIB / 2,
      heapUsedBytes: 1,
      heapLimitBytes: 2,
      externalBytes: 3,
      at: 4,
      containerUsedBytes: null,
      containerLimitBytes: null,
    };
    const store = {
      checkWritable: (): Promise<void> => {
        storeChecks += 1;
        return checkWritable();
      },
    };
    const rows = {
      dialect: 'sqlite',
      ping: (): Promise<void> => {
        pings += 1;
        return ping();
      },
    };
    const module = await Test.createTestingModule({
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: [HealthController],
      providers: [
        DrainState,
        HealthProbes,
        HealthReport,
        { provide: Coordination, useValue: { snapshot: () => ({}) } },
        { provide: SETTINGS, useValue: loadSettings(environment, MACHINE) },
        { provide: OBJECT_STORE, useValue: store },
        { provide: DATABASE, useValue: rows },
        {
          provide: MEMORY_STATUS,
          useValue: { level: () => level, isStuck: () => stuck, drill: () => drill },
        },
        { provide: MemorySampler, useValue: { latest: () => sample } },
        {
          provide: EventLoopMonitor,
          useValue: { latest: () => ({ p50Ms: 1, p99Ms: 2, maxMs: 3, threadpoolMs }) },
        },
      ],
    }).compile();
    app = module.createNestApplication<NestExpressApplication>({ logger: false });
    await app.listen(0, '127.0.0.1');
  }

  beforeEach(() => {
    level = 'normal';
    stuck = false;
    drill = null;
    threadpoolMs = 1;
    storeChecks = 0;
    checkWritable = () => Promise.resolve();
    pings = 0;
    ping = () => Promise.resolve();
  });

  afterEach(async () => {
    await app.close();
  });

  async function ask(
    path: string,
    method = 'GET',
  ): Promise<{ status: number; system: string | null; body: Record<string, unknown> }> {
    const response = await fetch(
      `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}${path}`,
      { method },
    );
    const text = await response.text();
    return {
      status: response.status,
      system: response.headers.get('x-system-status'),
      body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
    };
  }

  it.each([
    ['normal', 200, 'ok', 'HEALTHY', 200],
    ['coordinate', 200, 'ok', 'HEALTHY', 200],
    ['degraded', 200, 'degraded', 'MEMORY_WARNING', 200],
    ['pressure', 200, 'degraded', 'MEMORY_WARNING', 200],
    ['critical', 503, 'error', 'MEMORY_CRITICAL', 503],
    ['emergency', 503, 'error', 'MEMORY_CRITICAL', 503],
  ] as const)('at %s answers %i %s, %s; ready %i; live always', async (now, status, word, system, ready) => {
    await start();
    level = now;

    for (const path of ['/api/health', '/health']) {
      expect(await ask(path)).toMatchObject({ status, system, body: { status: word } });
    }
    for (const path of ['/api/health/ready', '/readyz'])
      expect(await ask(path)).toMatchObject({ status: ready, system });
    for (const path of ['/api/health/live', '/livez', '/healthz']) {
      expect(await ask(path)).toMatchObject({ status: 200, system, body: { status: 'ok' } });
    }
  });

  it('answers HEAD with the same status and header', async () => {
    await start();
    level = 'critical';

    expect(await ask('/api/health', 'HEAD')).toEqual({ status: 503, system: 'MEMORY_CRITICAL', body: {} });
  });

  it('shows level, figures, allocator and components', async () => {
    await start();

    expect((await ask('/api/health')).body).toMatchObject({
      details: {
        memory: {
          status: 'up',
          level: 'normal',
          drill: null,
          usagePercent: 25,
          rssBytes: GIB / 2,
          lineBytes: 2 * GIB,
          allocator: expect.any(String),
        },
        storage: { status: 'up' },
        database: { status: 'up', dialect: 'sqlite' },
        eventLoop: { status: 'up', p99Ms: 2 },
      },
    });
  });

  it('says that it is a drill, and until when', async () => {
    await start();
    level = 'pressure';
    drill = { level: 'pressure', until: 1_700_000_000_000 };

    expect((await ask('/api/health')).body).toMatchObject({
      details: { memory: { level: 'pressure', drill: { level: 'pressure', until: 1_700_000_000_000 } } },
    });
  });

  it('is not ready when stuck, nor while draining', async () => {
    await start();
    stuck = true;
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      body: { error: { traffic: { reason: 'memory is stuck' } } },
    });

    stuck = false;
    app.get(DrainState).begin();

    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      body: { error: { traffic: { reason: 'draining' } } },
    });
    expect(await ask('/livez')).toMatchObject({ status: 200 });
  });

  it('is down when the store cannot be written, and says why', async () => {
    await start();
    checkWritable = () =>
      Promise.reject(new PlimsollError('storage-unavailable', 'The store cannot be written.'));

    expect(await ask('/api/health')).toMatchObject({
      status: 503,
      body: { error: { storage: { message: 'The store cannot be written.' } } },
    });
    expect(await ask('/readyz')).toMatchObject({ status: 200 });
  });

  it('is degraded, not down, without its database, and says why: images go on', async () => {
    await start();
    ping = () => Promise.reject(new PlimsollError('database-unavailable', 'The database does not answer.'));

    expect(await ask('/api/health')).toMatchObject({
      status: 200,
      body: {
        status: 'degraded',
        details: { database: { status: 'degraded', message: 'The database does not answer.' } },
      },
    });
    expect(await ask('/readyz')).toMatchObject({ status: 200 });
  });

  it('asks the store and the database once for many probes', async () => {
    await start();

    await Promise.all(Array.from({ length: 5 }, () => ask('/api/health')));
    await ask('/health');

    expect(storeChecks).toBe(1);
    expect(pings).toBe(1);
  });

  it('does not write when the server is read-only', async () => {
    await start({ READ_ONLY: 'on' });

    expect((await ask('/api/health')).body).toMatchObject({
      details: { storage: { status: 'up', readOnly: true } },
    });
    expect(storeChecks).toBe(0);
  });

  it('is degraded, not down, when the threadpool is late', async () => {
    await start();
    threadpoolMs = 5_000;

    expect(await ask('/api/health')).toMatchObject({
      status: 200,
      body: { status: 'degraded', details: { eventLoop: { status: 'degraded' } } },
    });
  });
});
