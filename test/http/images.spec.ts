import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { OriginServer } from '../support/origin-server.js';
import { photo } from '../support/pictures.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

describe('GET /api/images', () => {
  let origin: OriginServer;
  let app: TestApp;

  beforeAll(async () => {
    origin = await new OriginServer().start();
    origin.serve('/photo.jpg', await photo(800, 600), { 'cache-control': 'max-age=600', etag: '"one"' });
    origin.serve('/again.jpg', await photo(800, 600));
    origin.serve('/four-sizes.jpg', await photo(1600, 1200));
    origin.serve('/crowd.jpg', await photo(900, 700));
    origin.serve(
      '/alpha.png',
      await sharp({ create: { width: 50, height: 40, channels: 4, background: '#ff000080' } })
        .png()
        .toBuffer(),
      { 'content-type': 'image/png' },
    );
    app = await startTestApp({ FETCH_ALLOWED_HOSTS: origin.host });
  });

  afterAll(async () => {
    await app.close();
    await origin.close();
  });

  const ask = (
    path: string,
    query: Record<string, string>,
    headers: Record<string, string> = {},
    method = 'GET',
  ): Promise<Response> =>
    fetch(`${app.url}/api/images?${new URLSearchParams({ url: origin.url(path), ...query })}`, {
      headers,
      method,
    });

  it('transforms a remote picture and says how it did', async () => {
    const response = await ask('/photo.jpg', { w: '320', format: 'webp' });
    const body = Buffer.from(await response.arrayBuffer());

    expect(response.status).toBe(200);
    expect(await sharp(body).metadata()).toMatchObject({ format: 'webp', width: 320, height: 240 });
    expect(response.headers.get('content-type')).toBe('image/webp');
    expect(response.headers.get('content-length')).toBe(String(body.length));
    expect(response.headers.get('cache-status')).toBe('plimsoll; fwd=uri-miss; stored');
    expect(response.headers.get('cache-control')).toMatch(
      /^public, max-age=(600|59\d), stale-while-revalidate=604800/,
    );
    expect(response.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/);
    expect(response.headers.get('server-timing')).toMatch(/fetch;dur=.*decode;dur=/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-security-policy')).toContain('sandbox');
    expect(response.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    expect(response.headers.get('content-disposition')).toBe('inline');
    expect(response.headers.get('vary')).toBeNull();
  });

  it('answers the second time from memory with the same bytes, and 304 to their tag', async () => {
    const first = await ask('/again.jpg', { w: '200', format: 'jpeg' });
    const second = await ask('/again.jpg', { w: '200', format: 'jpeg' });
    const tag = second.headers.get('etag') ?? '';
    const third = await ask('/again.jpg', { w: '200', format: 'jpeg' }, { 'if-none-match': tag });

    expect(second.headers.get('cache-status')).toBe('plimsoll; hit; detail=memory');
    expect(Buffer.from(await second.arrayBuffer()).equals(Buffer.from(await first.arrayBuffer()))).toBe(true);
    expect(third.status).toBe(304);
    expect(third.headers.get('etag')).toBe(tag);
    expect(third.headers.get('cache-control')).toMatch(/^public, max-age=/);
    expect(origin.requests('/again.jpg')).toBe(1);
  });

  it('negotiates by Accept, says so, and keeps the formats apart', async () => {
    const webp = await ask('/photo.jpg', { w: '100' }, { accept: 'image/webp,*/*' });
    const jpeg = await ask('/photo.jpg', { w: '100' }, { accept: 'image/jpeg,*/*' });
    const avif = await ask('/photo.jpg', { w: '100' }, { accept: 'image/avif,image/webp,*/*' });
    const again = await ask('/photo.jpg', { w: '100' }, { accept: 'text/html,image/webp;q=0.9' });

    expect([webp, jpeg, avif, again].map((response) => response.headers.get('content-type'))).toEqual([
      'image/webp',
      'image/jpeg',
      'image/avif',
      'image/webp',
    ]);
    for (const response of [webp, jpeg, avif, again]) expect(response.headers.get('vary')).toBe('Accept');
    expect(again.headers.get('cache-status')).toContain('detail=memory');
    const notModified = await ask(
      '/photo.jpg',
      { w: '100' },
      { accept: 'image/webp', 'if-none-match': again.headers.get('etag') ?? '' },
    );
    expect(notModified.status).toBe(304);
    expect(notModified.headers.get('vary')).toBe('Accept');
  });

  it('answers HEAD with the headers of GET and no body', async () => {
    const get = await ask('/photo.jpg', { w: '77', format: 'png' });
    const head = await ask('/photo.jpg', { w: '77', format: 'png' }, {}, 'HEAD');

    expect(head.status).toBe(200);
    for (const name of ['content-type', 'content-length', 'etag'])
      expect(head.headers.get(name)).toBe(get.headers.get(name));
    expect((await head.arrayBuffer()).byteLength).toBe(0);
    await get.arrayBuffer();
  });

  it('fetches one cold source once for 60 who ask at the same time, and makes its variant once', async () => {
    const responses = await Promise.all(
      Array.from({ length: 60 }, () => ask('/crowd.jpg', { w: '300', format: 'webp' })),
    );
    const bodies = await Promise.all(
      responses.map(async (response) => Buffer.from(await response.arrayBuffer())),
    );

    expect(new Set(responses.map((response) => response.status))).toEqual(new Set([200]));
    expect(bodies.every((body) => body.equals(bodies[0] as Buffer))).toBe(true);
    expect(origin.requests('/crowd.jpg')).toBe(1);
    const made = responses.filter(
      (response) => response.headers.get('cache-status') === 'plimsoll; fwd=uri-miss; stored',
    );
    expect(made).toHaveLength(1);
  });

  it('fetches one source once for four sizes of it', async () => {
    const sizes = await Promise.all(
      ['100', '200', '300', '400'].map((w) => ask('/four-sizes.jpg', { w, format: 'webp' })),
    );

    expect(sizes.map((response) => response.status)).toEqual([200, 200, 200, 200]);
    expect(origin.requests('/four-sizes.jpg')).toBe(1);
    await Promise.all(sizes.map((response) => response.arrayBuffer()));
  });

  it('passes the original on byte by byte, in ranges if asked', async () => {
    const whole = await ask('/photo.jpg', { format: 'original' });
    const bytes = Buffer.from(await whole.arrayBuffer());
    const part = await ask('/photo.jpg', { format: 'original' }, { range: 'bytes=10-19' });
    const beyond = await ask('/photo.jpg', { format: 'original' }, { range: `bytes=${bytes.length}-` });

    expect(bytes.equals(await photo(800, 600))).toBe(true);
    expect(whole.headers.get('accept-ranges')).toBe('bytes');
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 10-19/${bytes.length}`);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10, 20))).toBe(true);
    expect(beyond.status).toBe(416);
  });

  it('tells metadata, a placeholder, and JSON instead of bytes', async () => {
    const query = new URLSearchParams({ url: origin.url('/photo.jpg') });
    const metadata = await fetch(`${app.url}/api/images/metadata?${query}`);
    const placeholder = await fetch(`${app.url}/api/images/placeholder?${query}`);
    const json = await ask('/photo.jpg', { w: '64', format: 'webp', delivery: 'json' });

    expect(await metadata.json()).toMatchObject({
      format: 'jpeg',
      width: 800,
      height: 600,
      pages: 1,
      hasAlpha: false,
    });
    expect(await placeholder.json()).toMatchObject({
      dominantColour: expect.stringMatching(/^#[0-9a-f]{6}$/),
      dataUri: expect.stringMatching(/^data:image\/webp;base64,/),
      thumbhash: expect.any(String),
    });
    expect(await json.json()).toMatchObject({
      width: 64,
      height: 48,
      format: 'webp',
      urls: { cdn: null, signed: null },
    });
  });

  it('keeps transparency where the format can and flattens it where not', async () => {
    const png = await ask('/alpha.png', { format: 'png' });
    const jpeg = await ask('/alpha.png', { format: 'jpeg', background: '00ff00' });

    expect((await sharp(Buffer.from(await png.arrayBuffer())).metadata()).hasAlpha).toBe(true);
    const { data } = await sharp(Buffer.from(await jpeg.arrayBuffer()))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(data[0]).toBeGreaterThan(100);
    expect(data[1]).toBeGreaterThan(100);
  });

  it('answers redirect delivery with 409 until there is a public URL', async () => {
    const response = await ask('/photo.jpg', { delivery: 'redirect' });

    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: 'no-public-url', status: 409 });
  });
});
