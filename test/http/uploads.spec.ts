import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { photo } from '../support/pictures.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

describe('uploads', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({ MAX_IMAGE_SIZE_BYTES: '300000' });
  });

  afterAll(async () => {
    await app.close();
  });

  const upload = (body: Buffer | FormData, type?: string): Promise<Response> =>
    fetch(`${app.url}/api/images`, {
      method: 'POST',
      body: body instanceof FormData ? body : new Uint8Array(body),
      headers: type === undefined ? {} : { 'content-type': type },
    });

  const form = (bytes: Buffer, field = 'file'): FormData => {
    const data = new FormData();
    data.set('note', 'ignored');
    data.set(field, new Blob([new Uint8Array(bytes)], { type: 'image/jpeg' }), 'picture.jpg');
    return data;
  };

  it('takes a raw body, says what it took, and serves it transformed', async () => {
    const picture = await photo(640, 480);
    const created = await upload(picture, 'image/jpeg');
    const body = (await created.json()) as { id: string };
    const small = await fetch(`${app.url}/api/images/${body.id}?w=64&format=webp`);

    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe(`/api/images/${body.id}`);
    expect(body).toMatchObject({ format: 'jpeg', width: 640, height: 480, bytes: picture.length });
    expect(small.status).toBe(200);
    expect(await sharp(Buffer.from(await small.arrayBuffer())).metadata()).toMatchObject({
      width: 64,
      format: 'webp',
    });
  });

  it('takes the file of a multipart form', async () => {
    const created = await upload(form(await photo(64, 48)));

    expect(created.status).toBe(201);
    expect(await created.json()).toMatchObject({ width: 64, height: 48 });
  });

  it('believes the bytes, not the announced type', async () => {
    const created = await upload(await photo(20, 20, 'png'), 'image/jpeg');

    expect(await created.json()).toMatchObject({ format: 'png', contentType: 'image/png' });
  });

  it('serves the original whole', async () => {
    const picture = await photo(100, 80);
    const { id } = (await (await upload(picture, 'image/jpeg')).json()) as { id: string };
    const original = await fetch(`${app.url}/api/images/${id}?format=original`);

    expect(Buffer.from(await original.arrayBuffer()).equals(picture)).toBe(true);
  });

  it('forgets a deleted upload and what was made of it', async () => {
    const { id } = (await (await upload(await photo(100, 80), 'image/jpeg')).json()) as { id: string };
    await (await fetch(`${app.url}/api/images/${id}?w=10`)).arrayBuffer();

    const deleted = await fetch(`${app.url}/api/images/${id}`, { method: 'DELETE' });
    const after = await fetch(`${app.url}/api/images/${id}?w=10`);
    const again = await fetch(`${app.url}/api/images/${id}`, { method: 'DELETE' });

    expect(deleted.status).toBe(204);
    expect(after.status).toBe(404);
    expect(await after.json()).toMatchObject({ code: 'image-not-found' });
    expect(again.status).toBe(404);
  });

  describe('refused', () => {
    it.each<[string, () => Promise<Response>, number, string]>([
      [
        'HTML called JPEG',
        () => upload(Buffer.from('<html><body>hello</body></html>'), 'image/jpeg'),
        415,
        'not-an-image',
      ],
      ['an empty body', () => upload(Buffer.alloc(0), 'image/jpeg'), 415, 'not-an-image'],
      ['text', () => upload(Buffer.from('hello'), 'text/plain'), 415, 'unsupported-media-type'],
      ['a form without a file', () => upload(form(Buffer.from('x'), 'other')), 400, 'invalid-body'],
      ['a body over the limit', () => upload(Buffer.alloc(300_001, 1), 'image/jpeg'), 413, 'body-too-large'],
      ['a form file over the limit', () => upload(form(Buffer.alloc(300_001, 1))), 413, 'body-too-large'],
      [
        'a truncated picture',
        async () => upload((await photo(600, 400)).subarray(0, 20_000), 'image/jpeg'),
        422,
        'undecodable-image',
      ],
      [
        'a broken form',
        () => upload(Buffer.from('--x\r\nnonsense'), 'multipart/form-data; boundary=x'),
        400,
        'invalid-body',
      ],
      [
        'a form without a boundary',
        () => upload(Buffer.from('x'), 'multipart/form-data'),
        400,
        'invalid-body',
      ],
    ])('%s', async (_what, send, status, code) => {
      const response = await send();

      expect(response.headers.get('content-type')).toContain('application/problem+json');
      expect(await response.json()).toMatchObject({ status, code });
      expect(response.status).toBe(status);
    });
  });
});
