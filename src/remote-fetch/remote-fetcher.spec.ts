import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FetchHarness, memoryBytes } from '../../test/support/fetch-harness.js';
import type { RemoteFetcher } from './remote-fetcher.js';
import { USER_AGENT } from './user-agent.js';

/** Not periodic in a chunk's length, so that a lost or doubled chunk shows. */
const patterned = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

const SMALL = patterned(90_000);
const LARGE = patterned(1_500_000);

describe('RemoteFetcher', () => {
  let harness: FetchHarness;
  let fetcher: RemoteFetcher;

  beforeEach(async () => {
    harness = new FetchHarness();
    await harness.origin.start();
    fetcher = harness.fetcher({ NEGATIVE_CACHE_TTL_MS: '0' });
  });

  afterEach(async () => {
    expect(await harness.close()).toEqual([]);
  });

  describe('when the body is small', () => {
    it('gives one private buffer of exactly its length, with type, freshness and final URL', async () => {
      harness.origin.serve('/a.jpg', SMALL, {
        'cache-control': 'max-age=60',
        etag: '"1"',
        'x-other': 'dropped',
      });

      const outcome = await fetcher.fetch(harness.request('/a.jpg?v=1#part'));

      expect(outcome).toMatchObject({
        kind: 'memory',
        contentType: 'image/jpeg',
        finalUrl: harness.origin.url('/a.jpg?v=1'),
      });
      expect(outcome.headers).toEqual({
        'cache-control': 'max-age=60',
        etag: '"1"',
        date: expect.any(String),
      });
      expect(memoryBytes(outcome).equals(SMALL)).toBe(true);
      expect(memoryBytes(outcome).buffer.byteLength).toBe(SMALL.length);
    });

    it('gives an exact buffer without an announced length too', async () => {
      harness.origin.chunked('/chunked', [
        SMALL.subarray(0, 1),
        SMALL.subarray(1, 70_000),
        SMALL.subarray(70_000),
      ]);

      const bytes = memoryBytes(await fetcher.fetch(harness.request('/chunked')));

      expect(bytes.equals(SMALL)).toBe(true);
      expect(bytes.buffer.byteLength).toBe(SMALL.length);
    });

    it('gives an empty buffer for an empty body', async () => {
      harness.origin
        .serve('/empty', '')
        .status('/nothing', 204)
        .chunked('/no-chunk', [], { 'content-encoding': 'gzip' });

      for (const path of ['/empty', '/nothing', '/no-chunk']) {
        expect(memoryBytes(await fetcher.fetch(harness.request(path)))).toHaveLength(0);
      }
    });

    it('opens no sink at the threshold, and one above it', async () => {
      harness.origin.serve('/at', LARGE.subarray(0, 100_000)).serve('/above', LARGE.subarray(0, 100_001));

      const at = await fetcher.fetch(harness.request('/at'));
      const above = await fetcher.fetch(harness.request('/above'));

      expect([at.kind, above.kind]).toEqual(['memory', 'sink']);
      expect(harness.files).toHaveLength(1);
    });
  });

  describe('when the body is large', () => {
    it.each([
      ['with a length', (path: string) => harness.origin.serve(path, LARGE)],
      ['without a length', (path: string) => harness.origin.chunked(path, [LARGE])],
      [
        'in small chunks',
        (path: string) =>
          harness.origin.chunked(
            path,
            Array.from({ length: 1_500 }, (_, i) => LARGE.subarray(i * 1_000, (i + 1) * 1_000)),
          ),
      ],
    ])('streams it %s into a sink, what was received first', async (_name, route) => {
      route('/large');

      const outcome = await fetcher.fetch(harness.request('/large'));

      if (outcome.kind !== 'sink') throw new Error(outcome.kind);
      expect(outcome.contentType).toBe('image/jpeg');
      expect(outcome.sink.writable.writableFinished).toBe(true);
      expect(readFileSync(outcome.sink.path).equals(LARGE)).toBe(true);
    });

    it('holds the origin back while the sink is slow', async () => {
      harness.origin.serve('/large', Buffer.alloc(3_900_000, 'x'));
      let mostBytes = 0;
      const writable = new Writable({
        highWaterMark: 16_384,
        write(_chunk, _encoding, done) {
          mostBytes = Math.max(mostBytes, this.writableLength);
          setImmediate(done);
        },
      });

      await fetcher.fetch(
        harness.request('/large', {
          openSink: () => Promise.resolve({ path: '', writable, discard: () => Promise.resolve() }),
        }),
      );

      expect(mostBytes).toBeLessThanOrEqual(512 * 1024);
    });

    it('passes on what a sink throws as it is and discards the sink', async () => {
      harness.origin.serve('/large', LARGE);
      const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      let discards = 0;
      let written = 0;
      const writable = new Writable({
        write(chunk: Buffer, _encoding, done) {
          written += chunk.length;
          done(written > 300_000 ? full : null);
        },
      });
      const sink = { path: '', writable, discard: () => Promise.resolve(void (discards += 1)) };

      await expect(
        fetcher.fetch(harness.request('/large', { openSink: () => Promise.resolve(sink) })),
      ).rejects.toBe(full);

      expect(discards).toBe(1);
      expect(fetcher.snapshot().failedByCode).toEqual({ 'sink-error': 1 });
    });

    it('passes on what openSink throws as it is', async () => {
      harness.origin.serve('/large', LARGE).chunked('/chunked', [LARGE]);
      const refusal = new Error('read-only');

      for (const path of ['/large', '/chunked']) {
        await expect(
          fetcher.fetch(harness.request(path, { openSink: () => Promise.reject(refusal) })),
        ).rejects.toBe(refusal);
      }
    });

    it('fails when the sink is closed early', async () => {
      harness.origin.endless('/endless');
      const writable = new Writable({
        write: (_chunk, _encoding, done) => void (done(), writable.destroy()),
      });
      const sink = { path: '', writable, discard: () => Promise.resolve() };

      await expect(
        fetcher.fetch(harness.request('/endless', { openSink: () => Promise.resolve(sink) })),
      ).rejects.toMatchObject({ code: 'storage-unavailable' });
    });
  });

  describe('when the body is encoded', () => {
    it.each([
      ['gzip', gzipSync],
      ['x-gzip', gzipSync],
      ['br', brotliCompressSync],
      ['deflate', deflateSync],
      ['Deflate', deflateRawSync],
    ])('decodes %s into memory and into a sink', async (coding, encode) => {
      harness.origin.serve('/small', encode(SMALL), { 'content-encoding': coding });
      harness.origin.serve('/large', encode(LARGE), { 'content-encoding': coding });

      const small = memoryBytes(await fetcher.fetch(harness.request('/small')));
      const large = await fetcher.fetch(harness.request('/large'));

      expect(small.equals(SMALL)).toBe(true);
      expect(small.buffer.byteLength).toBe(SMALL.length);
      expect(large.kind === 'sink' && readFileSync(large.sink.path).equals(LARGE)).toBe(true);
    });

    it.each([
      ['a body that is not gzip', () => harness.origin.serve('/bad', SMALL, { 'content-encoding': 'gzip' })],
      [
        'a truncated one',
        () => harness.origin.serve('/bad', gzipSync(SMALL).subarray(0, 500), { 'content-encoding': 'gzip' }),
      ],
      [
        'an encoding not asked for',
        () => harness.origin.serve('/bad', SMALL, { 'content-encoding': 'zstd' }),
      ],
      [
        'two on top of each other',
        () => harness.origin.serve('/bad', gzipSync(SMALL), { 'content-encoding': 'gzip, br' }),
      ],
    ])('calls %s a fault of the origin', async (_name, route) => {
      route();

      await expect(fetcher.fetch(harness.request('/bad'))).rejects.toMatchObject({ code: 'origin-error' });
    });

    it('counts the cap after decompression and stops a bomb there', async () => {
      harness.origin.gzipBomb('/bomb', 50_000_000);

      await expect(fetcher.fetch(harness.request('/bomb'))).rejects.toMatchObject({
        code: 'source-too-large',
        details: { maxBytes: 4_000_000 },
      });
      expect(harness.files).toEqual([]);
    });

    it('ends a stream of encoded bytes that decode to nothing', async () => {
      const empty = gzipSync('');
      const chunk = Buffer.concat(Array.from({ length: 3_000 }, () => empty));
      harness.origin.route('/void', (_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' });
        const pump = (): void => void (!response.destroyed && response.write(chunk) && setImmediate(pump));
        response.on('drain', pump);
        pump();
      });

      await expect(fetcher.fetch(harness.request('/void', { maxBytes: 200_000 }))).rejects.toMatchObject({
        code: 'source-too-large',
      });
    });
  });

  describe('when the body is larger than allowed', () => {
    it('takes exactly the cap and refuses a byte more, before the body when its length is known', async () => {
      harness.origin
        .serve('/at', SMALL)
        .stalling('/above', '', SMALL.length + 1)
        .chunked('/unknown', [SMALL, 'x']);
      const limits = { maxBytes: SMALL.length };

      expect(memoryBytes(await fetcher.fetch(harness.request('/at', limits)))).toHaveLength(SMALL.length);
      for (const path of ['/above', '/unknown']) {
        await expect(fetcher.fetch(harness.request(path, limits))).rejects.toMatchObject({
          code: 'source-too-large',
        });
      }
    });

    it('stops an endless body and leaves no file', async () => {
      harness.origin.endless('/endless');

      await expect(fetcher.fetch(harness.request('/endless'))).rejects.toMatchObject({
        code: 'source-too-large',
      });

      expect(harness.files).toEqual([]);
      await harness.origin.whenQuiet();
    });
  });

  describe('when the origin lies or breaks off', () => {
    it.each([
      ['in memory', 50_000],
      ['in a sink', 900_000],
    ])('calls a body shorter than announced an error of the origin (%s)', async (_name, announced) => {
      harness.origin.lyingLength('/short', announced, announced - 1);

      await expect(fetcher.fetch(harness.request('/short'))).rejects.toMatchObject({ code: 'origin-error' });
      expect(harness.files).toEqual([]);
    });

    it('takes no byte past the announced length, and does not use that connection again', async () => {
      harness.origin.lyingLength('/long', 1_000, 5_000).serve('/next', SMALL);

      expect(memoryBytes(await fetcher.fetch(harness.request('/long')))).toHaveLength(1_000);
      expect(memoryBytes(await fetcher.fetch(harness.request('/next'))).equals(SMALL)).toBe(true);
    });

    it.each([
      ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
      ['a broken chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
      ['a chunk without end', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nabc'],
      ['too many headers', `HTTP/1.1 200 OK\r\n${'x-header: 0123456789\r\n'.repeat(2_000)}\r\n`],
      ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd'],
      ['nothing', ''],
    ])('calls %s an error of the origin', async (_name, text) => {
      harness.origin.raw('/raw', text);

      await expect(fetcher.fetch(harness.request('/raw'))).rejects.toMatchObject({ code: 'origin-error' });
    });

    it('tells a reset connection from one that never was', async () => {
      harness.origin.reset('/reset');
      const closed = await new FetchHarness().origin.start();
      const { host } = closed;
      await closed.close();
      const other = harness.fetcher({ FETCH_ALLOWED_HOSTS: host });

      await expect(fetcher.fetch(harness.request('/reset'))).rejects.toMatchObject({ code: 'origin-error' });
      await expect(other.fetch(harness.request(`http://${host}/`))).rejects.toMatchObject({
        code: 'origin-unreachable',
      });
    });
  });

  describe('when the origin answers without a body to use', () => {
    it.each([
      [404, 'origin-not-found'],
      [410, 'origin-gone'],
      [401, 'origin-refused'],
      [403, 'origin-refused'],
      [400, 'origin-error'],
      [429, 'origin-error'],
      [500, 'origin-error'],
      [503, 'origin-error'],
      [206, 'origin-error'],
      [300, 'origin-error'],
      [304, 'origin-error'],
      [301, 'origin-error'],
    ])('maps %i to %s', async (status, code) => {
      harness.origin.status('/x', status);

      await expect(fetcher.fetch(harness.request('/x'))).rejects.toMatchObject({ code });
    });

    it('reads a short answer to its end and keeps the connection, and drops a long one', async () => {
      harness.origin
        .status('/404', 404, { 'content-length': '2' })
        .route('/500', (_request, response) => void response.writeHead(500).end(Buffer.alloc(100_000)))
        .serve('/ok', SMALL);

      await expect(fetcher.fetch(harness.request('/404'))).rejects.toMatchObject({
        code: 'origin-not-found',
      });
      await fetcher.fetch(harness.request('/ok'));
      expect(harness.origin.connections).toBe(1);

      await expect(fetcher.fetch(harness.request('/500'))).rejects.toMatchObject({ code: 'origin-error' });
      expect(fetcher.snapshot().connections).toBe(0);
    });
  });

  describe('when the caller has validators', () => {
    beforeEach(() => {
      harness.origin.revalidating('/a', SMALL, '"v1"', 'Thu, 01 Jan 2026 00:00:00 GMT');
    });

    it.each([[{ etag: '"v1"' }], [{ lastModified: 'Thu, 01 Jan 2026 00:00:00 GMT' }]])(
      'answers not-modified with the freshness of the 304 for %j',
      async (validators) => {
        const outcome = await fetcher.fetch(harness.request('/a', { validators }));

        expect(outcome).toMatchObject({
          kind: 'not-modified',
          headers: { etag: '"v1"', 'cache-control': 'max-age=60' },
          finalUrl: harness.origin.url('/a'),
        });
      },
    );

    it('gives the new bytes when they do not match, or fit into no header', async () => {
      for (const etag of ['"v0"', '"v1"\r\nx: y', '"v1"\0']) {
        expect((await fetcher.fetch(harness.request('/a', { validators: { etag } }))).kind).toBe('memory');
      }
    });
  });

  it('passes over interim answers', async () => {
    harness.origin.raw(
      '/early',
      `${'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(3)}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`,
    );

    expect(memoryBytes(await fetcher.fetch(harness.request('/early'))).toString()).toBe('ok');
  });

  it('sends a plain request: no cookie, no credentials, no referrer', async () => {
    harness.origin.serve('/a', SMALL, { 'set-cookie': 'session=1' });

    await fetcher.fetch(harness.request('/a'));
    await fetcher.fetch(harness.request('/a'));

    expect(harness.origin.lastHeaders.get('/a')).toEqual({
      host: harness.origin.host,
      connection: 'keep-alive',
      'user-agent': USER_AGENT,
      accept: 'image/*',
      'accept-encoding': 'gzip, deflate, br',
    });
  });

  describe('when a connection is idle', () => {
    it('uses it again', async () => {
      harness.origin.serve('/a', SMALL);

      for (let i = 0; i < 5; i += 1) await fetcher.fetch(harness.request('/a'));

      expect(harness.origin.connections).toBe(1);
      expect(fetcher.snapshot()).toMatchObject({ connections: 1, idleConnections: 1, completed: 5 });
    });

    it('asks once more on a new one when the origin closed it meanwhile', async () => {
      harness.origin.serve('/a', SMALL);
      let calls = 0;
      harness.origin.route('/b', (_request, response) => {
        calls += 1;
        if (calls === 1) response.socket?.destroy();
        else response.end('fine');
      });
      await fetcher.fetch(harness.request('/a'));

      const outcome = await fetcher.fetch(harness.request('/b'));

      expect(memoryBytes(outcome).toString()).toBe('fine');
      expect(calls).toBe(2);
    });

    it('forgets a connection that the origin closes', async () => {
      harness.origin.serve('/a', SMALL).serve('/close', SMALL, { connection: 'close' });
      await fetcher.fetch(harness.request('/close'));
      await fetcher.fetch(harness.request('/a'));

      harness.origin.dropSockets();
      while (fetcher.snapshot().connections > 0) await new Promise((resolve) => setImmediate(resolve));

      expect(fetcher.snapshot().idleConnections).toBe(0);
    });
  });
});
