import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Global, Module } from '@nestjs/common';
import { until } from '../../../test/support/fetch-harness.js';
import { leaseClassesOf } from '../../../test/support/lease-classes.js';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import { OriginServer } from '../../../test/support/origin-server.js';
import { CLIENT_QUOTA, RequestTiming, UnifiedImageService, type RequestContext } from '../../images/index.js';
import { RemoteFetchModule } from '../../remote-fetch/index.js';
import { drawn, LOGOS } from './drawn-icons.fixture.js';
import { IconBook } from './icon-book.js';
import { parseIconDomain, type IconDomain } from './icon-domain.js';
import { IconService } from './icon.service.js';
import { IconsModule } from './icons.module.js';

const HTML = { 'content-type': 'text/html' };
const PNG = { 'content-type': 'image/png' };
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let charges = 0;

@Global()
@Module({
  providers: [{ provide: CLIENT_QUOTA, useValue: { charge: () => void (charges += 1) } }],
  exports: [CLIENT_QUOTA],
})
class QuotaOfTheTest {}

describe('IconService', () => {
  let rooms: MemoryRooms;
  let origin: OriginServer;
  let icons: IconService;
  let domain: IconDomain;

  const context = (signal = new AbortController().signal): RequestContext => ({
    accept: undefined,
    clientId: 'client',
    class: 'interactive',
    signal,
  });

  const from = async (): Promise<string> => (await icons.find(domain, 'light', context())).from;

  /** Time passes for the caches and for whoever sleeps; what is in sockets goes its own way. */
  const pass = async (ms: number): Promise<void> => {
    rooms.clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };

  const serveIcon = async (name: string): Promise<void> => {
    origin
      .serve('/', '<!doctype html><head><link rel="icon" href="/i.png" sizes="64x64"></head><body>', HTML)
      .serve('/i.png', await drawn(LOGOS[name] as string, 64), PNG);
  };

  beforeEach(async () => {
    charges = 0;
    origin = await new OriginServer().start();
    rooms = await startMemoryRooms(
      { FETCH_ALLOWED_HOSTS: origin.host, NEGATIVE_CACHE_TTL_MS: '0' },
      { imports: [RemoteFetchModule, QuotaOfTheTest, IconsModule] },
    );
    icons = rooms.get(IconService);
    domain = parseIconDomain(origin.host);
  });

  afterEach(async () => {
    await until(() => rooms.tasks.snapshot().running === 0);
    const { leases, reservedBytes, zombies } = rooms.memory.metrics();
    const { running, lingering } = rooms.operations.summary();
    await rooms.close();
    await origin.close();
    expect({ leases, reservedBytes, zombies, running, lingering }).toEqual({
      leases: 0,
      reservedBytes: 0,
      zombies: 0,
      running: 0,
      lingering: 0,
    });
  });

  it('searches once for all who ask at the same time, and keeps what it found', async () => {
    await serveIcon('compass');

    const found = await Promise.all(Array.from({ length: 40 }, () => icons.find(domain, 'light', context())));

    expect(new Set(found.map((icon) => icon.from))).toEqual(new Set(['icon']));
    expect(origin.requests('/')).toBe(1);
    expect(origin.requests('/i.png')).toBe(1);
    expect(await from()).toBe('icon');
    expect(origin.requests()).toBe(2);
    expect(charges).toBe(40);
  });

  it('charges a client once for a cold icon: search and picture are one request', async () => {
    await serveIcon('compass');
    const asking = context();
    const { source, loaded } = await icons.find(domain, 'light', asking);

    await rooms.get(UnifiedImageService).get(
      {
        source,
        delivery: 'bytes',
        parameters: {
          width: 32,
          dpr: 1,
          fit: 'cover',
          position: 'center',
          format: 'png',
          flip: false,
          flop: false,
          animated: true,
          enlarge: false,
        },
      },
      asking,
      new RequestTiming(),
      loaded,
    );

    expect(charges).toBe(1);
  });

  it('does not ask a site without an icon again for an hour, then two, then four', async () => {
    origin.serve('/', '<p>nothing', HTML);
    for (const [index, hours] of [1, 2, 4].entries()) {
      expect(await from()).toBe('letter');
      await pass(hours * HOUR_MS - 1_000);
      expect(await from()).toBe('letter');
      expect(origin.requests('/')).toBe(index + 1);
      await pass(2_000);
    }

    await serveIcon('compass');
    expect(await from()).toBe('icon');
    expect(origin.requests('/')).toBe(4);
  });

  it('remembers a failure for a day at most, and begins anew after a success', async () => {
    const book = rooms.get(IconBook);
    const hours = async (): Promise<number> =>
      ((await book.fail(domain, 'origin-error', [])).until - rooms.clock.now()) / HOUR_MS;

    const terms: number[] = [];
    for (let failures = 0; failures < 8; failures += 1) terms.push(await hours());
    expect(terms).toEqual([1, 2, 4, 8, 16, 24, 24, 24]);

    await book.forget(domain);
    await serveIcon('compass');
    expect(await from()).toBe('icon');
    expect(await hours()).toBe(1);
  });

  it('gives a letter when its time is up, and keeps what the search brings afterwards', async () => {
    let answer: (() => void) | undefined;
    const icon = await drawn(LOGOS['compass'] as string, 64);
    let pageAnswer: (() => void) | undefined;
    origin.route('/', (_request, response) => {
      pageAnswer = () => {
        response.writeHead(200, HTML);
        response.end('<head><link rel="icon" href="/i.png" sizes="64x64"></head><body>');
      };
    });
    origin.route('/i.png', (_request, response) => {
      answer = () => {
        response.writeHead(200, PNG);
        response.end(icon);
      };
    });

    const asked = icons.find(domain, 'light', context());
    await until(() => pageAnswer !== undefined);
    rooms.clock.advance(5_500);
    pageAnswer?.();
    await until(() => answer !== undefined);
    rooms.clock.advance(4_600);
    const bridged = await asked;
    const now = rooms.clock.now();

    expect(bridged.from).toBe('letter');
    expect(bridged.loaded.record.freshUntil - now).toBe(60_000);
    answer?.();
    await until(() => rooms.tasks.snapshot().running === 0);
    expect(await from()).toBe('icon');
    expect(origin.requests('/i.png')).toBe(1);
  });

  it('shows an icon that is a day old while it looks for the new one', async () => {
    await serveIcon('compass');
    const first = await icons.find(domain, 'light', context());
    await pass(DAY_MS + 1_000);
    await serveIcon('play button');
    const classes = leaseClassesOf(rooms.memory);

    const stale = await icons.find(domain, 'light', context());
    await until(() => rooms.tasks.snapshot().running === 0);
    const renewed = await icons.find(domain, 'light', context());

    expect(new Set(classes)).toEqual(new Set(['background']));
    expect(stale.loaded.stale).toBe(true);
    expect(stale.loaded.record.sha256).toBe(first.loaded.record.sha256);
    expect(renewed.loaded.stale).toBe(false);
    expect(renewed.loaded.record.sha256).not.toBe(first.loaded.record.sha256);
  });

  it('keeps an icon whose site is down, but not for longer than it promised', async () => {
    await serveIcon('compass');
    const first = await icons.find(domain, 'light', context());
    origin.reset('/').status('/i.png', 404);
    await pass(DAY_MS + 1_000);
    await icons.find(domain, 'light', context());
    await until(() => rooms.tasks.snapshot().running === 0);

    const kept = await icons.find(domain, 'light', context());
    expect(kept.from).toBe('icon');
    expect(kept.loaded.stale).toBe(false);
    expect(kept.loaded.record.sha256).toBe(first.loaded.record.sha256);
    expect(kept.loaded.record.staleUntil).toBe(first.loaded.record.staleUntil);
    expect(first.loaded.record.staleUntil - first.loaded.record.freshUntil).toBe(30 * DAY_MS);
  });

  it('does not look for a new icon while background work pauses', async () => {
    await serveIcon('compass');
    await from();
    await pass(DAY_MS + 1_000);
    rooms.memory.forceLevel('coordinate', rooms.clock.now() + HOUR_MS);

    expect((await icons.find(domain, 'light', context())).loaded.stale).toBe(true);
    expect(rooms.tasks.snapshot().byLabel['icon.lookup']?.running ?? 0).toBe(0);
    expect(origin.requests('/')).toBe(1);
  });

  it('searches nothing under pressure, and does not take pressure for a failure', async () => {
    await serveIcon('compass');
    rooms.memory.forceLevel('pressure', rooms.clock.now() + 60_000);

    expect(await from()).toBe('letter');
    expect(origin.requests()).toBe(0);

    rooms.memory.forceLevel('normal', rooms.clock.now());
    for (let second = 0; second < 120; second += 1) {
      rooms.clock.advance(1_000);
      rooms.sampler.sample();
    }
    expect(rooms.memory.level()).toBe('normal');
    expect(await from()).toBe('icon');
  });

  it('leaves the client that goes away alone, and keeps what the search brings', async () => {
    await serveIcon('compass');
    const leaver = new AbortController();
    const asked = icons.find(domain, 'light', context(leaver.signal));
    leaver.abort();

    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    await until(() => rooms.tasks.snapshot().running === 0);
    expect(await from()).toBe('icon');
  });

  it('makes the icon for dark pages when it is asked for, and again when the store has lost it', async () => {
    await serveIcon('letter M, transparent');
    const light = await icons.find(domain, 'light', context());
    const dark = await icons.find(domain, 'dark', context());
    const again = await icons.find(domain, 'dark', context());

    expect(dark.source).not.toEqual(light.source);
    expect(again.loaded.record.sha256).toBe(dark.loaded.record.sha256);
    await until(() => rooms.tasks.snapshot().running === 0);
    expect(await rooms.store.delete(dark.loaded.record.key)).toBe(true);
    rooms.serverCache.clear();
    const remade = await icons.find(domain, 'dark', context());
    expect(remade.loaded.record.sha256).toBe(dark.loaded.record.sha256);
    expect(remade.from).toBe('icon');
    expect(origin.requests('/i.png')).toBe(1);
  });

  it('leaves a coloured icon alone on dark pages', async () => {
    await serveIcon('four squares');

    const dark = await icons.find(domain, 'dark', context());
    expect(dark.source).toEqual((await icons.find(domain, 'light', context())).source);
  });

  it('knows its icons again after the metadata cache was emptied', async () => {
    await serveIcon('compass');
    const found = await icons.find(domain, 'light', context());
    await until(() => rooms.tasks.snapshot().running === 0);
    rooms.serverCache.clear();

    const again = await icons.find(domain, 'light', context());
    expect({ from: again.from, url: again.url }).toEqual({ from: found.from, url: found.url });
    expect(origin.requests('/')).toBe(1);
  });

  it('ends a search when the icon is forgotten, and the one who waits gets what the next search finds', async () => {
    let pages = 0;
    origin.route('/', (_request, response) => {
      pages += 1;
      if (pages === 1) return;
      response.writeHead(200, HTML);
      response.end('<head><link rel="icon" href="/i.png" sizes="64x64"></head><body>');
    });
    origin.serve('/i.png', await drawn(LOGOS['compass'] as string, 64), PNG);
    const asked = icons.find(domain, 'light', context());
    await until(() => pages === 1);

    await icons.forget(domain);
    expect((await asked).from).toBe('icon');
    expect(pages).toBe(2);
  });

  it('does not read a page past its head, nor an icon past a megabyte', async () => {
    origin
      .route('/', (_request, response) => {
        response.writeHead(200, HTML);
        response.write('<head><link rel="icon" href="/endless.png" sizes="128x128"></head><body>');
        const filler = Buffer.alloc(64 * 1024, ' ');
        const pump = (): void => {
          while (!response.destroyed && response.write(filler)) continue;
        };
        response.on('drain', pump);
        pump();
      })
      .endless('/endless.png', PNG);

    expect(await from()).toBe('letter');
    expect(origin.requests('/endless.png')).toBe(1);
  });

  it('never asks a private address that a page names as its icon', async () => {
    const inner = await new OriginServer().start();
    inner.serve('/secret.png', await drawn(LOGOS['compass'] as string, 64), PNG);
    origin.serve(
      '/',
      `<head><link rel="icon" href="${inner.url('/secret.png')}" sizes="64x64"></head>`,
      HTML,
    );

    expect(await from()).toBe('letter');
    expect(inner.connections).toBe(0);
    await inner.close();
  });

  it('has a letter for a name that does not resolve', async () => {
    const nowhere = parseIconDomain('nowhere.invalid');
    expect((await icons.find(nowhere, 'light', context())).from).toBe('letter');
  });
});
