import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OriginServer } from '../support/origin-server.js';
import { photo } from '../support/pictures.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

/**
 * The promise of the product, from the signal to the HTTP answer: at 70 % both caches make room, at 80 % image work
 * is refused before it starts, at 90 % everything but health answers 503, at 95 % every cache is flushed.
 */
describe('the memory line', () => {
  let origin: OriginServer;
  let app: TestApp;

  beforeAll(async () => {
    origin = await new OriginServer().start();
    const picture = await photo(800, 600);
    for (const name of ['warm', 'cold-1', 'cold-2', 'cold-3', 'cold-4', 'cold-5'])
      origin.serve(`/${name}.jpg`, picture);
    app = await startTestApp({ FETCH_ALLOWED_HOSTS: origin.host }, { injectMemory: true });
    await app.injectPercent(60);
    await (await ask('/warm.jpg')).arrayBuffer();
  });

  afterAll(async () => {
    await app.close();
    await origin.close();
  });

  const ask = (path: string): Promise<Response> =>
    fetch(
      `${app.url}/api/images?${new URLSearchParams({ url: origin.url(path), w: '120', format: 'webp' })}`,
    );
  const status = async (path: string): Promise<number> => {
    const response = await fetch(`${app.url}${path}`);
    await response.arrayBuffer();
    return response.status;
  };
  const emitted = (name: string): number => app.events().filter((event) => event.name === name).length;

  it('works at full speed below 70 %', async () => {
    expect(app.level()).toBe('normal');
    expect(await status('/api/health/ready')).toBe(200);
  });

  it('coordinates at 70 %: one event, both caches make room, work goes on', async () => {
    await app.injectPercent(72);

    expect(app.level()).toBe('coordinate');
    expect(emitted('memory-coordination-trigger')).toBe(1);
    expect(app.cacheActions()).toEqual(expect.arrayContaining(['image-cache', 'server-cache']));
    expect((await ask('/cold-1.jpg')).status).toBe(200);
  });

  it('is degraded at 75 %: health warns with 200, work goes on', async () => {
    await app.injectPercent(78);

    expect(app.level()).toBe('degraded');
    const health = await fetch(`${app.url}/api/health`);
    expect(health.status).toBe(200);
    expect(health.headers.get('x-system-status')).toBe('MEMORY_WARNING');
    await health.arrayBuffer();
    expect((await ask('/cold-2.jpg')).status).toBe(200);
  });

  it('refuses image work at 80 % before it starts, and still serves what it has', async () => {
    await app.injectPercent(83);
    const fetchesBefore = origin.requests();

    const cold = await ask('/cold-3.jpg');
    const warm = await ask('/warm.jpg');

    expect(app.level()).toBe('pressure');
    expect(cold.status).toBe(503);
    expect(await cold.json()).toMatchObject({
      code: 'memory-pressure',
      retryAfterSeconds: expect.any(Number),
    });
    expect(Number(cold.headers.get('retry-after'))).toBeGreaterThanOrEqual(2);
    expect(Number(cold.headers.get('retry-after'))).toBeLessThanOrEqual(4);
    expect(cold.headers.get('cache-control')).toBe('no-store');
    expect(origin.requests()).toBe(fetchesBefore);
    expect(warm.status).toBe(200);
    await warm.arrayBuffer();
    expect(emitted('memory-pressure-start')).toBe(1);
    expect(await status('/api/health/ready')).toBe(200);
  });

  it('lets a stand-in from memory answer for a size that must not be made now', async () => {
    const response = await fetch(
      `${app.url}/api/images?${new URLSearchParams({ url: origin.url('/warm.jpg'), w: '130', format: 'webp' })}`,
    );

    expect(response.status).toBe(200);
    expect(response.headers.get('cache-status')).toBe('plimsoll; hit; detail=nearby');
    expect(response.headers.get('cache-control')).toBe('public, max-age=5');
    await response.arrayBuffer();
  });

  it('answers 503 to everything but health at 90 %, and is not ready', async () => {
    await app.injectPercent(92);

    const warm = await ask('/warm.jpg');
    expect(app.level()).toBe('critical');
    expect(warm.status).toBe(503);
    expect(await warm.json()).toMatchObject({ code: 'memory-pressure' });
    expect(await status('/api/health/live')).toBe(200);
    expect(await status('/livez')).toBe(200);
    expect(await status('/api/health/ready')).toBe(503);
    expect(await status('/api/health')).toBe(503);
    expect(await status('/api/health/metrics')).toBe(200);
    expect(await status('/api/healthX')).toBe(503);
    expect(await status('//api//health')).toBe(503);
  });

  it('flushes every cache once at 95 % and says what came back', async () => {
    await app.injectPercent(96);
    await app.settle();

    expect(app.level()).toBe('emergency');
    expect(emitted('emergency-cleanup-start')).toBe(1);
    expect(emitted('emergency-cleanup-end')).toBe(1);
    expect(app.cachedImages()).toBe(0);
    const ended = app.events().find(({ name }) => name === 'emergency-cleanup-end');
    const perCache = (ended?.payload as { perCache?: Record<string, number> } | undefined)?.perCache;
    expect(perCache?.['store-records']).toBeGreaterThan(0);
    expect(perCache?.['hit-table']).toBeGreaterThan(0);
  });

  it('comes back by itself, one rung at a time, and works again', async () => {
    await app.injectPercent(60, { holdMs: 60_000 });

    expect(app.level()).toBe('normal');
    expect(emitted('memory-pressure-end')).toBe(1);
    const transitions = app.events().filter((event) => event.name === 'status-changed');
    expect(transitions.map(({ payload }) => (payload as { to: string }).to)).toEqual([
      'coordinate',
      'degraded',
      'pressure',
      'critical',
      'emergency',
      'critical',
      'pressure',
      'degraded',
      'coordinate',
      'normal',
    ]);
    expect((await ask('/cold-4.jpg')).status).toBe(200);
    expect(await status('/api/health/ready')).toBe(200);
  });

  it('takes the action of every rung when a sample skips some', async () => {
    const before = {
      coordination: emitted('memory-coordination-trigger'),
      pressure: emitted('memory-pressure-start'),
    };
    await app.injectPercent(92);

    expect(app.level()).toBe('critical');
    expect(emitted('memory-coordination-trigger')).toBe(before.coordination + 1);
    expect(emitted('memory-pressure-start')).toBe(before.pressure + 1);
    await app.injectPercent(60, { holdMs: 60_000 });
    expect(app.level()).toBe('normal');
  });
});
