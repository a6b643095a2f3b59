import { readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ROUTE_POLICIES } from '../../src/http/index.js';
import { OriginServer } from '../support/origin-server.js';
import { photo } from '../support/pictures.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const TOKEN = 'an-admin-token-of-length';
const API_TOKEN = 'an-api-token-of-length';
const PATIENCE_MS = 5_000;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

interface AskOptions {
  readonly token?: string | null;
  readonly json?: unknown;
  readonly init?: RequestInit;
}

async function askAt(
  app: TestApp,
  method: string,
  path: string,
  { token = TOKEN, json, init }: AskOptions = {},
): Promise<Answer> {
  const response = await fetch(`${app.url}${path}`, {
    method,
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    ...init,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(init?.headers as Record<string, string> | undefined),
    },
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!condition() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

/** Every admin route as a request that would be carried out. */
const ROUTES = ROUTE_POLICIES.filter(({ access }) => access === 'admin').map(
  ({ method, path }) => [method, path.replace(':cache', 'image')] as const,
);

describe('the admin routes', () => {
  let origin: OriginServer;
  let app: TestApp;

  beforeAll(async () => {
    origin = await new OriginServer().start();
    app = await startTestApp(
      { FETCH_ALLOWED_HOSTS: origin.host, ADMIN_TOKEN: TOKEN, API_TOKENS: API_TOKEN },
      { injectMemory: true },
    );
    await app.injectPercent(60);
  });

  afterAll(async () => {
    await app.close();
    await origin.close();
  });

  const ask = (method: string, path: string, options?: AskOptions): Promise<Answer> =>
    askAt(app, method, path, options);
  const image = (path: string, width = 120): Promise<Response> =>
    fetch(
      `${app.url}/api/images?${new URLSearchParams({ url: origin.url(path), w: String(width), format: 'webp' })}`,
    );
  const usedBytes = async (account: string): Promise<number> => {
    const { body } = await ask('GET', '/api/admin/caches');
    const { accounts } = body['accounts'] as { accounts: Record<string, { usedBytes: number }> };
    return accounts[account]?.usedBytes ?? NaN;
  };
  const memoryHealth = async (): Promise<{ status: number; memory: Record<string, unknown> }> => {
    const { status, body } = await ask('GET', '/api/health', { token: null });
    const { memory } = body['details'] as { memory: Record<string, unknown> };
    return { status, memory };
  };

  describe('access', () => {
    it('has seven routes to guard', () => {
      expect(ROUTES).toHaveLength(7);
    });

    it.each(ROUTES)('wants a token for %s %s', async (method, path) => {
      const answer = await ask(method, path, { token: null });

      expect(answer).toMatchObject({ status: 401, body: { code: 'missing-token' } });
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    });

    it.each(ROUTES)('refuses another token for %s %s', async (method, path) => {
      const wrong = [`${TOKEN}x`, TOKEN.slice(1), API_TOKEN];

      for (const token of wrong) {
        expect(await ask(method, path, { token })).toMatchObject({
          status: 403,
          body: { code: 'invalid-token' },
        });
      }
    });

    it.each(ROUTES)('lets the token in at %s %s', async (method, path) => {
      const json = method === 'POST' && path.endsWith('drills') ? { level: 'normal' } : undefined;

      const { status, body, headers } = await ask(method, path, { json });

      expect([200, 202, 503]).toContain(status);
      expect([undefined, 'snapshot-refused']).toContain(body['code']);
      expect(headers.get('cache-control')).toBe('no-store');
    });

    it('is not given by the token of the API, nor the other way round', async () => {
      const upload = await ask('POST', '/api/images', { init: { body: 'x' } });

      expect(upload).toMatchObject({ status: 403, body: { code: 'invalid-token' } });
    });

    it('is closed to everybody when no token is configured', async () => {
      const closed = await startTestApp();
      try {
        for (const [method, path] of ROUTES) {
          for (const token of [null, TOKEN]) {
            expect(await askAt(closed, method, path, { token })).toMatchObject({
              status: 403,
              body: { code: 'admin-disabled' },
            });
          }
        }
      } finally {
        await closed.close();
      }
    });

    it('is in the description of the API', async () => {
      const { body } = await ask('GET', '/api/docs-json', { token: null });

      expect(body).toMatchObject({
        paths: {
          '/api/admin/caches/{cache}': { delete: { security: [{ bearer: [] }], tags: ['admin'] } },
          '/api/admin/drills': { post: { security: [{ bearer: [] }] } },
        },
      });
    });
  });

  describe('caches', () => {
    /** A picture that nobody asked for before goes into every cache. */
    const fill = async (name: string): Promise<void> => {
      origin.serve(`/${name}.jpg`, await photo(800, 600), { 'cache-control': 'max-age=600' });
      for (let round = 0; round < 2; round += 1) {
        const response = await image(`/${name}.jpg`);
        expect(response.status).toBe(200);
        await response.arrayBuffer();
      }
      await app.settle();
    };

    it('shows what each holds', async () => {
      await fill('shown');

      const { status, body } = await ask('GET', '/api/admin/caches');

      expect(status).toBe(200);
      expect(body).toMatchObject({
        accounts: {
          usedBytes: expect.any(Number),
          accounts: { 'hit-table': { usedBytes: expect.any(Number) } },
        },
        image: { entries: expect.any(Number), usedBytes: expect.any(Number) },
        server: { families: expect.any(Object), usedBytes: expect.any(Number) },
        hits: { urls: 1 },
        store: { kind: 'filesystem' },
      });
      expect(app.cachedImages()).toBeGreaterThan(0);
    });

    it.each([
      ['image', ['hits', 'image'], ['hit-table', 'image-cache']],
      ['server', ['server'], ['server-cache']],
      ['existence', ['existence'], ['store-records']],
      [
        'all',
        ['existence', 'hits', 'image', 'search', 'server'],
        ['hit-table', 'image-cache', 'server-cache', 'store-records'],
      ],
    ])('empties %s and says what each part freed', async (name, parts, accounts) => {
      await fill(`emptied-${name}`);
      const before = await Promise.all(accounts.map(usedBytes));

      const { status, body } = await ask('DELETE', `/api/admin/caches/${name}`);

      const freed = body['freedBytes'] as Record<string, number>;
      expect(status).toBe(200);
      expect(Object.keys(freed).sort()).toEqual(parts);
      expect(before.every((bytes) => bytes > 0)).toBe(true);
      expect(Object.values(freed).reduce((sum, bytes) => sum + bytes, 0)).toBe(
        before.reduce((sum, bytes) => sum + bytes, 0),
      );
      expect(await Promise.all(accounts.map(usedBytes))).toEqual(accounts.map(() => 0));
    });

    it('refuses a name that is none, with the list of those that are', async () => {
      const { status, body } = await ask('DELETE', '/api/admin/caches/browser');

      expect(status).toBe(400);
      expect(body).toMatchObject({
        code: 'invalid-parameter',
        detail: 'There is no cache of this name; there are: image, server, search, existence, all.',
      });
    });

    it('leaves requests in flight alone: no error, no second fetch', async () => {
      const picture = await photo(900, 700);
      const held: ServerResponse[] = [];
      origin.route('/held.jpg', (_request, response) => void held.push(response));
      const arrived = jest.fn();
      app.app.getHttpServer().on('request', arrived);
      const answers = [1, 2, 3, 4, 5].map(() => image('/held.jpg'));
      await until(() => held.length > 0 && arrived.mock.calls.length === 5);

      const flushed = await ask('DELETE', '/api/admin/caches/all');
      answers.push(image('/held.jpg'));
      await until(() => arrived.mock.calls.length === 7);
      app.app.getHttpServer().off('request', arrived);
      await new Promise((resolve) => setImmediate(resolve));
      for (const response of held) {
        response.writeHead(200, { 'content-type': 'image/jpeg', 'cache-control': 'max-age=600' });
        response.end(picture);
      }

      expect(flushed.status).toBe(200);
      const responses = await Promise.all(answers);
      expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
      await Promise.all(responses.map((response) => response.arrayBuffer()));
      expect(origin.requests('/held.jpg')).toBe(1);
      await app.settle();
      await ask('DELETE', '/api/admin/caches/all');
      const again = await image('/held.jpg');
      expect(again.status).toBe(200);
      await again.arrayBuffer();
      expect(origin.requests('/held.jpg')).toBe(1);
    });
  });

  it('collects garbage and says what it freed', async () => {
    const { status, body } = await ask('POST', '/api/admin/gc');

    expect(status).toBe(200);
    expect(body).toMatchObject({
      reason: 'admin',
      freedBytes: expect.any(Number),
      durationMs: expect.any(Number),
    });
  });

  describe('a drill', () => {
    beforeAll(async () => {
      origin.serve('/cold.jpg', await photo(800, 600));
    });

    afterEach(async () => {
      await ask('DELETE', '/api/admin/drills');
      for (let step = 0; step < 6; step += 1) app.skip(500);
      expect(app.level()).toBe('normal');
    });

    it('at pressure refuses cold work, says in health that it is one, and ends by itself', async () => {
      const begun = await ask('POST', '/api/admin/drills', { json: { level: 'pressure', seconds: 60 } });

      expect(begun).toMatchObject({
        status: 200,
        body: { level: 'pressure', naturalLevel: 'normal', drill: { level: 'pressure' } },
      });
      const cold = await image('/cold.jpg');
      expect(cold.status).toBe(503);
      expect(cold.headers.get('retry-after')).not.toBeNull();
      expect(await cold.json()).toMatchObject({ code: 'memory-pressure' });
      expect(origin.requests('/cold.jpg')).toBe(0);
      const { until: end } = begun.body['drill'] as { until: number };
      expect(Number.isInteger(end)).toBe(true);
      const health = await memoryHealth();
      expect(health).toMatchObject({ status: 200, memory: { status: 'degraded', level: 'pressure' } });
      expect(health.memory['drill']).toMatchObject({ level: 'pressure' });
      const { body: metrics } = await ask('GET', '/api/health/metrics', { token: null });
      expect(metrics).toMatchObject({ memory: { cause: 'drill', drill: { level: 'pressure' } } });
      expect((await ask('GET', '/api/admin/drills')).body).toMatchObject({ drill: { level: 'pressure' } });

      app.skip(59_000);
      expect(app.level()).toBe('pressure');
      for (let step = 0; step < 4; step += 1) app.skip(1_000);

      expect(app.level()).toBe('normal');
      expect((await memoryHealth()).memory['drill']).toBeNull();
      const warm = await image('/cold.jpg');
      expect(warm.status).toBe(200);
      await warm.arrayBuffer();
    });

    it('at critical leaves the way back open', async () => {
      await ask('POST', '/api/admin/drills', { json: { level: 'critical', seconds: 3_600 } });

      expect((await image('/cold.jpg')).status).toBe(503);
      expect((await memoryHealth()).status).toBe(503);
      expect(await ask('GET', '/api/admin/drills')).toMatchObject({
        status: 200,
        body: { level: 'critical' },
      });
      expect((await ask('DELETE', '/api/admin/caches/image')).status).toBe(200);
      const ended = await ask('DELETE', '/api/admin/drills');
      expect(ended).toMatchObject({ status: 200, body: { naturalLevel: 'normal', drill: null } });
    });

    it('is ended by an order for normal, too', async () => {
      await ask('POST', '/api/admin/drills', { json: { level: 'degraded', seconds: 10 } });

      const ended = await ask('POST', '/api/admin/drills', { json: { level: 'normal' } });

      expect(ended).toMatchObject({ status: 200, body: { drill: null } });
    });

    it.each([
      ['no seconds', { level: 'pressure' }, /^seconds: must be a whole number from 1 to 3600\.$/],
      ['0 seconds', { level: 'pressure', seconds: 0 }, /^seconds: must be/],
      ['3601 seconds', { level: 'pressure', seconds: 3_601 }, /^seconds: must be/],
      ['half a second', { level: 'pressure', seconds: 0.5 }, /^seconds: must be/],
      ['seconds as text', { level: 'pressure', seconds: '60' }, /^seconds: must be/],
      ['an unknown level', { level: 'panic', seconds: 1 }, /^level: must be one of normal, coordinate, /],
      ['a stranger', { level: 'pressure', seconds: 1, x: 1 }, /"x"/],
      ['a list', [], /./],
    ])('is refused with %s', async (_what, json, detail) => {
      const answer = await ask('POST', '/api/admin/drills', { json });

      expect(answer).toMatchObject({
        status: 400,
        body: { code: 'invalid-parameter', detail: expect.stringMatching(detail) },
      });
    });

    it.each([
      ['what is not JSON', '{"level":', 'application/json', 400, 'invalid-body'],
      ['another content type', '{"level":"normal"}', 'text/plain', 400, 'invalid-body'],
      ['nothing', '', 'application/json', 400, 'invalid-parameter'],
      [
        'more than 1 KiB',
        JSON.stringify({ level: 'x'.repeat(1_024) }),
        'application/json',
        413,
        'body-too-large',
      ],
    ])('is refused with %s', async (_what, text, type, status, code) => {
      const answer = await ask('POST', '/api/admin/drills', {
        init: { body: text, headers: { 'content-type': type } },
      });

      expect(answer).toMatchObject({ status, body: { code } });
    });
  });

  it('writes statistics instead of a heap snapshot that does not fit', async () => {
    const token = 'token-of-a-small-server';
    const small = await startTestApp(
      { ADMIN_TOKEN: token, TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1GiB' },
      { injectMemory: true },
    );
    await small.injectPercent(69);
    const response = await fetch(`${small.url}/api/admin/heap-snapshots`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    const body = (await response.json()) as Record<string, unknown>;

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('60');
    expect(body).toMatchObject({
      code: 'snapshot-refused',
      // The test process holds the heap of many suites: where that is a level by itself, it is refused for the level.
      reason: expect.stringMatching(/^(?:no-room|level)$/),
      detail: expect.stringMatching(/20 times the heap|The memory level is/),
      heapUsedBytes: expect.any(Number),
      used_heap_size: expect.any(Number),
    });
    const folder = join(small.dataDir, 'diagnosis');
    expect(readdirSync(folder)).toContain(body['statisticsFile']);
    expect(JSON.parse(readFileSync(join(folder, String(body['statisticsFile'])), 'utf8'))).toMatchObject({
      trigger: 'admin',
      caches: { accounts: { 'image-cache': expect.any(Object) } },
    });
    await small.close();
  });

  it('leaves one line in the log for each action, refused ones included, and none for a read', async () => {
    const log = jest.spyOn(Logger.prototype, 'log');
    try {
      await ask('GET', '/api/admin/caches');
      await ask('DELETE', '/api/admin/caches/server');
      await ask('POST', '/api/admin/drills', { json: { level: 'panic' } });
      const lines = log.mock.calls
        .map(([line]) => line as unknown as { readonly message?: string })
        .filter((line) => line.message === 'admin action');

      expect(lines).toEqual([
        {
          message: 'admin action',
          action: 'DELETE /api/admin/caches/server',
          requestId: expect.any(String),
          client: expect.stringContaining('127.0.0.1'),
          outcome: 'done',
          result: { freedBytes: { server: expect.any(Number) } },
        },
        expect.objectContaining({ action: 'POST /api/admin/drills', outcome: 'invalid-parameter' }),
      ]);
      expect(JSON.stringify(lines)).not.toContain(TOKEN);
    } finally {
      log.mockRestore();
    }
  });
});
