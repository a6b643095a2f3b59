import { request as httpRequest } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Delete,
  Get,
  Global,
  HttpException,
  Inject,
  Module,
  Param,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request, Response } from 'express';
import { ClockModule } from '../../src/clock/index.js';
import { ConfigModule, loadSettings, type Settings } from '../../src/config/index.js';
import { AbortedError, PlimsollError } from '../../src/errors/index.js';
import type { MemoryLevel } from '../../src/events/index.js';
import { DrainState, MEMORY_STATUS, type MemoryStatus } from '../../src/health/index.js';
import {
  createApp,
  createLogger,
  HIT_LOOKUP,
  HttpModule,
  QuotaModule,
  ROUTE_POLICIES,
  registeredRoutes,
  signUrl,
  type HitLookup,
} from '../../src/http/index.js';
import { CLIENT_QUOTA, type ClientQuota, type PreparedHit } from '../../src/images/index.js';

const GIB = 1024 ** 3;
const MACHINE = { containerLimitBytes: null, totalMemoryBytes: 8 * GIB, heapLimitBytes: GIB };
const KEY = 'a-signing-key-of-length';
const OLD_KEY = 'an-older-signing-key-still';
const TOKEN = 'a-token-that-is-long-enough';

/** What the fake rooms do next; set by each test. */
interface Stage {
  level: MemoryLevel;
  next: (request: Request, response: Response) => unknown;
  hit: PreparedHit | null;
}

interface Surface {
  readonly app: NestExpressApplication;
  readonly stage: Stage;
  readonly url: string;
  readonly port: number;
  readonly logged: Record<string, unknown>[];
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly problem: Record<string, unknown>;
}

const open: NestExpressApplication[] = [];

function surfaceModule(settings: Settings, stage: Stage): new () => unknown {
  const hits: HitLookup = { lookup: (url) => (url === '/api/images?hit' ? stage.hit : null) };
  const status: MemoryStatus = { level: () => stage.level, isStuck: () => false, drill: () => null };

  /** Stands in for the rooms below: what is tested is what surrounds them. */
  @Global()
  @Module({
    providers: [
      DrainState,
      { provide: MEMORY_STATUS, useValue: status },
      { provide: HIT_LOOKUP, useValue: hits },
    ],
    exports: [DrainState, MEMORY_STATUS, HIT_LOOKUP],
  })
  class LowerRooms {}

  @Controller('images')
  class Images {
    constructor(@Inject(CLIENT_QUOTA) private readonly quota: ClientQuota) {}

    // The general pattern stands first: the router sorts by specificity and takes the other order for a mistake.
    @Get(':id')
    byId(@Param('id') id: string): object {
      return { id };
    }

    @Get('metadata')
    metadata(): object {
      return { metadata: true };
    }

    @Get()
    async read(@Req() request: Request, @Res() response: Response): Promise<void> {
      await this.quota.charge(request.ip ?? '');
      await stage.next(request, response);
      if (!response.writableEnded && !response.destroyed) response.json({ ok: true });
    }

    @Post()
    create(): object {
      return { created: true };
    }

    @Delete(':id')
    remove(): object {
      return { removed: true };
    }
  }

  @Controller()
  class Probes {
    @Get(['api/health', 'health', 'livez'])
    health(): object {
      return { status: 'ok' };
    }
  }

  @Module({
    imports: [ConfigModule.forRoot(settings), ClockModule, LowerRooms, QuotaModule, HttpModule],
    controllers: [Images, Probes],
  })
  class SurfaceModule {}
  return SurfaceModule;
}

async function start(environment: Record<string, string> = {}): Promise<Surface> {
  const settings = loadSettings({ SHUTDOWN_TIMEOUT_MS: '2s', ...environment }, MACHINE);
  const stage: Stage = { level: 'normal', next: () => undefined, hit: null };
  const logged: Record<string, unknown>[] = [];
  const logger = await createLogger(settings, {
    write: (line) => void logged.push(JSON.parse(line) as Record<string, unknown>),
  });
  const app = await createApp(surfaceModule(settings, stage), settings, logger);
  open.push(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { app, stage, url: `http://127.0.0.1:${port}`, port, logged };
}

async function ask(surface: Surface, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${surface.url}${path}`, init);
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  const problem = isJson && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, text, problem };
}

/** Sends bytes as they are; for what no client library would send. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

const rawGet = (target: string, headers = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`;

function expectProblem(answer: Answer, status: number, code: string): void {
  expect({
    status: answer.status,
    type: answer.headers.get('content-type'),
    ...answer.problem,
  }).toMatchObject({
    status,
    code,
    type: `/api/docs/problems#${code}`,
    title: expect.any(String),
    detail: expect.any(String),
    instance: expect.stringMatching(/^urn:request:/),
  });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
}

describe('the HTTP surface', () => {
  afterEach(async () => {
    for (const app of open.splice(0)) {
      await app.close();
      expect(app.getHttpServer().listening).toBe(false);
    }
  });

  describe('problems', () => {
    it('answers an unknown route with 404, below the prefix and outside', async () => {
      const surface = await start();

      expectProblem(await ask(surface, '/api/nothing?secret=1'), 404, 'route-not-found');
      const outside = await ask(surface, '/nothing?secret=1');

      expectProblem(outside, 404, 'route-not-found');
      expect(outside.text).not.toContain('secret');
    });

    it('answers a wrong method on a known route with 405 and Allow', async () => {
      const surface = await start();

      const collection = await ask(surface, '/api/images', { method: 'PUT' });
      const probe = await ask(surface, '/livez', { method: 'POST' });

      expectProblem(collection, 405, 'method-not-allowed');
      expect(collection.headers.get('allow')).toBe('GET, HEAD, POST');
      expectProblem(probe, 405, 'method-not-allowed');
      expect(probe.headers.get('allow')).toBe('GET, HEAD');
    });

    it('answers OPTIONS with the methods of the route', async () => {
      const surface = await start();

      const answer = await ask(surface, '/api/images/abc', { method: 'OPTIONS' });

      expect(answer.status).toBe(204);
      expect(answer.headers.get('allow')).toBe('DELETE, GET, HEAD');
    });

    it('answers a malformed percent-encoding in the path with 400', async () => {
      const surface = await start();

      expectProblem(await ask(surface, '/api/images/%ff'), 400, 'invalid-parameter');
    });

    it('answers a request target over 8 KiB with 414, however long it is', async () => {
      const surface = await start();

      expectProblem(await ask(surface, `/api/images?url=${'a'.repeat(9_000)}`), 414, 'uri-too-long');
      const over = await raw(surface.port, rawGet(`/api/images?url=${'a'.repeat(40_000)}`));

      expect(over).toMatch(/^HTTP\/1\.1 414 [\s\S]*application\/problem\+json[\s\S]*"status":414/);
    });

    it('answers headers over 16 KiB with 431', async () => {
      const surface = await start();

      const answer = await raw(surface.port, rawGet('/api/images', `X-Long: ${'a'.repeat(20_000)}\r\n`));

      expect(answer).toMatch(/^HTTP\/1\.1 431 [\s\S]*application\/problem\+json[\s\S]*"status":431/);
    });

    it('answers what is not HTTP with 400', async () => {
      const surface = await start();

      const answer = await raw(surface.port, 'HELO there\r\n\r\n');

      expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"invalid-parameter"/);
    });

    it('gives an error of ours its status, code, figures and no-store', async () => {
      const surface = await start();
      surface.stage.next = () => {
        throw new PlimsollError('image-too-many-pixels', 'Too many.', { details: { pixels: 7 } });
      };

      const answer = await ask(surface, '/api/images');

      expectProblem(answer, 422, 'image-too-many-pixels');
      expect(answer.problem).toMatchObject({ pixels: 7, detail: 'Too many.' });
      expect(answer.headers.get('cache-control')).toBe('no-store');
    });

    it('gives every 503 whole seconds to wait, in the header and in the body', async () => {
      const surface = await start();
      surface.stage.next = () => {
        throw new PlimsollError('server-busy', 'Busy.', { retryAfterSeconds: 2.4 });
      };

      const answer = await ask(surface, '/api/images');

      expectProblem(answer, 503, 'server-busy');
      expect(answer.headers.get('retry-after')).toBe('3');
      expect(answer.problem['retryAfterSeconds']).toBe(3);
    });

    it('lets an absent origin be cached for ten seconds at most', async () => {
      const surface = await start();
      surface.stage.next = () => {
        throw new PlimsollError('origin-not-found', 'Gone.');
      };

      expect((await ask(surface, '/api/images')).headers.get('cache-control')).toBe('public, max-age=10');
    });

    it('keeps Vary and drops what described the answer that failed', async () => {
      const surface = await start();
      surface.stage.next = (_request, response) => {
        response.setHeader('Vary', 'Accept').setHeader('ETag', '"x"').setHeader('Content-Length', '5');
        throw new PlimsollError('undecodable-image', 'Broken.');
      };

      const answer = await ask(surface, '/api/images');

      expectProblem(answer, 422, 'undecodable-image');
      expect(answer.headers.get('vary')).toBe('Accept');
      expect(answer.headers.get('etag')).toBeNull();
    });

    it('tells nothing of an unknown error but the request id, and logs the rest', async () => {
      const surface = await start();
      surface.stage.next = () => {
        throw new Error('secret inside /etc/shadow');
      };

      const answer = await ask(surface, '/api/images', { headers: { 'X-Request-Id': 'my-request-1' } });

      expectProblem(answer, 500, 'internal-error');
      expect(answer.text).not.toContain('secret');
      expect(answer.text).toContain('my-request-1');
      expect(answer.headers.get('x-request-id')).toBe('my-request-1');
      expect(surface.logged).toContainEqual(
        expect.objectContaining({
          level: 'error',
          msg: 'Error: secret inside /etc/shadow',
          requestId: 'my-request-1',
        }),
      );
    });

    it('lets the 503 body of Terminus through', async () => {
      const surface = await start();
      surface.stage.next = () => {
        throw new HttpException(
          { status: 'error', info: {}, error: {}, details: { memory: { status: 'down' } } },
          503,
        );
      };

      const answer = await ask(surface, '/api/images');

      expect(answer.status).toBe(503);
      expect(answer.problem).toEqual({
        status: 'error',
        info: {},
        error: {},
        details: { memory: { status: 'down' } },
      });
    });

    it('cuts the connection when an answer fails after its head went out', async () => {
      const surface = await start();
      surface.stage.next = (_request, response) => {
        response.writeHead(200, { 'Content-Length': '100' });
        response.write('half');
        throw new Error('broke off');
      };

      await expect(ask(surface, '/api/images')).rejects.toThrow(/terminated|failed/);
    });

    it('says nothing, in answer or log, when the client has gone', async () => {
      const surface = await start();
      const gone = new Promise<void>((resolve) => {
        surface.stage.next = async (_request, response) => {
          client.destroy();
          await new Promise((closed) => response.once('close', closed));
          setImmediate(resolve);
          throw new AbortedError();
        };
      });
      const client = httpRequest(`${surface.url}/api/images`);
      client.on('error', () => undefined);

      client.end();
      await gone;

      expect(surface.logged.filter((line) => line['level'] === 'error')).toEqual([]);
      expect(surface.logged).toContainEqual(
        expect.objectContaining({ msg: 'request aborted', aborted: true }),
      );
    });
  });

  describe('at critical memory', () => {
    it('refuses everything but the exempt paths', async () => {
      const surface = await start();
      surface.stage.level = 'critical';

      const refused = await ask(surface, '/api/images');

      expectProblem(refused, 503, 'memory-pressure');
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(5);
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(10);
      expect(refused.headers.get('cache-control')).toBe('no-store');
      expect(refused.headers.get('x-system-status')).toBe('MEMORY_CRITICAL');
      expect((await ask(surface, '/api/health?verbose=1')).status).toBe(200);
      expect((await ask(surface, '/livez')).status).toBe(200);
      expect((await ask(surface, '/health', { method: 'HEAD' })).status).toBe(200);
    });

    it.each([
      '/api/healthX',
      '//api//health',
      '/api//health',
      '/api/%68ealth',
      '/api/health%2f',
      '/api/images/../health',
      '/api/health/../images',
      '/API/HEALTH',
      '/api/health;x',
      '/api/health#x',
      'http://localhost/api/health',
      '/livez/images',
    ])('does not take %s for an exempt path', async (target) => {
      const surface = await start();
      surface.stage.level = 'emergency';

      const answer = await raw(surface.port, rawGet(target));

      expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*"code":"memory-pressure"/);
    });

    it('answers a refused upload although its body is still coming', async () => {
      const surface = await start();
      surface.stage.level = 'critical';

      const answer = await ask(surface, '/api/images', { method: 'POST', body: Buffer.alloc(2 * 1024 ** 2) });

      expectProblem(answer, 503, 'memory-pressure');
    });

    it('answers again as soon as the level falls', async () => {
      const surface = await start();
      surface.stage.level = 'critical';
      await ask(surface, '/api/images');

      surface.stage.level = 'pressure';

      expect((await ask(surface, '/api/images')).status).toBe(200);
    });
  });

  describe('memory hits', () => {
    const body = Buffer.from('picture');
    const hit: PreparedHit = {
      headers: ['ETag', '"abc"', 'Content-Type', 'image/webp', 'Content-Length', String(body.length)],
      notModifiedHeaders: ['ETag', '"abc"'],
      etag: '"abc"',
      body,
    };

    it('are answered without the router, GET and HEAD', async () => {
      const surface = await start();
      surface.stage.hit = hit;

      const get = await ask(surface, '/api/images?hit');
      const head = await ask(surface, '/api/images?hit', { method: 'HEAD' });

      expect(get.text).toBe('picture');
      expect(get.headers.get('etag')).toBe('"abc"');
      expect(get.headers.get('date')).not.toBeNull();
      expect(get.headers.get('x-request-id')).toBeNull();
      expect(head.status).toBe(200);
      expect(head.headers.get('content-length')).toBe('7');
      expect(head.text).toBe('');
    });

    it.each(['"abc"', 'W/"abc"', '*', '"x", "abc"', '"a,b", W/"abc"'])(
      'answer If-None-Match %s with 304',
      async (tags) => {
        const surface = await start();
        surface.stage.hit = hit;

        const answer = await ask(surface, '/api/images?hit', { headers: { 'If-None-Match': tags } });

        expect(answer.status).toBe(304);
        expect(answer.headers.get('etag')).toBe('"abc"');
      },
    );

    it.each([
      ['a range', { Range: 'bytes=0-1' }, 'normal'],
      ['If-Match', { 'If-Match': '"x"' }, 'normal'],
    ] as const)('leave %s to the full path', async (_what, headers, level) => {
      const surface = await start();
      surface.stage.hit = hit;
      surface.stage.level = level;

      const answer = await ask(surface, '/api/images?hit', { headers });

      expect(answer.problem).toEqual({ ok: true });
    });

    it('are refused like everything else at critical memory', async () => {
      const surface = await start();
      surface.stage.hit = hit;
      surface.stage.level = 'critical';

      expectProblem(await ask(surface, '/api/images?hit'), 503, 'memory-pressure');
    });
  });

  describe('tokens', () => {
    const bearer = (token: string): RequestInit => ({
      method: 'DELETE',
      headers: { Authorization: `Bearer ${token}` },
    });

    it('are not asked for when none is set', async () => {
      const surface = await start();

      expect((await ask(surface, '/api/images/abc', { method: 'DELETE' })).status).toBe(200);
    });

    it('guard uploads and deletes, not reads', async () => {
      const surface = await start({ API_TOKENS: `${TOKEN},another-token-of-length` });

      const missing = await ask(surface, '/api/images/abc', { method: 'DELETE' });
      const wrong = await ask(surface, '/api/images/abc', bearer('a-token-that-is-long-enougH'));
      const upload = await ask(surface, '/api/images', { method: 'POST', body: 'x' });

      expectProblem(missing, 401, 'missing-token');
      expect(missing.headers.get('www-authenticate')).toMatch(/^Bearer/);
      expectProblem(wrong, 403, 'invalid-token');
      expectProblem(upload, 401, 'missing-token');
      expect((await ask(surface, '/api/images/abc', bearer(TOKEN))).status).toBe(200);
      expect((await ask(surface, '/api/images/abc', bearer('another-token-of-length'))).status).toBe(200);
      expect((await ask(surface, '/api/images/abc')).status).toBe(200);
    });

    it.each(['/API/IMAGES/abc', '/api/images/abc/', '/api/images/abc#x', 'http://localhost/api/images/abc'])(
      'are asked for under the spelling %s too',
      async (target) => {
        const surface = await start({ API_TOKENS: TOKEN });

        const answer = await raw(surface.port, rawGet(target).replace('GET', 'DELETE'));

        expect(answer).toMatch(/^HTTP\/1\.1 401 /);
      },
    );
  });

  describe('signatures', () => {
    const keys = { IMAGE_URL_SIGNING_KEY: `${KEY},${OLD_KEY}` };
    const inAnHour = (): number => Math.floor(Date.now() / 1_000) + 3_600;

    it('open image reads, made with either key', async () => {
      const surface = await start(keys);
      const path = '/api/images?url=https%3A%2F%2Fexample.org%2Fa.jpg&w=10';

      expect((await ask(surface, signUrl(path, KEY))).status).toBe(200);
      expect((await ask(surface, signUrl(path, OLD_KEY, { expiresAtSeconds: inAnHour() }))).status).toBe(200);
      expect((await ask(surface, signUrl('/api/images/metadata', KEY), { method: 'HEAD' })).status).toBe(200);
    });

    it('do not depend on the order of parameters', async () => {
      const surface = await start(keys);
      const [path, sig] = signUrl('/api/images?w=10&h=20', KEY).split('&sig=');

      expect((await ask(surface, `${path?.replace('w=10&h=20', `h=20&sig=${sig}&w=10`)}`)).status).toBe(200);
    });

    it('are demanded', async () => {
      const surface = await start(keys);

      expectProblem(await ask(surface, '/api/images?w=10'), 401, 'missing-signature');
      expectProblem(await ask(surface, '/api/images/abc'), 401, 'missing-signature');
    });

    it('fit one path, one query and one key', async () => {
      const surface = await start(keys);
      const signed = signUrl('/api/images?w=10', KEY, { expiresAtSeconds: inAnHour() });

      expectProblem(await ask(surface, signed.replace('w=10', 'w=11')), 403, 'invalid-signature');
      expectProblem(await ask(surface, `${signed}&h=5`), 403, 'invalid-signature');
      expectProblem(await ask(surface, `${signed}&sig=abc`), 403, 'invalid-signature');
      expectProblem(
        await ask(surface, signed.replace(/exp=\d+/, 'exp=99999999999')),
        403,
        'invalid-signature',
      );
      expectProblem(await ask(surface, signed.replace(/exp=\d+&/, '')), 403, 'invalid-signature');
      expectProblem(
        await ask(surface, signed.replace('/api/images?', '/api/images/metadata?')),
        403,
        'invalid-signature',
      );
      expectProblem(
        await ask(surface, signUrl('/api/images?w=10', 'a-key-that-is-unknown')),
        403,
        'invalid-signature',
      );
      expectProblem(await ask(surface, '/api/images?w=10&sig='), 403, 'invalid-signature');
    });

    it('end at their expiry', async () => {
      const surface = await start(keys);
      const past = Math.floor(Date.now() / 1_000) - 1;

      const answer = await ask(surface, signUrl('/api/images?w=10', KEY, { expiresAtSeconds: past }));

      expectProblem(answer, 403, 'expired-signature');
    });
  });

  describe('throttling', () => {
    it('refuses a client over its share with the seconds to wait', async () => {
      const surface = await start({ THROTTLE_PER_MINUTE: '2' });
      await ask(surface, '/api/images');
      await ask(surface, '/api/images');

      const answer = await ask(surface, '/api/images');

      expectProblem(answer, 429, 'too-many-requests');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    });

    it('tells clients apart by the trusted proxy only', async () => {
      const trusting = await start({ THROTTLE_PER_MINUTE: '1', TRUST_PROXY: '1' });
      const wary = await start({ THROTTLE_PER_MINUTE: '1' });
      const as = (address: string): RequestInit => ({ headers: { 'X-Forwarded-For': address } });

      await ask(trusting, '/api/images', as('192.0.2.1'));
      await ask(wary, '/api/images', as('192.0.2.1'));

      expect((await ask(trusting, '/api/images', as('192.0.2.2'))).status).toBe(200);
      expect((await ask(trusting, '/api/images', as('192.0.2.1'))).status).toBe(429);
      expect((await ask(trusting, '/api/images', as('203.0.113.9, 192.0.2.2'))).status).toBe(429);
      expect((await ask(wary, '/api/images', as('192.0.2.2'))).status).toBe(429);
    });

    it('is off with THROTTLE=off', async () => {
      const surface = await start({ THROTTLE_PER_MINUTE: '1', THROTTLE: 'off' });
      await ask(surface, '/api/images');

      expect((await ask(surface, '/api/images')).status).toBe(200);
    });
  });

  describe('closing', () => {
    it('finishes what runs and closes idle connections', async () => {
      const surface = await start();
      let finish = (): void => undefined;
      const entered = new Promise<void>((resolve) => {
        surface.stage.next = () =>
          new Promise<void>((done) => {
            finish = done;
            resolve();
          });
      });
      const socket = connect(surface.port, '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      const running = ask(surface, '/api/images');
      await entered;

      const closed = surface.app.close();
      const kept = new Promise((resolve) => socket.once('close', resolve));
      finish();
      await kept;

      expect((await running).status).toBe(200);
      expect(text).toBe('');
      await closed;
      await expect(fetch(`${surface.url}/livez`)).rejects.toThrow(/failed/);
    });

    it('answers 503 shutting-down and closes when a second request follows on the busy connection', async () => {
      const surface = await start();
      let finish = (): void => undefined;
      const entered = new Promise<void>((resolve) => {
        surface.stage.next = () =>
          new Promise<void>((done) => {
            finish = done;
            resolve();
          });
      });
      const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
      const socket = connect(surface.port, '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      const ended = new Promise((resolve) => socket.once('close', resolve));
      socket.write(get('/api/images?running'));
      await entered;

      surface.app.get(DrainState, { strict: false }).begin();
      socket.write(get('/api/images?late'));
      await new Promise((resolve) => setImmediate(resolve));
      finish();
      await ended;

      expect(text).toMatch(/^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 503 [\s\S]*"code":"shutting-down"/);
      expect(text).toMatch(/Connection: close/i);
    });

    it('cuts what still runs at the deadline', async () => {
      const surface = await start({ SHUTDOWN_TIMEOUT_MS: '0' });
      const entered = new Promise<void>((resolve) => {
        surface.stage.next = (_request, response) => {
          resolve();
          return new Promise((done) => response.once('close', done));
        };
      });
      const running = ask(surface, '/api/images');
      const failed = expect(running).rejects.toThrow(/failed/);
      await entered;

      await surface.app.close();

      await failed;
    });
  });

  describe('the route table', () => {
    it('lists every registered route as shed or exempt, open or guarded', async () => {
      const surface = await start();
      const listed = new Set(ROUTE_POLICIES.map(({ method, path }) => `${method} ${path}`));

      const registered = registeredRoutes(surface.app.getHttpAdapter().getInstance());

      expect(registered.length).toBeGreaterThan(8);
      expect(
        registered.map(({ method, pattern }) => `${method} ${pattern}`).filter((name) => !listed.has(name)),
      ).toEqual([]);
    });

    it('stops the start when a route is missing from it', async () => {
      const settings = loadSettings({}, MACHINE);
      const stage: Stage = { level: 'normal', next: () => undefined, hit: null };

      @Controller('undecided')
      class Undecided {
        @Get()
        read(): void {}
      }
      @Module({ imports: [surfaceModule(settings, stage)], controllers: [Undecided] })
      class Root {}
      const logger = await createLogger(settings, { write: () => undefined });

      await expect(createApp(Root, settings, logger)).rejects.toThrow('GET /api/undecided');
    });
  });

  describe('the description', () => {
    it('is OpenAPI, built on request, with our tables in it', async () => {
      const surface = await start();

      const answer = await ask(surface, '/api/docs-json');

      expect(answer.status).toBe(200);
      expect(answer.problem).toMatchObject({
        openapi: '3.1.0',
        paths: {
          '/api/images': {
            post: { summary: expect.stringMatching(/^Uploads/), security: [{ bearer: [] }, {}] },
          },
          '/api/images/{id}': {
            get: { responses: { default: { content: { 'application/problem+json': {} } } } },
          },
        },
      });
    });

    it('is a page whose files all come from here, under a policy that says so', async () => {
      const surface = await start();

      const page = await ask(surface, '/api/docs');
      const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');

      expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
      expect(files).toHaveLength(3);
      for (const file of files) {
        const answer = await ask(surface, file);
        expect({ file, status: answer.status, empty: answer.text === '' }).toEqual({
          file,
          status: 200,
          empty: false,
        });
      }
      expectProblem(await ask(surface, '/api/docs/assets/package.json'), 404, 'route-not-found');
    });

    it('explains every problem where its type points to', async () => {
      const surface = await start();

      expect((await ask(surface, '/api/docs/problems')).text).toContain('id="memory-pressure"');
    });
  });

  describe('the log', () => {
    it('has one line a request, without query or headers', async () => {
      const surface = await start();

      await ask(surface, '/api/images?url=https%3A%2F%2Fa%2F&sig=secret', {
        headers: { Authorization: 'Bearer secret' },
      });
      await surface.app.close();

      const lines = surface.logged.filter((line) => line['msg'] === 'request');
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatchObject({ level: 'info', method: 'GET', path: '/api/images', status: 200 });
      expect(JSON.stringify(surface.logged)).not.toContain('secret');
    });

    it('names memory hits at debug only', async () => {
      const quiet = await start();
      const loud = await start({ LOG_LEVEL: 'debug' });
      for (const surface of [quiet, loud]) {
        surface.stage.hit = {
          headers: ['Content-Length', '1'],
          notModifiedHeaders: [],
          etag: '"a"',
          body: Buffer.from('x'),
        };
        await ask(surface, '/api/images?hit');
      }

      expect(quiet.logged.filter((line) => line['msg'] === 'memory hit')).toHaveLength(0);
      expect(loud.logged.filter((line) => line['msg'] === 'memory hit')).toHaveLength(1);
    });
  });

  it('sends security headers with every answer of the full path', async () => {
    const surface = await start();

    const { headers } = await ask(surface, '/api/images');

    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('etag')).toBeNull();
  });
});
