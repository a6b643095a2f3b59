import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ask, askUntil, bookmarksOf, type Json } from './bookmarks.fixture.js';

const EXAMPLES = fileURLToPath(new URL('../../examples/serve.mjs', import.meta.url));

const idsOf = (body: Json): unknown[] => bookmarksOf(body).map(({ id }) => id);

describe('a bookmark, as a new user meets it', () => {
  let pages: ChildProcess;
  let origin: string;
  let app: TestApp;
  let kept: Json;

  beforeAll(async () => {
    pages = spawn(process.execPath, [EXAMPLES, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: pages.stdout! }), 'line')) as [string];
    origin = /http:\/\/[\d.:]+/.exec(line)?.[0] ?? '';
    app = await startTestApp({
      FETCH_ALLOWED_HOSTS: new URL(origin).host,
      ENRICHMENT_HOST_DELAY_MS: '0',
    });
  });

  afterAll(async () => {
    await app.close();
    pages.kill();
  });

  const enriched = (id: unknown): Promise<Json> =>
    askUntil(app, `/api/bookmarks/${String(id)}`, ({ enrichment, image }) => {
      const { state } = enrichment as { state: string };
      return state === 'done' && (image as { source: string }).source === 'page';
    });

  it('is kept at once, and soon knows what its page says of itself', async () => {
    const created = await ask(app, 'POST', '/api/bookmarks', {
      body: { url: `${origin}/load-line.html?utm_source=newsletter`, tags: ['Sea', 'To read'] },
    });
    expect(created.status).toBe(201);

    kept = await enriched(created.body['id']);

    expect(kept).toMatchObject({
      url: `${origin}/load-line.html?utm_source=newsletter`,
      normalisedUrl: `${origin}/load-line.html`,
      title: 'The mark on the hull',
      description: expect.stringContaining('circle with a line through it'),
      tags: ['Sea', 'To read'],
      metadata: {
        title: { value: 'The mark on the hull', source: 'page' },
        siteName: { value: 'Harbour Notes', source: 'page' },
        author: { value: 'Ada Keel', source: 'page' },
      },
      http: { status: 200, deadSince: null },
    });
  });

  it('shows the picture of its page, in the size that is asked for', async () => {
    const { url } = kept['image'] as { url: string };

    const response = await fetch(`${app.url}${url}?w=300&format=webp`);

    const { width, format } = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
    expect(response.status).toBe(200);
    expect({ width, format }).toEqual({ width: 300, format: 'webp' });
    expect(response.headers.get('cache-control')).toMatch(/^public, max-age=\d+/);
  });

  it('is found with a typing error, with the place where it matched', async () => {
    const found = await askUntil(app, '/api/bookmarks?q=hull%20crago', (body) => idsOf(body).length > 0);

    expect(idsOf(found)).toEqual([kept['id']]);
    expect(found['meta']).toMatchObject({ engine: expect.stringMatching(/^(memory|sqlite-fts)$/) });
    expect(bookmarksOf(found)[0]?.['highlights']).toEqual(
      expect.arrayContaining([expect.objectContaining({ field: 'title', text: 'The mark on the hull' })]),
    );
  });

  it('is exported, deleted, imported, and found again with all that it knew', async () => {
    const exported = await ask(app, 'GET', '/api/bookmarks/export?format=jsonl');
    const { status } = await ask(app, 'DELETE', `/api/bookmarks/${String(kept['id'])}`);
    expect(status).toBe(204);
    expect(bookmarksOf((await ask(app, 'GET', '/api/bookmarks?q=hull')).body)).toEqual([]);

    const imported = await ask(app, 'POST', '/api/bookmarks/import', {
      body: exported.text,
      headers: { 'Content-Type': 'application/x-ndjson' },
    });

    expect(imported.status).toBe(202);
    await askUntil(app, String(imported.body['operation']), ({ state }) => state === 'done');
    const found = await askUntil(app, '/api/bookmarks?q=hull%20crago', (body) => idsOf(body).length > 0);
    const [again] = bookmarksOf(found);
    const { id: _id, revision: _revision, modifiedAt: _at, image, enrichment: _enrichment, ...same } = kept;
    expect(again).toMatchObject(same);
    expect(again?.['image']).toMatchObject({ source: (image as { source: string }).source });
  });

  it('of a page without a picture shows a card, never a broken image', async () => {
    const { body } = await ask(app, 'POST', '/api/bookmarks', { body: { url: `${origin}/knots.html` } });
    const known = await askUntil(
      app,
      `/api/bookmarks/${String(body['id'])}`,
      ({ enrichment }) => (enrichment as { state: string }).state === 'done',
    );

    const response = await fetch(`${app.url}/api/bookmarks/${String(body['id'])}/image?w=200&format=png`);

    expect(known).toMatchObject({
      title: 'Seven knots that hold',
      metadata: { author: { value: 'Jonas Splice', source: 'page' } },
    });
    expect(response.status).toBe(200);
    expect((await sharp(Buffer.from(await response.arrayBuffer())).metadata()).format).toBe('png');
  });

  it('keeps what a person wrote, whatever its page says, and shows the page again when that is taken back', async () => {
    const created = await ask(app, 'POST', '/api/bookmarks', { body: { url: `${origin}/tides.html` } });
    const path = `/api/bookmarks/${String(created.body['id'])}`;
    await enriched(created.body['id']);

    await ask(app, 'PATCH', path, { body: { title: 'Tides, explained' } });
    const asked = await ask(app, 'POST', `${path}/refresh?force=true`);
    await askUntil(app, String(asked.headers.get('location')), ({ state }) => state === 'done');
    const refreshed = await ask(app, 'GET', path);
    const takenBack = await ask(app, 'PATCH', path, { body: { title: null } });

    expect(asked.status).toBe(202);
    expect(refreshed.body).toMatchObject({
      title: 'Tides, explained',
      metadata: { title: { source: 'user' } },
    });
    expect(takenBack.body).toMatchObject({
      title: 'Reading a tide table',
      metadata: { title: { source: 'page' } },
    });
  });

  it('that moves to another URL forgets its old page and learns the new one', async () => {
    const created = await ask(app, 'POST', '/api/bookmarks', {
      body: { url: `${origin}/load-line.html?copy=1`, note: 'mine', tags: ['kept'] },
    });
    const path = `/api/bookmarks/${String(created.body['id'])}`;
    await enriched(created.body['id']);

    const moved = await ask(app, 'PATCH', path, { body: { url: `${origin}/tides.html?copy=1` } });

    expect(moved.body).toMatchObject({ title: null, note: 'mine', tags: ['kept'], metadata: {} });
    const known = await askUntil(app, path, ({ title }) => title === 'Reading a tide table');
    expect(known['metadata']).not.toHaveProperty('author');
  });
});
