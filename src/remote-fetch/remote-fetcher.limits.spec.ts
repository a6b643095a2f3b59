import { getEventListeners } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FetchHarness, memoryBytes, turns, until, type FileSink } from '../../test/support/fetch-harness.js';
import type { RemoteFetcher } from './remote-fetcher.js';

describe('RemoteFetcher, within its limits', () => {
  let harness: FetchHarness;
  let fetcher: RemoteFetcher;

  beforeEach(async () => {
    harness = new FetchHarness();
    await harness.origin.start();
    harness.origin.serve('/a', 'bytes');
    fetcher = harness.fetcher({
      FETCH_HEADER_TIMEOUT_MS: '10s',
      FETCH_IDLE_TIMEOUT_MS: '5s',
      NEGATIVE_CACHE_TTL_MS: '20s',
    });
  });

  afterEach(async () => {
    expect(harness.files).toEqual([]);
    expect(await harness.close()).toEqual([]);
  });

  describe('when the origin is slow', () => {
    it('waits for headers no longer than FETCH_HEADER_TIMEOUT_MS', async () => {
      harness.origin.silent('/silent');
      const outcome = expect(fetcher.fetch(harness.request('/silent'))).rejects.toMatchObject({
        code: 'origin-timeout',
        details: { timeoutMs: 10_000 },
      });
      await until(() => harness.origin.requests('/silent') === 1);

      harness.clock.advance(9_999);
      expect(fetcher.snapshot().active).toBe(1);
      harness.clock.advance(1);

      await outcome;
      await harness.origin.whenQuiet();
    });

    it('counts the name lookup and each hop against the same deadline', async () => {
      const stuck = harness.fetcher({ FETCH_HEADER_TIMEOUT_MS: '3s', FETCH_ALLOWED_HOSTS: 'stuck.test' });
      Reflect.set(harness, 'resolve', (name: string) => {
        harness.lookups.push(name);
        return new Promise(() => undefined);
      });
      const outcome = expect(stuck.fetch(harness.request('http://stuck.test/'))).rejects.toMatchObject({
        code: 'origin-timeout',
      });
      await until(() => harness.lookups.length === 1);

      harness.clock.advance(3_000);

      await outcome;
    });

    it.each([
      ['memory', 50_000],
      ['a sink', 500_000],
    ])('bears silence in a body for %s no longer than FETCH_IDLE_TIMEOUT_MS', async (_name, sent) => {
      harness.origin.stalling('/stalling', Buffer.alloc(sent));
      let settled = false;
      const outcome = expect(
        fetcher.fetch(harness.request('/stalling', { timeoutMs: 100_000_000 })).finally(() => {
          settled = true;
        }),
      ).rejects.toMatchObject({ code: 'origin-timeout', details: { timeoutMs: 5_000 } });
      await until(() => harness.origin.requests('/stalling') === 1);

      // How soon a sink is open is the file system's business, hence no fixed number of steps.
      while (!settled) {
        harness.clock.advance(1_000);
        await turns(5);
      }

      await outcome;
      await harness.origin.whenQuiet();
    });

    it('does not take a dripping origin for a silent one, and ends it at the total deadline', async () => {
      let drip: () => void = () => undefined;
      harness.origin.route('/dripping', (_request, response) => {
        response.writeHead(200);
        drip = () => void response.write('.');
        drip();
      });
      let settled = false;
      const outcome = expect(
        fetcher.fetch(harness.request('/dripping', { timeoutMs: 30_000 })).finally(() => {
          settled = true;
        }),
      ).rejects.toMatchObject({ code: 'origin-timeout', details: { timeoutMs: 30_000 } });
      await until(() => harness.origin.requests('/dripping') === 1);

      for (let second = 1; second < 30; second += 1) {
        drip();
        await turns(20);
        harness.clock.advance(1_000);
      }
      expect(settled).toBe(false);
      harness.clock.advance(1_000);

      await outcome;
      await harness.origin.whenQuiet();
    });

    it('does not count the time in which the sink holds the origin back', async () => {
      harness.origin.serve('/large', Buffer.alloc(2_000_000, 'x'));
      let open: (() => void) | undefined;
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      let asked = false;
      const pending = fetcher.fetch(
        harness.request('/large', {
          openSink: async () => {
            asked = true;
            await opened;
            return harness.openSink();
          },
        }),
      );
      await until(() => asked);

      await harness.clock.advanceAsync(20_000, 1_000);
      open?.();
      const outcome = await pending;

      expect(outcome.kind).toBe('sink');
      if (outcome.kind === 'sink') await outcome.sink.discard();
    });

    it('tears down a TLS handshake that does not end', async () => {
      const mute = createServer((socket) => socket.on('error', () => undefined).resume());
      const closed = new Promise((resolve) => {
        mute.once('connection', (socket: Socket) => socket.once('close', resolve));
      });
      await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
      const host = `127.0.0.1:${(mute.address() as AddressInfo).port}`;
      const outcome = expect(
        harness.fetcher({ FETCH_ALLOWED_HOSTS: host }).fetch(harness.request(`https://${host}/`)),
      ).rejects.toMatchObject({ code: 'origin-timeout' });
      await new Promise<void>((resolve) => mute.once('connection', () => resolve()));

      harness.clock.advance(10_000);

      await outcome;
      await closed;
      await new Promise((resolve) => mute.close(resolve));
    });
  });

  describe('when the caller aborts', () => {
    it('asks nobody when it has aborted already', async () => {
      await expect(
        fetcher.fetch(harness.request('/a', { signal: AbortSignal.abort() })),
      ).rejects.toMatchObject({ name: 'AbortError' });

      expect(harness.origin.requests()).toBe(0);
      expect(fetcher.snapshot().failedByCode).toEqual({ aborted: 1 });
    });

    it.each([
      ['for headers', '/silent'],
      ['in a body for memory', '/small'],
      ['in a body for a sink', '/large'],
    ])('ends at once while it waits %s, and remembers nothing', async (_name, path) => {
      harness.origin
        .silent('/silent')
        .stalling('/small', 'x', 50_000)
        .stalling('/large', Buffer.alloc(300_000));
      const controller = new AbortController();
      const outcome = expect(
        fetcher.fetch(harness.request(path, { signal: controller.signal })),
      ).rejects.toMatchObject({ name: 'AbortError' });
      await until(() => harness.origin.requests(path) === 1);
      await turns(100);

      controller.abort();

      await outcome;
      await harness.origin.whenQuiet();
      expect(fetcher.snapshot()).toMatchObject({ active: 0, negativeEntries: 0, connections: 0 });
    });

    it('leaves no listener on the signal', async () => {
      const { signal } = new AbortController();

      await fetcher.fetch(harness.request('/a', { signal }));

      expect(getEventListeners(signal, 'abort')).toEqual([]);
    });

    it('discards a sink that opens only afterwards, before it rejects', async () => {
      harness.origin.stalling('/large', Buffer.alloc(300_000));
      const controller = new AbortController();
      let open: ((sink: FileSink) => void) | undefined;
      let discards = 0;
      const opened = new Promise<FileSink>((resolve) => {
        open = resolve;
      });
      let asked = false;
      const openSink = (): Promise<FileSink> => {
        asked = true;
        return opened;
      };
      const outcome = expect(
        fetcher.fetch(harness.request('/large', { signal: controller.signal, openSink })),
      ).rejects.toMatchObject({ name: 'AbortError' });
      await until(() => asked);

      controller.abort();
      await turns(20);
      open?.({ path: '', writable: new PassThrough(), discard: () => Promise.resolve(void (discards += 1)) });

      await outcome;
      expect(discards).toBe(1);
    });
  });

  describe('when many downloads run at once', () => {
    it('keeps to FETCH_CONCURRENCY and FETCH_PER_ORIGIN, and a stalled origin stops nobody', async () => {
      const other = await new FetchHarness().origin.start();
      other.serve('/b', 'other');
      const limited = harness.fetcher({
        FETCH_CONCURRENCY: '3',
        FETCH_PER_ORIGIN: '2',
        FETCH_ALLOWED_HOSTS: `${harness.origin.host},${other.host}`,
      });
      harness.origin.silent('/silent');
      const controller = new AbortController();
      const stalled = Array.from({ length: 6 }, () =>
        expect(
          limited.fetch(harness.request('/silent', { signal: controller.signal })),
        ).rejects.toMatchObject({ name: 'AbortError' }),
      );
      await until(() => harness.origin.requests('/silent') === 2);

      for (let i = 0; i < 4; i += 1) {
        expect(memoryBytes(await limited.fetch(harness.request(other.url('/b')))).toString()).toBe('other');
      }

      expect(limited.snapshot()).toMatchObject({ active: 2, waiting: 4 });
      expect(harness.origin.requests('/silent')).toBe(2);
      controller.abort();
      await Promise.all(stalled);
      await limited.onApplicationShutdown();
      await other.close();
    });

    it('counts a redirect against the origin that it leads to', async () => {
      const slow = await new FetchHarness().origin.start();
      slow.silent('/silent');
      harness.origin.redirect('/out', slow.url('/silent'));
      const limited = harness.fetcher({
        FETCH_PER_ORIGIN: '1',
        FETCH_ALLOWED_HOSTS: `${harness.origin.host},${slow.host}`,
      });
      const controller = new AbortController();
      const stalled = ['/out', '/out', '/out'].map((path) =>
        expect(limited.fetch(harness.request(path, { signal: controller.signal }))).rejects.toMatchObject({
          name: 'AbortError',
        }),
      );
      await until(() => limited.snapshot().waiting === 2 && slow.requests('/silent') === 1);

      const free = await limited.fetch(harness.request('/a'));

      expect(memoryBytes(free).toString()).toBe('bytes');
      controller.abort();
      await Promise.all(stalled);
      await limited.onApplicationShutdown();
      await slow.close();
    });
  });

  describe('when a source failed lately', () => {
    it('does not ask the origin again until the time is over', async () => {
      const missing = (): Promise<void> =>
        expect(fetcher.fetch(harness.request('/missing'))).rejects.toMatchObject({
          code: 'origin-not-found',
        });

      await missing();
      await missing();
      expect(harness.origin.requests('/missing')).toBe(1);
      expect(fetcher.snapshot()).toMatchObject({ negativeEntries: 1, negativeHits: 1 });

      harness.clock.advance(20_000);
      await missing();
      expect(harness.origin.requests('/missing')).toBe(2);
    });

    it('keeps the query in the identity of a URL and the fragment out of it', async () => {
      for (const path of ['/missing?v=1', '/missing?v=2', '/missing?v=1#part']) {
        await expect(fetcher.fetch(harness.request(path))).rejects.toMatchObject({
          code: 'origin-not-found',
        });
      }

      expect(harness.origin.requests('/missing')).toBe(2);
    });

    it('honours the Retry-After of the origin', async () => {
      harness.origin.status('/busy', 503, { 'retry-after': '60' });
      const busy = (): Promise<void> =>
        expect(fetcher.fetch(harness.request('/busy'))).rejects.toMatchObject({ code: 'origin-error' });

      await busy();
      harness.clock.advance(59_999);
      await busy();

      expect(harness.origin.requests('/busy')).toBe(1);
      harness.clock.advance(1);
      await busy();
      expect(harness.origin.requests('/busy')).toBe(2);
    });

    it('asks at once after forget', async () => {
      await expect(fetcher.fetch(harness.request('/late'))).rejects.toMatchObject({
        code: 'origin-not-found',
      });
      harness.origin.serve('/late', 'now');

      fetcher.forget(`${harness.origin.url('/late')}#part`);
      fetcher.forget('no URL');

      expect(memoryBytes(await fetcher.fetch(harness.request('/late'))).toString()).toBe('now');
      expect(fetcher.snapshot().negativeEntries).toBe(0);
    });

    it('forgets the failure when a later fetch succeeds', async () => {
      await expect(fetcher.fetch(harness.request('/a', { maxBytes: 4 }))).rejects.toMatchObject({
        code: 'source-too-large',
      });

      await fetcher.fetch(harness.request('/a'));

      expect(fetcher.snapshot().negativeEntries).toBe(0);
    });

    it('does not remember a total deadline, which is the caller’s', async () => {
      harness.origin.silent('/silent');
      const outcome = expect(
        fetcher.fetch(harness.request('/silent', { timeoutMs: 1_000 })),
      ).rejects.toMatchObject({
        code: 'origin-timeout',
      });
      await until(() => harness.origin.requests('/silent') === 1);

      harness.clock.advance(1_000);
      await outcome;

      expect(fetcher.snapshot().negativeEntries).toBe(0);
    });
  });

  describe('when the server shuts down', () => {
    it('ends what runs and waits, closes idle connections and refuses new work', async () => {
      const closing = harness.fetcher({ FETCH_PER_ORIGIN: '1' });
      await closing.fetch(harness.request('/a'));
      harness.origin.silent('/silent');
      const outcomes = [1, 2].map(() =>
        expect(closing.fetch(harness.request('/silent'))).rejects.toMatchObject({ code: 'shutting-down' }),
      );
      await until(() => harness.origin.requests('/silent') === 1);

      await closing.onApplicationShutdown();
      await Promise.all(outcomes);

      expect(closing.snapshot()).toMatchObject({ active: 0, waiting: 0, connections: 0 });
      await harness.origin.whenQuiet();
      await expect(closing.fetch(harness.request('/a'))).rejects.toMatchObject({ code: 'shutting-down' });
    });
  });
});
