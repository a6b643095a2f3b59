import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { drawn, GLOBES, LOGOS } from '../../src/bookmarks/icons/drawn-icons.fixture.js';
import { icoFile } from '../../src/bookmarks/icons/ico-file.fixture.js';
import { OBJECT_STORE, type ObjectStore } from '../../src/object-storage/index.js';
import { OriginServer } from '../support/origin-server.js';
import { blank } from '../support/pictures.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const HTML = { 'content-type': 'text/html; charset=utf-8' };

const page = (head: string): string =>
  `<!doctype html><html><head><title>Site</title>${head}</head><body>text</body></html>`;

const logo = (name: string): string => LOGOS[name] as string;

/** The facts that `delivery=json` tells of an icon. */
interface IconFacts {
  readonly domain: string;
  readonly from: string;
  readonly iconUrl: string | null;
  readonly width: number;
  readonly height: number;
}

describe('GET /api/icons/:domain', () => {
  const origins: OriginServer[] = [];
  let app: TestApp;
  let site: Record<
    'rich' | 'ico' | 'globe' | 'blank' | 'bare' | 'html' | 'dark' | 'silent' | 'late' | 'crowd' | 'lost',
    OriginServer
  >;

  const origin = async (): Promise<OriginServer> => {
    const started = await new OriginServer().start();
    origins.push(started);
    return started;
  };

  const ask = (target: OriginServer | string, query = '', init: RequestInit = {}): Promise<Response> => {
    const domain = typeof target === 'string' ? target : target.host;
    return fetch(`${app.url}/api/icons/${encodeURIComponent(domain)}${query}`, init);
  };

  const facts = async (target: OriginServer | string): Promise<IconFacts> =>
    (await (await ask(target, '?delivery=json')).json()) as IconFacts;

  const pixels = async (response: Response): Promise<Buffer> =>
    sharp(Buffer.from(await response.arrayBuffer()))
      .ensureAlpha()
      .resize(16, 16, { fit: 'fill' })
      .raw()
      .toBuffer();

  beforeAll(async () => {
    site = {
      rich: await origin(),
      ico: await origin(),
      globe: await origin(),
      blank: await origin(),
      bare: await origin(),
      html: await origin(),
      dark: await origin(),
      silent: await origin(),
      late: await origin(),
      crowd: await origin(),
      lost: await origin(),
    };
    const tile = logo('letter A on a tile');
    site.rich
      .serve(
        '/',
        page(
          '<link rel="icon" href="/small.png" sizes="32x32"><link rel="manifest" href="/app/site.webmanifest">' +
            '<link rel="apple-touch-icon" href="/touch.png">',
        ),
        HTML,
      )
      .serve(
        '/app/site.webmanifest',
        JSON.stringify({
          icons: [
            { src: 'mono.png', sizes: '512x512', purpose: 'monochrome' },
            { src: 'large.png', sizes: '192x192', purpose: 'any' },
          ],
        }),
        { 'content-type': 'application/manifest+json' },
      )
      .serve('/app/large.png', await drawn(tile, 192), { 'content-type': 'image/png' });
    site.ico.serve('/', page('<link rel="shortcut icon" href="/favicon.ico">'), HTML).serve(
      '/favicon.ico',
      await icoFile([
        { drawing: logo('four squares'), side: 16, as: 'bitmap' },
        { drawing: logo('four squares'), side: 48, as: 'bitmap' },
      ]),
      { 'content-type': 'image/x-icon' },
    );
    site.globe
      .serve(
        '/',
        page(
          '<link rel="icon" href="/globe.png" sizes="180x180"><link rel="icon" href="/own.png" sizes="32x32">',
        ),
        HTML,
      )
      .serve('/globe.png', await drawn(Object.values(GLOBES)[0] as string, 180), {
        'content-type': 'image/png',
      })
      .serve('/own.png', await drawn(logo('letter Y, thin'), 32), { 'content-type': 'image/png' });
    site.blank
      .serve('/', page('<link rel="icon" href="/blank.png" sizes="64x64">'), HTML)
      .serve('/blank.png', await blank(64, 64), { 'content-type': 'image/png' });
    site.bare.serve('/', page(''), HTML);
    site.html
      .serve('/', page('<link rel="icon" href="/icon.png" sizes="128x128">'), HTML)
      .serve('/icon.png', page('not an icon'), { 'content-type': 'image/png' })
      .serve('/apple-touch-icon.png', await drawn(logo('play button'), 120), { 'content-type': 'image/png' });
    site.dark
      .serve('/', page('<link rel="icon" href="/mark.png" sizes="128x128">'), HTML)
      .serve('/mark.png', await drawn(logo('letter M, transparent'), 128), { 'content-type': 'image/png' });
    site.silent.reset('/');
    site.late.serve('/', page(''), HTML);
    for (const target of [site.crowd, site.lost]) {
      target
        .serve('/', page('<link rel="icon" href="/i.png" sizes="64x64">'), HTML)
        .serve('/i.png', await drawn(logo('compass'), 64), { 'content-type': 'image/png' });
    }
    app = await startTestApp({
      FETCH_ALLOWED_HOSTS: origins.map(({ host }) => host).join(','),
      NEGATIVE_CACHE_TTL_MS: '60s',
      API_TOKENS: 'token-of-the-test',
    });
  });

  afterAll(async () => {
    await app.close();
    for (const started of origins) await started.close();
  });

  it('takes the icon of the web app manifest before smaller ones, and transforms it', async () => {
    const response = await ask(site.rich, '?w=64&format=webp');
    const body = Buffer.from(await response.arrayBuffer());

    expect(response.status).toBe(200);
    expect(await sharp(body).metadata()).toMatchObject({ format: 'webp', width: 64, height: 64 });
    expect(response.headers.get('cache-status')).toBe('plimsoll; fwd=uri-miss; stored');
    expect(response.headers.get('cache-control')).toMatch(
      /^public, max-age=(?:86400|863\d\d), stale-while-revalidate=/,
    );
    expect(response.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-security-policy')).toContain('sandbox');
    expect(await facts(site.rich)).toMatchObject({
      domain: site.rich.host,
      from: 'manifest',
      iconUrl: site.rich.url('/app/large.png'),
      width: 192,
    });
    expect(site.rich.requests('/app/mono.png')).toBe(0);
    expect(site.rich.requests('/small.png')).toBe(0);
  });

  it('answers the second time from memory, and 304 to its tag', async () => {
    await (await ask(site.rich, '?w=48&format=png')).arrayBuffer();
    const second = await ask(site.rich, '?w=48&format=png');
    const third = await ask(site.rich, '?w=48&format=png', {
      headers: { 'if-none-match': second.headers.get('etag') ?? '' },
    });

    expect(second.headers.get('cache-status')).toBe('plimsoll; hit; detail=memory');
    expect((await second.arrayBuffer()).byteLength).toBeGreaterThan(100);
    expect(third.status).toBe(304);
    expect(site.rich.requests('/')).toBe(1);
    expect(site.rich.requests('/app/large.png')).toBe(1);
  });

  it('looks inside an icon file and takes its largest picture', async () => {
    expect(await facts(site.ico)).toMatchObject({
      from: 'ico',
      iconUrl: site.ico.url('/favicon.ico'),
      width: 48,
      height: 48,
    });
    const found = await pixels(await ask(site.ico, '?format=png'));
    const expected = await sharp(await drawn(logo('four squares'), 48))
      .resize(16, 16, { fit: 'fill' })
      .raw()
      .toBuffer();
    expect(Math.max(...found.map((value, at) => Math.abs(value - (expected[at] ?? 0))))).toBeLessThan(40);
  });

  it('passes over a generic globe for the smaller icon of the site itself', async () => {
    expect(await facts(site.globe)).toMatchObject({
      from: 'icon',
      iconUrl: site.globe.url('/own.png'),
      width: 32,
    });
    expect(site.globe.requests('/globe.png')).toBe(1);
  });

  it('passes over HTML served as a picture, and finds what lies where icons often lie', async () => {
    expect(await facts(site.html)).toMatchObject({
      from: 'apple-touch-icon',
      iconUrl: site.html.url('/apple-touch-icon.png'),
    });
  });

  it('draws a letter for a site whose icon is blank, and does not ask it again', async () => {
    const response = await ask(site.blank, '?w=96&format=png');
    const again = await ask(site.blank, '?w=32&format=png');

    expect(response.status).toBe(200);
    expect(await sharp(Buffer.from(await response.arrayBuffer())).metadata()).toMatchObject({
      width: 96,
      height: 96,
    });
    expect(response.headers.get('cache-control')).toMatch(/^public, max-age=(?:3600|35\d\d)\b/);
    expect(again.status).toBe(200);
    expect((await facts(site.blank)).from).toBe('letter');
    expect(site.blank.requests('/')).toBe(1);
  });

  it('draws a letter when the site has nothing, resets the connection, or lies in a private network', async () => {
    const hosts = [site.bare, site.silent, '10.1.2.3', 'localhost', '127.0.0.1:1', '2130706433', '[::1]'];
    const answers = await Promise.all(hosts.map((host) => ask(host, '?w=64&format=png')));

    expect(answers.map(({ status }) => status)).toEqual(hosts.map(() => 200));
    for (const answer of answers) {
      expect(await sharp(Buffer.from(await answer.arrayBuffer())).metadata()).toMatchObject({
        width: 64,
        height: 64,
      });
    }
    expect((await facts('10.1.2.3')).from).toBe('letter');
    expect((await facts('2130706433')).domain).toBe('127.0.0.1');
  });

  it('inverts a dark mark for dark pages, and leaves every other icon alone', async () => {
    const [light, dark] = await Promise.all([
      ask(site.dark, '?format=png'),
      ask(site.dark, '?theme=dark&format=png'),
    ]);
    const [lightPixels, darkPixels] = [await pixels(light), await pixels(dark)];
    const seen = Array.from({ length: 256 }, (_, at) => at * 4).filter(
      (at) => (lightPixels[at + 3] ?? 0) > 250,
    );

    expect(seen.length).toBeGreaterThan(20);
    for (const at of seen) {
      expect(lightPixels[at]).toBeLessThan(60);
      expect(darkPixels[at]).toBeGreaterThan(195);
    }
    const [plain, themed] = await Promise.all([
      ask(site.rich, '?w=40&format=png'),
      ask(site.rich, '?w=40&format=png&theme=dark'),
    ]);
    expect((await pixels(plain)).equals(await pixels(themed))).toBe(true);
  });

  it('forgets on request and searches anew', async () => {
    expect((await facts(site.late)).from).toBe('letter');
    site.late
      .serve('/', page('<link rel="icon" href="/now.png" sizes="64x64">'), HTML)
      .serve('/now.png', await drawn(logo('compass'), 64), { 'content-type': 'image/png' });
    expect((await facts(site.late)).from).toBe('letter');

    const refused = await ask(site.late, '', { method: 'DELETE' });
    const forgotten = await ask(site.late, '', {
      method: 'DELETE',
      headers: { authorization: 'Bearer token-of-the-test' },
    });

    expect(refused.status).toBe(401);
    expect(forgotten.status).toBe(204);
    expect(await facts(site.late)).toMatchObject({ from: 'icon', iconUrl: site.late.url('/now.png') });
    expect(site.late.requests('/')).toBe(2);
  });

  it('refuses what is no host name, and parameters that it does not know', async () => {
    const bad = [
      'ex ample.com',
      'user@example.com',
      'example.com/path',
      'a..b',
      '-',
      '%00',
      'https://example.com',
      'a'.repeat(64),
      'x:99999',
    ];
    const answers = await Promise.all([
      ...bad.map((domain) => ask(domain)),
      ask('example.com', '?theme=blue'),
      ask('example.com', '?theme=dark&theme=light'),
      ask('example.com', '?size=3'),
      ask('example.com', '?url=http://example.com/'),
      ask('example.com', '?w=0'),
    ]);

    for (const answer of answers) {
      expect(answer.status).toBe(400);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(((await answer.json()) as { code: string }).code).toBe('invalid-parameter');
    }
  });

  it('answers HEAD as GET, without a body', async () => {
    const head = await ask(site.rich, '?w=64&format=webp', { method: 'HEAD' });

    expect(head.status).toBe(200);
    expect(head.headers.get('content-type')).toBe('image/webp');
    expect((await head.arrayBuffer()).byteLength).toBe(0);
  });

  it('finds the icon once for fifty who ask at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(site.crowd, '?w=20&format=png')));
    const bodies = await Promise.all(answers.map(async (answer) => Buffer.from(await answer.arrayBuffer())));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(bodies.every((body) => body.equals(bodies[0] as Buffer))).toBe(true);
    expect(site.crowd.requests('/')).toBe(1);
    expect(site.crowd.requests('/i.png')).toBe(1);
  });

  it('makes an icon again whose picture the store has lost', async () => {
    await (await ask(site.lost, '?w=30&format=png')).arrayBuffer();
    await app.settle();
    const store = app.app.get<ObjectStore>(OBJECT_STORE, { strict: false });
    expect(await store.delete(`originals/icons/${site.lost.host}/light`)).toBe(true);

    const other = await ask(site.lost, '?w=31&format=png');

    expect(other.status).toBe(200);
    expect(await sharp(Buffer.from(await other.arrayBuffer())).metadata()).toMatchObject({ width: 31 });
    expect(site.lost.requests('/')).toBe(2);
  });
});

describe('GET /api/icons/:domain while memory is short', () => {
  let app: TestApp;
  let known: OriginServer;
  let unknown: OriginServer;

  const ask = (target: OriginServer, query = '?w=32&format=png'): Promise<Response> =>
    fetch(`${app.url}/api/icons/${encodeURIComponent(target.host)}${query}`);

  beforeAll(async () => {
    const icon = await drawn(logo('compass'), 64);
    [known, unknown] = await Promise.all([new OriginServer().start(), new OriginServer().start()]);
    for (const origin of [known, unknown]) {
      origin
        .serve('/', page('<link rel="icon" href="/i.png" sizes="64x64">'), HTML)
        .serve('/i.png', icon, { 'content-type': 'image/png' });
    }
    app = await startTestApp(
      { FETCH_ALLOWED_HOSTS: `${known.host},${unknown.host}` },
      { injectMemory: true },
    );
    await app.injectPercent(20);
  });

  afterAll(async () => {
    await app.close();
    await known.close();
    await unknown.close();
  });

  it('serves what is in memory, refuses the rest with 503, and finds the icon once memory is back', async () => {
    expect((await ask(known)).status).toBe(200);

    await app.injectPercent(82);
    expect(app.level()).toBe('pressure');
    const hit = await ask(known);
    const refused = await ask(unknown);
    const problem = (await refused.json()) as { code: string; retryAfterSeconds: number };

    expect([hit.status, hit.headers.get('cache-status')]).toEqual([200, 'plimsoll; hit; detail=memory']);
    expect([refused.status, problem.code]).toEqual([503, 'memory-pressure']);
    expect(problem.retryAfterSeconds).toBeGreaterThanOrEqual(2);
    expect(unknown.requests()).toBe(0);

    for (let steps = 0; steps < 6; steps += 1) await app.injectPercent(20, { holdMs: 12_000 });
    expect(app.level()).toBe('normal');
    const found = await ask(unknown, '?delivery=json');
    expect(((await found.json()) as IconFacts).from).toBe('icon');
  });
});

describe('GET /api/icons/:domain where drawings are allowed and nothing may be written', () => {
  let app: TestApp;
  let origin: OriginServer;
  let dataDir: string;

  const ask = (host: string, query: string): Promise<Response> =>
    fetch(`${app.url}/api/icons/${encodeURIComponent(host)}${query}`);

  beforeAll(async () => {
    origin = await new OriginServer().start();
    origin
      .serve(
        '/',
        page('<link rel="icon" href="/i.svg" type="image/svg+xml"><link rel="icon" href="/i.png">'),
        HTML,
      )
      .serve('/i.svg', logo('sine in a ring').replace('<svg ', '<svg onload="alert(1)" '), {
        'content-type': 'image/svg+xml',
      });
    // The database of a read-only server is one that another has made.
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-icons-'));
    await (await startTestApp({}, { dataDir })).close();
    app = await startTestApp(
      { FETCH_ALLOWED_HOSTS: origin.host, IMAGE_SVG: 'on', READ_ONLY: 'on' },
      { dataDir },
    );
  });

  afterAll(async () => {
    await app.close();
    await origin.close();
    await rm(dataDir, { recursive: true });
  });

  it('draws the icon of the site at the size that is asked for, in more than one size', async () => {
    for (const w of ['40', '96', '300']) {
      const response = await ask(origin.host, `?w=${w}&format=png`);
      expect(response.status).toBe(200);
      expect(await sharp(Buffer.from(await response.arrayBuffer())).metadata()).toMatchObject({
        width: Number(w),
      });
    }
    const facts = (await (await ask(origin.host, '?delivery=json')).json()) as IconFacts;
    expect(facts).toMatchObject({ from: 'svg', iconUrl: origin.url('/i.svg') });
  });

  it('has letters all the same', async () => {
    for (const w of ['16', '128']) {
      const response = await ask('10.0.0.9', `?w=${w}&format=png`);
      expect(response.status).toBe(200);
      expect(await sharp(Buffer.from(await response.arrayBuffer())).metadata()).toMatchObject({
        width: Number(w),
      });
    }
  });
});
