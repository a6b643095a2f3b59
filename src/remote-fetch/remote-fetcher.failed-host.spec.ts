import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FetchHarness, until } from '../../test/support/fetch-harness.js';
import { OriginServer } from '../../test/support/origin-server.js';
import type { RemoteFetcher } from './remote-fetcher.js';

describe('RemoteFetcher, when a redirect leads to a host that fails', () => {
  let harness: FetchHarness;
  let other: OriginServer;
  let fetcher: RemoteFetcher;

  beforeEach(async () => {
    harness = new FetchHarness();
    await harness.origin.start();
    other = await new OriginServer().start();
    fetcher = harness.fetcher({
      NEGATIVE_CACHE_TTL_MS: '20s',
      FETCH_ALLOWED_HOSTS: `${harness.origin.host},${other.host}`,
    });
    harness.origin.redirect('/x', other.url('/y'));
  });

  afterEach(async () => {
    expect(await harness.close()).toEqual([]);
    await other.close();
  });

  it.each([
    ['answers an error', () => other.status('/y', 500), 'origin-error'],
    ['has nothing there', () => other.status('/y', 404), 'origin-not-found'],
    ['breaks off', () => other.reset('/y'), 'origin-error'],
    ['sends too much', () => other.serve('/y', 'x'.repeat(2_000)), 'source-too-large'],
    ['redirects in a circle', () => other.redirect('/y', '/y'), 'too-many-redirects'],
  ])('says that it is that one which %s, and remembers it', async (_what, serve, code) => {
    serve();
    const order = harness.request('/x', { maxBytes: 1_000 });

    await expect(fetcher.fetch(order)).rejects.toMatchObject({ code, details: { host: other.host } });

    await expect(fetcher.fetch(order)).rejects.toMatchObject({
      code,
      details: { host: other.host, remembered: true },
    });
    expect(harness.origin.requests('/x')).toBe(1);
  });

  it('says that it is that one which cannot be reached', async () => {
    harness.name('gone.test');
    harness.origin.redirect('/x', 'http://gone.test/y');

    await expect(fetcher.fetch(harness.request('/x'))).rejects.toMatchObject({
      code: 'origin-unreachable',
      details: { host: 'gone.test' },
    });
  });

  it('says that it is that one which keeps silent, and remembers no deadline of the caller', async () => {
    other.silent('/y');
    const outcome = expect(fetcher.fetch(harness.request('/x', { timeoutMs: 2_000 }))).rejects.toMatchObject({
      code: 'origin-timeout',
      details: { host: other.host, timeoutMs: 2_000 },
    });
    await until(() => other.requests('/y') === 1);

    harness.clock.advance(2_000);

    await outcome;
    expect(fetcher.snapshot().negativeEntries).toBe(0);
  });

  it('keeps what the log says of the fault', async () => {
    other.reset('/y');

    const error = await fetcher.fetch(harness.request('/x')).catch((fault: unknown) => fault);

    expect((error as { logMessage?: string }).logMessage).toContain(':');
    expect((error as Error).cause).toHaveProperty('message');
  });

  it('blames no host for what is refused here', async () => {
    other.redirect('/y', 'http://10.0.0.1/');

    const error = await fetcher.fetch(harness.request('/x')).catch((refusal: unknown) => refusal);

    expect(error).toMatchObject({ code: 'url-not-allowed' });
    expect((error as { details: object }).details).not.toHaveProperty('host');
  });
});
