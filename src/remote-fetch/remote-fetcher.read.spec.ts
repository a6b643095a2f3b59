import { getEventListeners } from 'node:events';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FetchHarness, turns, until } from '../../test/support/fetch-harness.js';
import type { AnswerHead, ReadRequest } from './fetch-types.js';
import type { RemoteFetcher } from './remote-fetcher.js';

/** Not periodic in a chunk's length, so that a lost or doubled chunk shows. */
const PAGE = Buffer.from(Array.from({ length: 900_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

describe('RemoteFetcher, reading', () => {
  let harness: FetchHarness;
  let fetcher: RemoteFetcher;
  let chunks: Buffer[];

  beforeEach(async () => {
    harness = new FetchHarness();
    await harness.origin.start();
    fetcher = harness.fetcher({ NEGATIVE_CACHE_TTL_MS: '20s', FETCH_IDLE_TIMEOUT_MS: '5s' });
    chunks = [];
  });

  afterEach(async () => {
    expect(await harness.close()).toEqual([]);
  });

  const request = (pathOrUrl: string, overrides: Partial<ReadRequest> = {}): ReadRequest => ({
    url: pathOrUrl.startsWith('/') ? harness.origin.url(pathOrUrl) : pathOrUrl,
    accept: 'text/html',
    maxBytes: 4_000_000,
    timeoutMs: 30_000,
    onChunk: (chunk) => {
      chunks.push(Buffer.from(chunk));
      return 'more';
    },
    ...overrides,
  });
  const received = (): Buffer => Buffer.concat(chunks);
  /** No slot, and no connection but those that wait for reuse. */
  const expectNothingHeld = (): void => {
    const { active, waiting, connections, idleConnections } = fetcher.snapshot();
    expect({ active, waiting, held: connections - idleConnections }).toEqual({
      active: 0,
      waiting: 0,
      held: 0,
    });
  };

  it('gives the head first, then the bytes, decoded, and says that the body was whole', async () => {
    const order: string[] = [];
    const heads: AnswerHead[] = [];
    harness.origin.redirect('/old', '/new').serve('/new', gzipSync(PAGE), {
      'content-type': 'text/html; charset=utf-8',
      'content-encoding': 'gzip',
      etag: '"1"',
      link: '<https://example.test/>; rel="canonical"',
      'x-robots-tag': 'noindex',
      'x-other': 'dropped',
    });

    const outcome = await fetcher.read(
      request('/old', {
        onHead: (head) => {
          heads.push(head);
          order.push('head');
          return 'read';
        },
        onChunk: (chunk) => {
          chunks.push(Buffer.from(chunk));
          order.push('chunk');
          return 'more';
        },
      }),
    );

    expect(outcome).toEqual({
      kind: 'read',
      head: heads[0],
      bytesRead: PAGE.length,
      end: 'whole',
      truncated: false,
    });
    expect(heads).toEqual([
      {
        status: 200,
        finalUrl: harness.origin.url('/new'),
        contentType: 'text/html; charset=utf-8',
        headers: {
          etag: '"1"',
          link: '<https://example.test/>; rel="canonical"',
          'x-robots-tag': 'noindex',
          date: expect.any(String),
        },
      },
    ]);
    expect(received().equals(PAGE)).toBe(true);
    expect(order.indexOf('head')).toBe(0);
    expect(order.filter((step) => step === 'head')).toHaveLength(1);
  });

  describe('when the reader has enough', () => {
    it.each([
      ['as it is', {}, PAGE],
      ['gzip', { 'content-encoding': 'gzip' }, gzipSync(PAGE)],
      ['br', { 'content-encoding': 'br' }, brotliCompressSync(PAGE)],
    ])(
      'stops without an error, gives no further chunk and frees slot and socket (%s)',
      async (_name, headers, body) => {
        harness.origin.serve('/page', body, headers as Record<string, string>);

        const outcome = await fetcher.read(
          request('/page', {
            onChunk: (chunk) => {
              chunks.push(Buffer.from(chunk));
              return 'enough';
            },
          }),
        );

        expect(outcome).toMatchObject({ kind: 'read', end: 'enough', truncated: false });
        expect(chunks).toHaveLength(1);
        expectNothingHeld();
      },
    );

    it('ends a body without end', async () => {
      harness.origin.endless('/endless');
      let bytes = 0;

      const outcome = await fetcher.read(
        request('/endless', {
          onChunk: (chunk) => {
            bytes += chunk.length;
            return bytes > 200_000 ? 'enough' : 'more';
          },
        }),
      );

      expect(outcome).toMatchObject({ end: 'enough', bytesRead: bytes });
      expectNothingHeld();
      await harness.origin.whenQuiet();
    });

    it('keeps the failure memory clean: the next reading asks the origin again', async () => {
      harness.origin.serve('/page', PAGE);
      const enough = { onChunk: (): 'enough' => 'enough' };

      await fetcher.read(request('/page', enough));
      await fetcher.read(request('/page', enough));

      expect(harness.origin.requests('/page')).toBe(2);
      expect(fetcher.snapshot().negativeEntries).toBe(0);
    });
  });

  describe('when the body is larger than maxBytes', () => {
    it.each([
      ['announced', () => harness.origin.serve('/page', PAGE)],
      ['in chunks', () => harness.origin.chunked('/page', [PAGE.subarray(0, 1_000), PAGE.subarray(1_000)])],
      ['gzip', () => harness.origin.serve('/page', gzipSync(PAGE), { 'content-encoding': 'gzip' })],
      ['a bomb', () => harness.origin.gzipBomb('/page', 50_000_000)],
      ['endless', () => harness.origin.endless('/page')],
    ])('gives exactly maxBytes and says truncated (%s)', async (_name, route) => {
      route();

      const outcome = await fetcher.read(request('/page', { maxBytes: 123_457 }));

      expect(outcome).toMatchObject({ end: 'max-bytes', truncated: true, bytesRead: 123_457 });
      expect(received()).toHaveLength(123_457);
      expectNothingHeld();
    });

    it('takes a body of exactly maxBytes for whole', async () => {
      harness.origin.serve('/page', PAGE);

      const outcome = await fetcher.read(request('/page', { maxBytes: PAGE.length }));

      expect(outcome).toMatchObject({ end: 'whole', truncated: false, bytesRead: PAGE.length });
    });

    it('ends a stream of encoded bytes that decode to nothing', async () => {
      const chunk = Buffer.concat(Array.from({ length: 3_000 }, () => gzipSync('')));
      harness.origin.route('/void', (_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' });
        const pump = (): void => void (!response.destroyed && response.write(chunk) && setImmediate(pump));
        response.on('drain', pump);
        pump();
      });

      expect(await fetcher.read(request('/void', { maxBytes: 200_000 }))).toMatchObject({
        truncated: true,
        bytesRead: 0,
      });
    });

    it('reads a source that is remembered as too large to be fetched', async () => {
      harness.origin.serve('/page', PAGE);
      await expect(fetcher.fetch(harness.request('/page', { maxBytes: 1_000 }))).rejects.toMatchObject({
        code: 'source-too-large',
      });

      expect(await fetcher.read(request('/page', { maxBytes: 500 }))).toMatchObject({ bytesRead: 500 });
    });
  });

  describe('when the head is declined', () => {
    it('reads nothing, keeps the connection after a short body and drops it before a long one', async () => {
      harness.origin.serve('/short', 'small').endless('/long', { 'content-type': 'video/mp4' });
      const decline = { onHead: (): 'decline' => 'decline' };

      expect(await fetcher.read(request('/short', decline))).toMatchObject({
        kind: 'declined',
        head: { status: 200, contentType: 'image/jpeg' },
      });
      expect(fetcher.snapshot().idleConnections).toBe(1);
      expect(await fetcher.read(request('/long', decline))).toMatchObject({
        kind: 'declined',
        head: { contentType: 'video/mp4' },
      });

      expect(chunks).toEqual([]);
      await until(() => fetcher.snapshot().connections <= 1);
    });
  });

  it('answers not-modified to validators that match', async () => {
    harness.origin.revalidating('/a', PAGE, '"v1"', 'Thu, 01 Jan 2026 00:00:00 GMT');

    expect(await fetcher.read(request('/a', { validators: { etag: '"v1"' } }))).toMatchObject({
      kind: 'not-modified',
      head: { status: 304, headers: { etag: '"v1"' } },
    });
    expect(await fetcher.read(request('/a', { validators: { etag: '"v0"' } }))).toMatchObject({
      kind: 'read',
      end: 'whole',
    });
  });

  describe('when the origin fails', () => {
    it.each([
      [404, 'origin-not-found', undefined, undefined],
      [410, 'origin-gone', undefined, undefined],
      [403, 'origin-refused', '60', 60_000],
      [429, 'origin-error', '7200', 7_200_000],
      [503, 'origin-error', 'Thu, 01 Jan 2026 00:10:00 GMT', 600_000],
      [503, 'origin-error', 'Thu, 01 Jan 2015 00:00:00 GMT', 0],
      [503, 'origin-error', '999999999', 86_400_000],
      [503, 'origin-error', 'soon', undefined],
    ])(
      'tells status %i of the origin and what it asked to wait (%s, %s)',
      async (status, code, retryAfter, ms) => {
        harness.origin.status('/x', status, {
          date: 'Thu, 01 Jan 2026 00:00:00 GMT',
          ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
        });
        const details = {
          originStatus: status,
          host: harness.origin.host,
          ...(ms !== undefined && { retryAfterMs: ms }),
        };

        await expect(fetcher.read(request('/x'))).rejects.toMatchObject({ code, details });
        fetcher.forget(harness.origin.url('/x'));
        const again = await fetcher.fetch(harness.request('/x')).catch((error: unknown) => error);
        expect(again).toMatchObject({ code });
        expect((again as { details: unknown }).details).toEqual(details);
      },
    );

    it('remembers the failure for fetch and read alike', async () => {
      harness.origin.status('/x', 500);

      await expect(fetcher.read(request('/x'))).rejects.toMatchObject({ code: 'origin-error' });
      await expect(fetcher.fetch(harness.request('/x'))).rejects.toMatchObject({
        details: { originStatus: 500, remembered: true },
      });

      expect(harness.origin.requests('/x')).toBe(1);
    });

    it('rejects when the body breaks off or is not what its encoding says', async () => {
      harness.origin
        .lyingLength('/short', 50_000, 20_000)
        .serve('/bad', gzipSync(PAGE).subarray(0, 9_000), { 'content-encoding': 'gzip' });

      for (const path of ['/short', '/bad']) {
        await expect(fetcher.read(request(path))).rejects.toMatchObject({ code: 'origin-error' });
      }
    });

    it('bears silence in the body no longer than FETCH_IDLE_TIMEOUT_MS', async () => {
      harness.origin.stalling('/stalling', 'x'.repeat(10));
      const outcome = expect(fetcher.read(request('/stalling'))).rejects.toMatchObject({
        code: 'origin-timeout',
        details: { timeoutMs: 5_000 },
      });
      await until(() => chunks.length === 1);

      harness.clock.advance(5_000);

      await outcome;
      await harness.origin.whenQuiet();
    });
  });

  it('is guarded like a fetch, redirects included', async () => {
    harness.origin.redirect('/inner', 'http://10.0.0.1/');

    for (const url of ['/inner', 'http://169.254.169.254/', 'http://127.0.0.1:1/']) {
      await expect(fetcher.read(request(url))).rejects.toMatchObject({ code: 'url-not-allowed' });
    }
    await expect(fetcher.read(request('file:///etc/passwd'))).rejects.toMatchObject({
      code: 'unsupported-url-scheme',
    });
  });

  it('ends when its caller aborts, and leaves no listener', async () => {
    harness.origin.stalling('/stalling', 'x');
    const controller = new AbortController();
    const outcome = expect(
      fetcher.read(request('/stalling', { signal: controller.signal })),
    ).rejects.toMatchObject({ name: 'AbortError' });
    await until(() => chunks.length === 1);

    controller.abort();

    await outcome;
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(fetcher.snapshot()).toMatchObject({ active: 0, negativeEntries: 0 });
  });

  it.each([['onHead'], ['onChunk']])('passes on what %s throws, and lets go of everything', async (name) => {
    harness.origin.serve('/page', PAGE);
    const fault = new Error('the reader is broken');
    const broken = {
      [name]: () => {
        throw fault;
      },
    };

    await expect(fetcher.read(request('/page', broken))).rejects.toBe(fault);

    expect(fetcher.snapshot()).toMatchObject({ active: 0, negativeEntries: 0 });
    await harness.origin.whenQuiet();
  });

  it('waits for a slot like a fetch', async () => {
    const narrow = harness.fetcher({ FETCH_CONCURRENCY: '1', FETCH_PER_ORIGIN: '1' });
    harness.origin.stalling('/stalling', 'x').serve('/page', PAGE);
    const controller = new AbortController();
    const first = expect(
      narrow.read(request('/stalling', { signal: controller.signal })),
    ).rejects.toMatchObject({ name: 'AbortError' });
    await until(() => chunks.length === 1);

    const second = narrow.read(request('/page', { onChunk: () => 'enough' }));
    await turns(5);
    expect(narrow.snapshot()).toMatchObject({ active: 1, waiting: 1 });
    controller.abort();

    await first;
    expect(await second).toMatchObject({ end: 'enough' });
  });
});
