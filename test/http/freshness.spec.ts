import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { AsyncOperationsMonitor } from '../../src/async-ops/index.js';
import { OBJECT_STORE, type ObjectStore } from '../../src/object-storage/index.js';
import { ServerCache } from '../../src/server-cache/index.js';
import { OriginServer } from '../support/origin-server.js';
import { noise } from '../support/pictures.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** One resource of the origin, to be changed while the test runs. */
interface Page {
  bytes: Buffer;
  etag?: string;
  cacheControl?: string;
  /** Answered instead of the picture. */
  failure?: number;
  /** Called before each answer. */
  asked?: () => void;
  /** How often the bytes were sent. */
  bodies: number;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
  readonly cacheStatus: string | null;
  readonly maxAge: number;
  readonly code: string | undefined;
}

const colour = (background: string): Promise<Buffer> =>
  sharp({ create: { width: 400, height: 300, channels: 3, background } })
    .png()
    .toBuffer();

const FRESH = 'plimsoll; hit; detail=memory';
const STALE = 'plimsoll; hit; detail=memory; fwd=stale';
const MADE = 'plimsoll; fwd=uri-miss; stored';
const SHORT = 'public, max-age=5';

describe('freshness', () => {
  let origin: OriginServer;
  let app: TestApp;
  let red: Buffer;
  let blue: Buffer;

  beforeAll(async () => {
    [red, blue] = await Promise.all([colour('#e01010'), colour('#1010e0')]);
    origin = await new OriginServer().start();
    app = await startTestApp(
      {
        FETCH_ALLOWED_HOSTS: origin.host,
        CACHE_STALE_TTL_MS: '2h',
        CACHE_MIN_TTL_MS: '60s',
        NEGATIVE_CACHE_TTL_MS: '10s',
      },
      { injectMemory: true },
    );
    await app.injectPercent(50);
  });

  afterEach(async () => {
    await app.settle();
    await app.expectNothingLeft();
  });

  afterAll(async () => {
    await app.close();
    await origin.close();
  });

  const publish = (path: string, page: Omit<Page, 'bodies'>): Page => {
    const published: Page = { ...page, bodies: 0 };
    origin.route(path, (request, response) => {
      published.asked?.();
      const { etag, cacheControl, failure, bytes } = published;
      const headers = {
        ...(etag === undefined ? {} : { etag }),
        ...(cacheControl === undefined ? {} : { 'cache-control': cacheControl }),
      };
      if (failure !== undefined) {
        response.writeHead(failure).end();
      } else if (etag !== undefined && request.headers['if-none-match'] === etag) {
        response.writeHead(304, headers).end();
      } else {
        published.bodies += 1;
        response.writeHead(200, { ...headers, 'content-length': String(bytes.length) }).end(bytes);
      }
    });
    return published;
  };

  const ask = async (path: string, width = 40, headers: Record<string, string> = {}): Promise<Answer> => {
    const query = new URLSearchParams({ url: origin.url(path), w: String(width), format: 'png' });
    const response = await fetch(`${app.url}/api/images?${query}`, { headers });
    const body = Buffer.from(await response.arrayBuffer());
    const isProblem = response.headers.get('content-type')?.includes('problem+json') === true;
    return {
      status: response.status,
      headers: response.headers,
      body,
      cacheStatus: response.headers.get('cache-status'),
      maxAge: Number(/max-age=(\d+)/.exec(response.headers.get('cache-control') ?? '')?.[1]),
      code: isProblem ? (JSON.parse(body.toString()) as { code: string }).code : undefined,
    };
  };

  /** The answer, once all work behind it has ended. */
  const askAndSettle = async (...args: Parameters<typeof ask>): Promise<Answer> => {
    const answer = await ask(...args);
    await app.settle();
    return answer;
  };

  const isRed = async ({ body }: Answer): Promise<boolean> => {
    const [r = 0, , b = 0] = await sharp(body).removeAlpha().raw().toBuffer();
    return r > b;
  };

  describe('while the origin says so', () => {
    it('answers from memory until max-age has passed, and tells clients what is left of it', async () => {
      publish('/max-age', { bytes: red, cacheControl: 'max-age=120' });

      const made = await ask('/max-age');
      app.skip(60 * SECOND_MS);
      const halfway = await ask('/max-age');
      app.skip(55 * SECOND_MS);
      const late = await ask('/max-age');

      expect([made, halfway, late].map(({ cacheStatus }) => cacheStatus)).toEqual([MADE, FRESH, FRESH]);
      expect(made.maxAge).toBeGreaterThan(115);
      expect(halfway.maxAge).toBeLessThanOrEqual(60);
      expect(halfway.maxAge).toBeGreaterThan(50);
      expect(late.maxAge).toBeLessThanOrEqual(5);
      expect(origin.requests('/max-age')).toBe(1);
    });

    it('makes a new size from the original that it has, with what is left of its freshness', async () => {
      publish('/sizes', { bytes: red, cacheControl: 'max-age=600' });

      await ask('/sizes', 40);
      app.skip(400 * SECOND_MS);
      const other = await ask('/sizes', 50);

      expect(other.cacheStatus).toBe(MADE);
      expect(other.maxAge).toBeLessThanOrEqual(200);
      expect(origin.requests('/sizes')).toBe(1);
    });

    it('raises no-store to CACHE_MIN_TTL_MS, and asks again after it', async () => {
      const page = publish('/no-store', { bytes: red, cacheControl: 'no-store' });

      const made = await ask('/no-store');
      app.skip(55 * SECOND_MS);
      const within = await ask('/no-store');
      app.skip(10 * SECOND_MS);
      const after = await askAndSettle('/no-store');

      expect(made.maxAge).toBeLessThanOrEqual(60);
      expect(made.maxAge).toBeGreaterThan(55);
      expect(within.cacheStatus).toBe(FRESH);
      expect(after.cacheStatus).toBe(STALE);
      expect(page.bodies).toBe(2);
    });
  });

  describe('when it has run out', () => {
    it('answers stale at once, and a 304 makes all sizes in memory fresh again without a second body', async () => {
      const page = publish('/confirmed', { bytes: red, etag: '"r"', cacheControl: 'max-age=120' });
      const [small, large] = [await ask('/confirmed', 40), await ask('/confirmed', 80)];

      app.skip(121 * SECOND_MS);
      const stale = await askAndSettle('/confirmed', 40);
      const again = await ask('/confirmed', 40);
      const other = await ask('/confirmed', 80);

      expect(stale.cacheStatus).toBe(STALE);
      expect(stale.headers.get('cache-control')).toBe(SHORT);
      expect(stale.body.equals(small.body)).toBe(true);
      expect([again.cacheStatus, other.cacheStatus]).toEqual([FRESH, FRESH]);
      expect([again.body.equals(small.body), other.body.equals(large.body)]).toEqual([true, true]);
      expect(again.maxAge).toBeGreaterThan(110);
      expect(origin.lastHeaders.get('/confirmed')).toMatchObject({ 'if-none-match': '"r"' });
      expect(origin.requests('/confirmed')).toBe(2);
      expect(page.bodies).toBe(1);
    });

    it('asks the origin once however many come meanwhile', async () => {
      publish('/crowd', { bytes: red, etag: '"r"', cacheControl: 'max-age=120' });
      await ask('/crowd');

      app.skip(121 * SECOND_MS);
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask('/crowd')));
      await app.settle();

      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
      expect(origin.requests('/crowd')).toBe(2);
    });

    it('makes new variants of changed bytes and never serves the old ones again', async () => {
      const page = publish('/changed', { bytes: red, etag: '"r"', cacheControl: 'max-age=120' });
      await ask('/changed', 40);
      await ask('/changed', 80);

      Object.assign(page, { bytes: blue, etag: '"b"' });
      app.skip(121 * SECOND_MS);
      const stale = await askAndSettle('/changed', 40);
      const renewed = await ask('/changed', 40);
      const renewedOther = await ask('/changed', 80);
      app.skip(121 * SECOND_MS);
      const confirmed = await askAndSettle('/changed', 40);

      expect([stale.cacheStatus, await isRed(stale)]).toEqual([STALE, true]);
      expect([renewed.cacheStatus, await isRed(renewed)]).toEqual([MADE, false]);
      expect([renewedOther.cacheStatus, await isRed(renewedOther)]).toEqual([MADE, false]);
      expect([confirmed.cacheStatus, await isRed(confirmed)]).toEqual([STALE, false]);
    });

    it('never serves the old ones again even when the metadata cache was emptied meanwhile', async () => {
      const serverCache = app.app.get(ServerCache, { strict: false });
      const page = publish('/forgotten', { bytes: red, etag: '"r"', cacheControl: 'max-age=120' });
      await ask('/forgotten', 40);
      await ask('/forgotten', 80);

      Object.assign(page, { bytes: blue, etag: '"b"', asked: () => void serverCache.clear() });
      app.skip(121 * SECOND_MS);
      await askAndSettle('/forgotten', 40);
      await ask('/forgotten', 40);
      app.skip(121 * SECOND_MS);
      await askAndSettle('/forgotten', 40);
      const other = await ask('/forgotten', 80);

      expect(await isRed(other)).toBe(false);
    });

    it('tells a client by its tag whether it has the same bytes, before, during and after', async () => {
      const page = publish('/tagged', { bytes: red, etag: '"r"', cacheControl: 'max-age=120' });
      const tag = (await ask('/tagged')).headers.get('etag') ?? '';
      const conditional = { 'if-none-match': tag };

      const before = await ask('/tagged', 40, conditional);
      app.skip(121 * SECOND_MS);
      const during = await askAndSettle('/tagged', 40, conditional);
      const after = await ask('/tagged', 40, conditional);
      Object.assign(page, { bytes: blue, etag: '"b"' });
      app.skip(121 * SECOND_MS);
      await askAndSettle('/tagged', 40, conditional);
      const changed = await ask('/tagged', 40, conditional);

      expect([before, during, after].map(({ status }) => status)).toEqual([304, 304, 304]);
      expect(during.headers.get('cache-control')).toBe(SHORT);
      expect(after.maxAge).toBeGreaterThan(110);
      expect(changed.status).toBe(200);
      expect(changed.headers.get('etag')).not.toBe(tag);
    });
  });

  describe('when the origin is down', () => {
    it('answers stale for a while, without asking each time, and comes back with it', async () => {
      const page = publish('/down', { bytes: red, etag: '"r"', cacheControl: 'max-age=120' });
      await ask('/down');

      page.failure = 500;
      app.skip(HOUR_MS);
      const first = await askAndSettle('/down');
      const second = await askAndSettle('/down');
      const otherSize = await ask('/down', 60);
      const askedWhileDown = origin.requests('/down');
      delete page.failure;
      app.skip(11 * SECOND_MS);
      await askAndSettle('/down');
      const back = await ask('/down');

      for (const answer of [first, second]) {
        expect(answer.cacheStatus).toBe(STALE);
        expect(answer.headers.get('cache-control')).toBe(SHORT);
      }
      expect(otherSize.status).toBe(200);
      expect(otherSize.headers.get('cache-control')).toBe(SHORT);
      expect(askedWhileDown).toBe(2);
      expect(back.cacheStatus).toBe(FRESH);
    });

    it('says so when what it has is older than CACHE_STALE_TTL_MS allows', async () => {
      const page = publish('/long-down', { bytes: red, etag: '"r"', cacheControl: 'max-age=120' });
      await ask('/long-down');

      page.failure = 500;
      app.skip(3 * HOUR_MS);
      const late = await ask('/long-down');
      delete page.failure;
      app.skip(11 * SECOND_MS);
      const back = await ask('/long-down');

      expect([late.status, late.code]).toEqual([502, 'origin-error']);
      expect(back.status).toBe(200);
      expect(page.bodies).toBe(1);
    });
  });

  describe.each([
    [404, 'origin-not-found'],
    [410, 'origin-gone'],
  ])('when the origin says %i', (status, code) => {
    it('forgets the source and its variants, and passes the answer on', async () => {
      const path = `/gone-${status}`;
      const page = publish(path, { bytes: red, etag: '"r"', cacheControl: 'max-age=120' });
      await ask(path, 40);
      await ask(path, 80);
      const inMemory = app.cachedImages();

      page.failure = status;
      app.skip(121 * SECOND_MS);
      const stale = await askAndSettle(path, 40);
      const gone = await ask(path, 40);
      const other = await ask(path, 80);

      expect(stale.cacheStatus).toBe(STALE);
      for (const answer of [gone, other]) {
        expect([answer.status, answer.code]).toEqual([status, code]);
        expect(answer.maxAge).toBeLessThanOrEqual(10);
      }
      expect(app.cachedImages()).toBe(inMemory - 2);

      delete page.failure;
      Object.assign(page, { bytes: blue, etag: '"b"' });
      app.skip(11 * SECOND_MS);
      const back = await ask(path, 40);
      expect([back.cacheStatus, await isRed(back)]).toEqual([MADE, false]);
    });

    it('passes it on at once when there is nothing stale to serve', async () => {
      const path = `/long-gone-${status}`;
      const page = publish(path, { bytes: red, cacheControl: 'max-age=120' });
      await ask(path);

      page.failure = status;
      app.skip(3 * HOUR_MS);
      const gone = await ask(path);

      expect([gone.status, gone.code]).toEqual([status, code]);
    });
  });

  describe('the negative cache', () => {
    it.each([
      [404, 404],
      [500, 502],
      [403, 502],
    ])('asks an origin that says %i not again within NEGATIVE_CACHE_TTL_MS', async (failure, status) => {
      const path = `/fails-${failure}`;
      const page = publish(path, { bytes: red, failure });

      const first = await ask(path);
      app.skip(5 * SECOND_MS);
      const within = await ask(path);
      const askedWithin = origin.requests(path);
      app.skip(6 * SECOND_MS);
      const after = await ask(path);
      delete page.failure;
      app.skip(11 * SECOND_MS);
      const repaired = await ask(path);

      expect([first, within, after].map((answer) => answer.status)).toEqual([status, status, status]);
      expect(askedWithin).toBe(1);
      expect(repaired.status).toBe(200);
      expect(origin.requests(path)).toBe(3);
    });

    it('remembers bytes that do not decode just as long', async () => {
      const page = publish('/garbage', {
        bytes: red.subarray(0, red.length / 2),
        cacheControl: 'max-age=600',
      });

      const first = await ask('/garbage');
      const second = await ask('/garbage');
      const asked = origin.requests('/garbage');
      page.bytes = blue;
      app.skip(11 * SECOND_MS);
      const repaired = await ask('/garbage');

      expect([first, second].map((answer) => [answer.status, answer.code])).toEqual([
        [422, 'undecodable-image'],
        [422, 'undecodable-image'],
      ]);
      expect(asked).toBe(1);
      expect(repaired.status).toBe(200);
    });

    it('never remembers that memory was short', async () => {
      publish('/pressed', { bytes: red });
      publish('/pressed-known', { bytes: red });
      await ask('/pressed-known', 40);

      await app.injectPercent(83);
      const cold = await ask('/pressed');
      const known = await ask('/pressed-known', 300);
      const placeholder = await fetch(
        `${app.url}/api/images/placeholder?${new URLSearchParams({ url: origin.url('/pressed-known') })}`,
      );
      await placeholder.arrayBuffer();
      await app.injectPercent(50, { holdMs: 40_000 });
      const coldAfter = await ask('/pressed');
      const knownAfter = await ask('/pressed-known', 300);

      for (const answer of [cold, known]) {
        expect([answer.status, answer.code]).toEqual([503, 'memory-pressure']);
        expect(answer.headers.get('cache-control')).toBe('no-store');
      }
      expect(placeholder.status).toBe(503);
      expect(app.level()).toBe('normal');
      expect([coldAfter.status, knownAfter.status]).toEqual([200, 200]);
    });
  });

  it('does not bring an upload back whose variant was in work when it was deleted', async () => {
    const operations = app.app.get(AsyncOperationsMonitor, { strict: false });
    const store = app.app.get<ObjectStore>(OBJECT_STORE, { strict: false });
    const created = await fetch(`${app.url}/api/images`, {
      method: 'POST',
      body: new Uint8Array(await noise(1_600, 1_200)),
      headers: { 'content-type': 'image/jpeg' },
    });
    const { id } = (await created.json()) as { id: string };
    const target = `${app.url}/api/images/${id}?w=1400&format=avif`;
    const isInWork = (): boolean =>
      operations.list({ state: 'running' }).some(({ name }) => name === 'image.transform');

    const inWork = fetch(target);
    while (!isInWork()) await new Promise((resolve) => setTimeout(resolve, 1));
    const deleted = await fetch(`${app.url}/api/images/${id}`, { method: 'DELETE' });
    const wasInWork = isInWork();
    const last = await inWork;
    await last.arrayBuffer();
    const after = await fetch(target);
    await after.arrayBuffer();
    await app.settle();

    expect([deleted.status, wasInWork, last.status]).toEqual([204, true, 200]);
    expect(after.status).toBe(404);
    const variants: string[] = [];
    for await (const { attributes } of store.list('variants/'))
      variants.push(String(attributes['sourceKey']));
    expect(variants).not.toContain(`uploads/${id}`);
  });
});
