import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  Catch,
  Global,
  Logger,
  Module,
  StandardSchemaValidationPipe,
  type ArgumentsHost,
  type ExceptionFilter,
  type INestApplication,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Response } from 'express';
import { FakeClock } from '../../test/support/fake-clock.js';
import { AsyncOperationsMonitor, AsyncOpsModule } from '../async-ops/index.js';
import { CLOCK, ClockModule } from '../clock/index.js';
import { ConfigModule, loadSettings } from '../config/index.js';
import { DatabaseModule } from '../database/index.js';
import { isPlimsollError, PlimsollError } from '../errors/index.js';
import { EventsModule } from '../events/index.js';
import { JOB_GATE, JOB_QUEUE, JobGivenUp, JobsModule, type JobGate, type JobQueue } from '../jobs/index.js';
import { ProcessMemoryModule, readMachineMemory } from '../process-memory/index.js';
import { OperationsModule } from './index.js';

/** The one thing of `http` that is needed to see a code: the room is on the same level. */
@Catch()
class CodeFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const body = isPlimsollError(error)
      ? { code: error.code, detail: error.message, ...error.details }
      : { code: 'fault', detail: String(error) };
    host.switchToHttp().getResponse<Response>().status(400).json(body);
  }
}

class TestGate implements JobGate {
  isOpen = true;
  readonly listeners = new Set<() => void>();

  mayStart(): boolean {
    return this.isOpen;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

const GATE = new TestGate();

@Global()
@Module({ providers: [{ provide: JOB_GATE, useValue: GATE }], exports: [JOB_GATE] })
class GateModule {}

interface Answer {
  readonly status: number;
  readonly cacheControl: string | null;
  readonly body: Record<string, unknown> & {
    readonly jobs: readonly Record<string, unknown>[];
    readonly running: readonly Record<string, unknown>[];
  };
}

const UNKNOWN_JOB = '01890000-0000-7000-8000-000000000000';

describe('GET, DELETE and POST /operations', () => {
  let dataDir: string;
  let clock: FakeClock;
  let app: INestApplication;
  let queue: JobQueue;

  beforeEach(async () => {
    for (const level of ['log', 'warn', 'error'] as const)
      jest.spyOn(Logger.prototype, level).mockReturnValue(undefined);
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-operations-'));
    clock = new FakeClock();
    const settings = loadSettings(
      { DATA_DIR: dataDir },
      { ...readMachineMemory(), containerLimitBytes: null },
    );
    const testing = await Test.createTestingModule({
      imports: [
        ConfigModule.forRoot(settings),
        ClockModule,
        EventsModule,
        ProcessMemoryModule,
        AsyncOpsModule,
        DatabaseModule,
        GateModule,
        JobsModule,
        OperationsModule,
      ],
    })
      .overrideProvider(CLOCK)
      .useValue(clock)
      .compile();
    app = testing.createNestApplication({ logger: false });
    app.useGlobalFilters(new CodeFilter());
    app.useGlobalPipes(
      new StandardSchemaValidationPipe({
        exceptionFactory: (issues) =>
          new PlimsollError('invalid-parameter', issues.map(({ message }) => message).join(' ')),
      }),
    );
    queue = app.get<JobQueue>(JOB_QUEUE);
    queue.define<{ readonly act: string }>({
      kind: 'bookmarks.import',
      concurrency: 2,
      timeoutMs: 60_000,
      gate: 'memory',
      keepMs: 60_000,
      run: async ({ payload, saveProgress, signal }) => {
        await saveProgress({ done: 2, total: 4, counts: { created: 2 }, checkpoint: { secret: 'mine' } });
        if (payload.act === 'fail')
          throw new JobGivenUp('unreadable-import', 'No bookmarks in https://u:p@host/file?token=x.');
        if (payload.act === 'hold')
          await new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(new Error('told')), { once: true });
          });
        return { from: 'https://host/list?token=x#y', created: 4 };
      },
    });
    await app.listen(0, '127.0.0.1');
  });

  afterEach(async () => {
    await app.close();
    await rm(dataDir, { recursive: true, force: true });
    jest.restoreAllMocks();
    GATE.isOpen = true;
    expect(GATE.listeners.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  const ask = async (method: string, path: string): Promise<Answer> => {
    const { port } = app.getHttpServer().address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return {
      status: response.status,
      cacheControl: response.headers.get('cache-control'),
      body: (await response.json()) as Answer['body'],
    };
  };

  const untilState = async (id: string, state: string): Promise<Answer> => {
    for (let count = 0; count < 500; count += 1) {
      const answer = await ask('GET', `/operations/${id}`);
      if (answer.body['state'] === state) return answer;
    }
    throw new Error(`The job did not become ${state}.`);
  };

  const enqueue = async (act: string): Promise<string> =>
    (await queue.enqueue({ kind: 'bookmarks.import', payload: { act } })).id;

  it('shows a job with progress and result, its URLs redacted, its checkpoint not at all', async () => {
    const id = await enqueue('pass');
    const { status, cacheControl, body } = await untilState(id, 'done');
    expect([status, cacheControl]).toEqual([200, 'no-store']);
    expect(body).toEqual({
      id,
      kind: 'bookmarks.import',
      state: 'done',
      attempts: 1,
      maxAttempts: 5,
      runAt: null,
      progress: { done: 2, total: 4, counts: { created: 2 } },
      result: { from: 'https://host/list?…', created: 4 },
      error: null,
      createdAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:00.000Z',
      finishedAt: '2026-01-01T00:00:00.000Z',
    });
  });

  it('lists jobs and what else runs, by kind and state, in pages', async () => {
    const done = await enqueue('pass');
    await untilState(done, 'done');
    const held = await enqueue('hold');
    await untilState(held, 'running');
    let finish = (): void => undefined;
    const work = app.get(AsyncOperationsMonitor).monitoredAsync(
      'images',
      'image.fetch',
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
      { metadata: { url: 'https://host/a.png?key=secret' } },
    );

    const all = await ask('GET', '/operations');
    const first = await ask('GET', '/operations?limit=1');
    const second = await ask('GET', `/operations?limit=1&cursor=${String(first.body['nextCursor'])}`);
    const running = await ask('GET', '/operations?state=running');
    const ended = await ask('GET', '/operations?state=done&kind=bookmarks.import');
    const fetching = await ask('GET', '/operations?kind=image.fetch');
    finish();
    await work;

    const idsOf = ({ body }: Answer): unknown[] => body.jobs.map(({ id }) => id);
    expect(idsOf(all)).toEqual([held, done]);
    expect(all.body.jobs[1]).toMatchObject({ result: null });
    // The run of the job is the job; it is not listed twice.
    expect(all.body.running).toMatchObject([
      { context: 'images', kind: 'image.fetch', state: 'running', metadata: { url: 'https://host/a.png?…' } },
    ]);
    expect([idsOf(first), idsOf(second)]).toEqual([[held], [done]]);
    expect(second.body).toMatchObject({ running: [], nextCursor: null });
    expect([idsOf(running), running.body.running.length]).toEqual([[held], 1]);
    expect([idsOf(ended), ended.body.running.length]).toEqual([[done], 0]);
    expect([idsOf(fetching), fetching.body.running.length]).toEqual([[], 1]);
    const one = await ask('GET', `/operations/${String(all.body.running[0]?.['id'])}`);
    expect(one.body).toMatchObject({ kind: 'image.fetch', state: 'completed' });
  });

  it('cancels what runs or waits, and says so when there is nothing to cancel', async () => {
    const held = await enqueue('hold');
    await untilState(held, 'running');

    const cancelled = await ask('DELETE', `/operations/${held}`);
    await untilState(held, 'cancelled');
    const again = await ask('DELETE', `/operations/${held}`);

    expect([cancelled.status, cancelled.body['id']]).toEqual([202, held]);
    expect(again.body).toEqual({
      code: 'operation-ended',
      state: 'cancelled',
      detail: 'The operation is cancelled. Only one that waits or runs can be cancelled.',
    });
    expect((await ask('DELETE', `/operations/${UNKNOWN_JOB}`)).body['code']).toBe('operation-not-found');
  });

  it('tries a failed job again, once however often it is asked', async () => {
    const id = await enqueue('fail');
    const failed = await untilState(id, 'failed');
    GATE.isOpen = false;
    const again = await ask('POST', `/operations/${id}/retry`);

    expect(failed.body['error']).toEqual({
      code: 'unreadable-import',
      message: 'No bookmarks in https://host/file?…',
    });
    expect([again.status, again.body['state'], again.body['attempts'], again.body['error']]).toEqual([
      202,
      'waiting',
      0,
      null,
    ]);
    expect(await ask('POST', `/operations/${id}/retry`)).toEqual(again);
    GATE.isOpen = true;
    for (const listener of GATE.listeners) listener();
    await untilState(id, 'failed');
  });

  it('tries nothing again that is done', async () => {
    const id = await enqueue('pass');
    const done = await untilState(id, 'done');

    expect((await ask('POST', `/operations/${id}/retry`)).body).toEqual({
      code: 'operation-ended',
      state: 'done',
      detail: 'The operation is done. Only a failed or cancelled one can be tried again.',
    });
    expect((await ask('GET', `/operations/${id}`)).body).toEqual(done.body);
    expect((await ask('POST', `/operations/${UNKNOWN_JOB}/retry`)).body['code']).toBe('operation-not-found');
  });

  it('knows requests by number, which nobody can cancel', async () => {
    await app.get(AsyncOperationsMonitor).monitoredAsync('images', 'image.fetch', () => 'done');
    const { body } = await ask('GET', '/operations?kind=image.fetch');
    expect(body.running).toEqual([]);
    const operations = app.get(AsyncOperationsMonitor).list();
    const id = operations.find(({ name }) => name === 'image.fetch')?.id;

    expect((await ask('GET', `/operations/${id}`)).body).toMatchObject({ state: 'completed' });
    expect((await ask('DELETE', `/operations/${id}`)).body['code']).toBe('invalid-parameter');
    expect((await ask('POST', `/operations/${id}/retry`)).body['code']).toBe('invalid-parameter');
    expect((await ask('DELETE', '/operations/999999')).body['code']).toBe('operation-not-found');
  });

  it.each([
    ['an unknown state', '?state=asleep', 'invalid-parameter'],
    ['two states', '?state=done&state=failed', 'invalid-parameter'],
    ['no entries', '?limit=0', 'invalid-parameter'],
    ['too many entries', '?limit=201', 'invalid-parameter'],
    ['a limit that is no number', '?limit=1e2', 'invalid-parameter'],
    ['a NUL as kind', '?kind=%00', 'invalid-parameter'],
    ['a long kind', `?kind=${'a'.repeat(101)}`, 'invalid-parameter'],
    ['an unknown parameter', '?colour=red', 'invalid-parameter'],
    ['a long cursor', `?cursor=${'a'.repeat(101)}`, 'invalid-parameter'],
    ['a cursor that is not ours', '?cursor=%27%3B', 'invalid-cursor'],
    ['an unknown job', `/${UNKNOWN_JOB}`, 'operation-not-found'],
    ['a number that is none', '/0', 'operation-not-found'],
    ['a NUL as id', '/%00', 'operation-not-found'],
    ['a long id', `/${'a'.repeat(5_000)}`, 'operation-not-found'],
  ])('refuses %s', async (_, rest, code) => {
    expect((await ask('GET', `/operations${rest}`)).body['code']).toBe(code);
  });
});
