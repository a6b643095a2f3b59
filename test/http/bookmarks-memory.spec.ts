import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ask, bookmarksOf } from './bookmarks.fixture.js';

describe('bookmarks when memory is short', () => {
  let app: TestApp;
  let path: string;

  beforeAll(async () => {
    app = await startTestApp({ ENRICHMENT: 'off' }, { injectMemory: true });
    await app.injectPercent(50);
    const { body } = await ask(app, 'POST', '/api/bookmarks', {
      body: { url: 'https://example.org/early', title: 'Lighthouse' },
    });
    path = `/api/bookmarks/${String(body['id'])}`;
  });
  afterAll(() => app.close());

  it('are written, listed and found at 80 % all the same: only pictures are refused', async () => {
    await app.injectPercent(83);
    expect(app.level()).toBe('pressure');

    const created = await ask(app, 'POST', '/api/bookmarks', { body: { url: 'https://example.org/late' } });
    const patched = await ask(app, 'PATCH', path, { body: { note: 'written under pressure' } });
    const bulk = await ask(app, 'POST', '/api/bookmarks/bulk', {
      body: { operations: [{ op: 'create', url: 'https://example.org/many' }] },
    });
    const found = await ask(app, 'GET', '/api/bookmarks?q=lighthuose');
    const refresh = await ask(app, 'POST', `${path}/refresh`);
    const picture = await ask(app, 'GET', `${path}/image?w=321`);

    expect([created.status, patched.status, bulk.status, refresh.status]).toEqual([201, 200, 200, 202]);
    expect(bulk.body).toMatchObject({ succeeded: 1 });
    expect(bookmarksOf(found.body)).toHaveLength(1);
    expect(found.body['meta']).toMatchObject({ engine: 'sqlite-fts' });
    expect(picture).toMatchObject({ status: 503, body: { code: 'memory-pressure' } });
    expect(picture.headers.get('retry-after')).not.toBeNull();
  });

  it('start no work in the background until memory is back', async () => {
    const { body } = await ask(app, 'GET', '/api/operations?kind=enrich');

    expect(body).toMatchObject({ jobs: [{ state: 'waiting' }] });
  });

  it('are refused as a whole at 90 %, before anything is written', async () => {
    await app.injectPercent(92);
    expect(app.level()).toBe('critical');

    const created = await ask(app, 'POST', '/api/bookmarks', { body: { url: 'https://example.org/never' } });
    const listed = await ask(app, 'GET', '/api/bookmarks');
    const operations = await ask(app, 'GET', '/api/operations');

    for (const answer of [created, listed, operations]) {
      expect(answer).toMatchObject({ status: 503, body: { code: 'memory-pressure' } });
    }
    await app.injectPercent(50, { holdMs: 60_000 });
    expect(app.level()).toBe('normal');
    const known = await ask(app, 'GET', '/api/bookmarks/check-url?url=https://example.org/never');
    expect(known.body).toMatchObject({ bookmarkId: null });
    expect((await ask(app, 'GET', path)).body).toMatchObject({ note: 'written under pressure' });
  });

  it('lose nothing when an operator empties the search index', async () => {
    const guarded = await startTestApp({
      ENRICHMENT: 'off',
      SEARCH_ENGINE: 'memory',
      ADMIN_TOKEN: 'an-admin-token-of-length',
    });
    try {
      await ask(guarded, 'POST', '/api/bookmarks', { body: { url: 'https://a.example/', title: 'Harbour' } });
      await ask(guarded, 'GET', '/api/bookmarks?q=harbour');

      const flushed = await ask(guarded, 'DELETE', '/api/admin/caches/search', {
        headers: { Authorization: 'Bearer an-admin-token-of-length' },
      });

      expect(flushed).toMatchObject({ status: 200, body: { freedBytes: { search: expect.any(Number) } } });
      expect(bookmarksOf((await ask(guarded, 'GET', '/api/bookmarks?q=harbuor')).body)).toHaveLength(1);
    } finally {
      await guarded.close();
    }
  });
});
