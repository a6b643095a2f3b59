import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { OriginServer } from '../support/origin-server.js';
import { blank, noise, photo } from '../support/pictures.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const LIMITS = {
  MAX_IMAGE_SIZE_BYTES: '400000',
  IMAGE_MAX_PIXELS: '5000000',
  IMAGE_STREAM_THRESHOLD_BYTES: '100000',
  FETCH_HEADER_TIMEOUT_MS: '300ms',
  FETCH_IDLE_TIMEOUT_MS: '300ms',
  IMAGE_TIMEOUT_MS: '1500ms',
  NEGATIVE_CACHE_TTL_MS: '0',
};

/** A folder that was never needed is as empty as one that was cleaned. */
async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** [what, query or origin path, status, code] */
type Row = readonly [what: string, query: string, status: number, code: string];

const parameterRows: readonly Row[] = [
  ['no url', 'w=10', 400, 'invalid-parameter'],
  ['an unknown parameter', 'url=http://example.com/&width_=10', 400, 'invalid-parameter'],
  ['a repeated parameter', 'url=http://example.com/&w=10&w=20', 400, 'invalid-parameter'],
  ['a parameter repeated under an alias', 'url=http://example.com/&w=10&width=20', 400, 'invalid-parameter'],
  ['a width of zero', 'url=http://example.com/&w=0', 400, 'invalid-parameter'],
  ['a huge width', 'url=http://example.com/&w=99999', 400, 'invalid-parameter'],
  ['a negative width', 'url=http://example.com/&w=-5', 400, 'invalid-parameter'],
  ['a width with a unit', 'url=http://example.com/&w=10px', 400, 'invalid-parameter'],
  ['a quality over 100', 'url=http://example.com/&q=101', 400, 'invalid-parameter'],
  ['an unknown format', 'url=http://example.com/&format=jxl', 400, 'invalid-parameter'],
  ['an unknown fit', 'url=http://example.com/&fit=squeeze', 400, 'invalid-parameter'],
  ['an unknown preset', 'url=http://example.com/&preset=none', 400, 'invalid-parameter'],
  ['a broken colour', 'url=http://example.com/&background=zzz', 400, 'invalid-parameter'],
  ['no URL at all', 'url=hello', 400, 'invalid-parameter'],
  ['ftp', 'url=ftp://example.com/a.jpg', 400, 'unsupported-url-scheme'],
  ['file', 'url=file:///etc/passwd', 400, 'unsupported-url-scheme'],
  ['data', 'url=data:image/png;base64,AAAA', 400, 'unsupported-url-scheme'],
  ['javascript', 'url=javascript:alert(1)', 400, 'unsupported-url-scheme'],
];

const addressRows: readonly Row[] = [
  'http://127.0.0.1/',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://0177.0.0.1/',
  'http://localhost/',
  'http://[::1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://10.0.0.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://0.0.0.0/',
  'http://100.64.0.1/',
  'http://user:secret@127.0.0.1/',
].map((url) => [`the address ${url}`, `url=${encodeURIComponent(url)}`, 403, 'url-not-allowed'] as const);

const originRows: readonly Row[] = [
  ['an origin that says 404', '/missing', 404, 'origin-not-found'],
  ['an origin that says 410', '/gone', 410, 'origin-gone'],
  ['an origin that says 500', '/broken', 502, 'origin-error'],
  ['an origin that resets', '/reset', 502, 'origin-error'],
  ['a redirect loop', '/loop', 502, 'too-many-redirects'],
  ['endless redirects', '/hops', 502, 'too-many-redirects'],
  ['a redirect to a private address', '/to-private', 403, 'url-not-allowed'],
  ['a redirect to another scheme', '/to-file', 403, 'url-not-allowed'],
  ['an origin that never answers', '/silent', 504, 'origin-timeout'],
  ['an origin that stalls', '/stalls', 504, 'origin-timeout'],
  ['an origin that drips', '/drips', 504, 'origin-timeout'],
  ['a body shorter than announced', '/short', 502, 'origin-error'],
  ['an endless body', '/endless', 413, 'source-too-large'],
  ['a body announced too large', '/announced', 413, 'source-too-large'],
  ['a gzip bomb', '/bomb', 413, 'source-too-large'],
  ['HTML called JPEG', '/html', 415, 'not-an-image'],
  ['an empty body', '/empty', 415, 'not-an-image'],
  ['an SVG while SVG is off', '/drawing.svg', 415, 'not-an-image'],
  ['a truncated small picture', '/truncated-small', 422, 'undecodable-image'],
  ['a truncated large picture', '/truncated-large', 422, 'undecodable-image'],
  ['a picture over the pixel limit', '/pixels', 422, 'image-too-many-pixels'],
];

describe('bad input', () => {
  let origin: OriginServer;
  let app: TestApp;

  beforeAll(async () => {
    origin = await new OriginServer().start();
    const small = await photo(300, 200);
    const large = await noise(500, 400);
    origin
      .status('/gone', 410)
      .status('/broken', 500)
      .reset('/reset')
      .redirect('/loop', '/loop')
      .endlessRedirects('/hops')
      .redirect('/to-private', 'http://10.1.2.3/a.jpg')
      .redirect('/to-file', 'file:///etc/passwd')
      .silent('/silent')
      .stalling('/stalls', small.subarray(0, 100), 5_000)
      .dripping('/drips', 50)
      .lyingLength('/short', 5_000, 1_000)
      .endless('/endless')
      .serve('/announced', Buffer.alloc(400_001))
      .gzipBomb('/bomb', 50_000_000)
      .serve('/html', '<!doctype html><title>no picture</title>')
      .serve('/empty', '')
      .serve('/drawing.svg', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', {
        'content-type': 'image/svg+xml',
      })
      .serve('/truncated-small', small.subarray(0, Math.floor(small.length / 2)))
      .serve('/truncated-large', large.subarray(0, Math.floor(large.length / 2)))
      .serve('/pixels', await blank(2600, 2000))
      .serve('/good', gzipSync(small), { 'content-encoding': 'gzip' });
    app = await startTestApp({ ...LIMITS, FETCH_ALLOWED_HOSTS: origin.host });
  });

  afterAll(async () => {
    await app.close();
    await origin.close();
  });

  afterEach(async () => {
    await app.expectNothingLeft();
    expect(await filesIn(join(app.dataDir, 'tmp'))).toEqual([]);
  });

  const expectProblem = async (query: string, status: number, code: string): Promise<void> => {
    const response = await fetch(`${app.url}/api/images?${query}`);
    const problem = (await response.json()) as Record<string, unknown>;

    expect({ status: response.status, code: problem['code'] }).toEqual({ status, code });
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(problem).toMatchObject({
      status,
      type: expect.any(String),
      title: expect.any(String),
      detail: expect.any(String),
    });
    expect(response.headers.get('cache-control') ?? 'no-store').toMatch(
      /^(no-store|(public, )?max-age=([0-9]|10))$/,
    );
    expect(JSON.stringify(problem)).not.toContain('secret');
  };

  it.each(parameterRows)('answers %s with its problem', (_what, query, status, code) =>
    expectProblem(query, status, code),
  );

  it.each(addressRows)('does not reach %s', (_what, query, status, code) =>
    expectProblem(query, status, code),
  );

  it.each(originRows)('answers %s with its problem', (_what, path, status, code) =>
    expectProblem(`url=${encodeURIComponent(origin.url(path))}&w=50`, status, code),
  );

  it('carries Vary on errors of a negotiated request', async () => {
    const response = await fetch(`${app.url}/api/images?url=${encodeURIComponent(origin.url('/missing'))}`);

    expect(response.headers.get('vary')).toContain('Accept');
    await response.arrayBuffer();
  });

  it('answers wrong methods with 405 and what is allowed', async () => {
    const response = await fetch(`${app.url}/api/images?url=x`, { method: 'PUT' });

    expect(response.status).toBe(405);
    expect(response.headers.get('allow')?.split(/,\s*/).sort()).toEqual(['GET', 'HEAD', 'POST']);
    expect(await response.json()).toMatchObject({ code: 'method-not-allowed' });
  });

  it('still serves a good picture after all of it', async () => {
    const response = await fetch(
      `${app.url}/api/images?url=${encodeURIComponent(origin.url('/good'))}&w=50&format=webp`,
    );

    expect(response.status).toBe(200);
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(50);
  });
});
