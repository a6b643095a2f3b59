import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ask, bookmarksOf, type Answer, type Json } from './bookmarks.fixture.js';

let app: TestApp;
let serial = 0;

const freshUrl = (): string => `https://example.org/page-${(serial += 1)}`;

async function create(fields: Json = {}): Promise<Answer> {
  const answer = await ask(app, 'POST', '/api/bookmarks', { body: { url: freshUrl(), ...fields } });
  expect(answer.status).toBe(201);
  return answer;
}

const pathOf = ({ body }: Answer): string => `/api/bookmarks/${String(body['id'])}`;
const etagOf = ({ headers }: Answer): string => headers.get('etag') ?? '';

beforeAll(async () => {
  app = await startTestApp({ ENRICHMENT: 'off' });
});
afterAll(() => app.close());

describe('creating', () => {
  it('answers 201 with place, revision and everything that is known', async () => {
    const created = await create({
      title: '  A title ',
      description: '',
      note: 'n',
      tags: ['Node', ' node', 'NODE', 'zebra', ''],
      favourite: true,
      createdAt: '2020-02-03T04:05:06+01:00',
      language: 'en',
    });

    expect(created.headers.get('location')).toBe(pathOf(created));
    expect(etagOf(created)).toBe(`"${String(created.body['id'])}-1"`);
    expect(created.headers.get('cache-control')).toBe('private, no-cache');
    expect(created.body).toMatchObject({
      title: 'A title',
      description: null,
      note: 'n',
      tags: ['Node', 'zebra'],
      archived: false,
      favourite: true,
      createdAt: '2020-02-03T03:05:06.000Z',
      metadata: { title: { value: 'A title', source: 'user' }, language: { value: 'en', source: 'user' } },
      image: { source: 'card' },
      alreadyExists: false,
    });
  });

  it('of a known URL answers 200 with the bookmark that has it, unchanged, however it is written', async () => {
    const first = await ask(app, 'POST', '/api/bookmarks', {
      body: { url: 'https://Example.org:443/same/?b=2&a=1&utm_medium=x#top', title: 'First' },
    });

    const second = await ask(app, 'POST', '/api/bookmarks', {
      body: { url: 'https://example.org/same?a=1&b=2', title: 'Second', tags: ['new'] },
    });

    expect(second.status).toBe(200);
    expect(second.body).toEqual({ ...first.body, alreadyExists: true });
    expect(etagOf(second)).toBe(etagOf(first));
    expect(second.headers.get('location')).toBe(pathOf(first));
  });

  it('at the same time from many clients keeps one', async () => {
    const url = freshUrl();

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask(app, 'POST', '/api/bookmarks', { body: { url } })),
    );

    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1);
  });

  it('is told of by check-url', async () => {
    const created = await create();
    const { url } = created.body as { url: string };

    const known = await ask(
      app,
      'GET',
      `/api/bookmarks/check-url?url=${encodeURIComponent(`${url}/?fbclid=1#x`)}`,
    );
    const unknown = await ask(app, 'GET', '/api/bookmarks/check-url?url=https://nowhere.example');

    expect(known.body).toEqual({ bookmarkId: created.body['id'], normalisedUrl: url });
    expect(unknown.body).toEqual({ bookmarkId: null, normalisedUrl: 'https://nowhere.example/' });
  });
});

describe('one bookmark', () => {
  it('answers 304 to who knows its revision', async () => {
    const created = await create();
    const path = pathOf(created);

    const known = await ask(app, 'GET', path, { headers: { 'If-None-Match': `"x", W/${etagOf(created)}` } });
    const other = await ask(app, 'GET', path, { headers: { 'If-None-Match': '"x"' } });

    expect({ status: known.status, text: known.text, etag: etagOf(known) }).toEqual({
      status: 304,
      text: '',
      etag: etagOf(created),
    });
    expect(other.status).toBe(200);
  });

  it('changes what a merge patch names, and nothing else', async () => {
    const created = await create({ title: 'T', description: 'D', note: 'N', tags: ['a', 'b'] });

    const patched = await ask(app, 'PATCH', pathOf(created), {
      body: { description: null, tags: ['b', 'C'], archived: true, publishedAt: '2020-01-02' },
      headers: { 'Content-Type': 'application/merge-patch+json' },
    });

    expect(patched.status).toBe(200);
    expect(patched.body).toMatchObject({
      title: 'T',
      description: null,
      note: 'N',
      tags: ['b', 'C'],
      archived: true,
      revision: 2,
      metadata: { publishedAt: { value: '2020-01-02', source: 'user' } },
    });
    expect(etagOf(patched)).toBe(`"${String(created.body['id'])}-2"`);
  });

  it('that would not change keeps its revision', async () => {
    const created = await create({ title: 'T', tags: ['a'] });

    const patched = await ask(app, 'PATCH', pathOf(created), { body: { title: 'T', tags: ['A'] } });

    expect(etagOf(patched)).toBe(etagOf(created));
  });

  it('refuses a change against an old revision, and tells the new one', async () => {
    const created = await create({ title: 'T' });
    const first = await ask(app, 'PATCH', pathOf(created), {
      body: { title: 'Mine' },
      headers: { 'If-Match': etagOf(created) },
    });

    const lost = await ask(app, 'PATCH', pathOf(created), {
      body: { title: 'Yours' },
      headers: { 'If-Match': etagOf(created) },
    });
    const removal = await ask(app, 'DELETE', pathOf(created), { headers: { 'If-Match': etagOf(created) } });

    expect(first.status).toBe(200);
    expect(lost).toMatchObject({ status: 412, body: { code: 'revision-mismatch', etag: etagOf(first) } });
    expect(removal.status).toBe(412);
    expect((await ask(app, 'GET', pathOf(created))).body['title']).toBe('Mine');
    const withNew = await ask(app, 'DELETE', pathOf(created), { headers: { 'If-Match': etagOf(first) } });
    expect(withNew.status).toBe(204);
  });

  it.each([
    ['a weak tag', (etag: string) => `W/${etag}`, 412],
    ['any revision', () => '*', 200],
    ['one of several', (etag: string) => `"x", ${etag}`, 200],
    ['no tag at all', () => 'abc', 400],
  ])('takes If-Match with %s as RFC 9110 has it', async (_what, header, status) => {
    const created = await create();

    const patched = await ask(app, 'PATCH', pathOf(created), {
      body: { note: 'x' },
      headers: { 'If-Match': header(etagOf(created)) },
    });

    expect(patched.status).toBe(status);
  });

  it('takes over no URL that another one has', async () => {
    const one = await create();
    const other = await create();

    const moved = await ask(app, 'PATCH', pathOf(one), { body: { url: `${String(other.body['url'])}/` } });

    expect(moved).toMatchObject({ status: 409, body: { code: 'bookmark-url-taken' } });
    expect((await ask(app, 'GET', pathOf(one))).body['url']).toBe(one.body['url']);
  });

  it('takes a picture of the person, and gives it back', async () => {
    const created = await create();

    const own = await ask(app, 'PATCH', pathOf(created), {
      body: { imageUrl: 'https://pictures.example/a.jpg' },
    });
    const back = await ask(app, 'PATCH', pathOf(created), { body: { imageUrl: null } });

    expect(own.body['image']).toMatchObject({ source: 'user' });
    expect(back.body['image']).toMatchObject({ source: 'card' });
  });

  it('that is deleted is gone', async () => {
    const created = await create();

    const removed = await ask(app, 'DELETE', pathOf(created));

    expect(removed).toMatchObject({ status: 204, text: '' });
    for (const method of ['GET', 'DELETE']) {
      expect(await ask(app, method, pathOf(created))).toMatchObject({
        status: 404,
        body: { code: 'bookmark-not-found' },
      });
    }
    expect((await ask(app, 'GET', `${pathOf(created)}/image`)).status).toBe(404);
    expect((await ask(app, 'POST', `${pathOf(created)}/refresh`)).status).toBe(404);
  });
});

describe('lists', () => {
  it('go from page to page by cursor and Link, each bookmark once, while others come', async () => {
    const ids: unknown[] = [];
    for (let index = 0; index < 7; index += 1) {
      ids.unshift((await create({ tags: ['paged'] })).body['id']);
    }

    const seen: unknown[] = [];
    const totals: unknown[] = [];
    let next: string | null = '/api/bookmarks?tag=paged&limit=3&count=true';
    while (next !== null) {
      const page: Answer = await ask(app, 'GET', next);
      totals.push((page.body['meta'] as Json)['total']);
      seen.push(...bookmarksOf(page.body).map(({ id }) => id));
      await create({ tags: ['paged'] });
      const link = page.headers.get('link');
      next = link === null ? null : (/^<([^>]+)>; rel="next"$/.exec(link)?.[1] ?? 'no link');
      expect(next === null).toBe(page.body['nextCursor'] === null);
    }

    expect(seen).toEqual(ids);
    expect(totals).toEqual([7, 8, 9]);
  });

  it('are narrowed by every filter', async () => {
    const mine = await create({
      url: 'https://sub.filtered.example/a',
      title: 'b',
      tags: ['f1', 'F2'],
      favourite: true,
      createdAt: '2001-01-01T00:00:00Z',
    });
    await create({ url: 'https://filtered.example/b', title: 'a', tags: ['f1'], archived: true });
    const count = async (query: string): Promise<number> =>
      bookmarksOf((await ask(app, 'GET', `/api/bookmarks?domain=filtered.example&${query}`)).body).length;

    expect(await count('')).toBe(2);
    expect(await count('tag=f1&tag=f2')).toBe(1);
    expect(await count('archived=true')).toBe(1);
    expect(await count('archived=false&favourite=true')).toBe(1);
    expect(await count('untagged=true')).toBe(0);
    expect(await count('status=dead')).toBe(0);
    expect(await count('before=2001-06-01T00:00:00Z')).toBe(1);
    expect(await count('after=2001-06-01T00:00:00Z')).toBe(1);
    const [first] = bookmarksOf(
      (await ask(app, 'GET', '/api/bookmarks?domain=FILTERED.example&sort=-title')).body,
    );
    expect(first?.['id']).toBe(mine.body['id']);
  });

  it('by words find what a person wrote a moment ago', async () => {
    const created = await create({ title: 'Quokka handbook', note: 'marsupials' });

    const { body } = await ask(app, 'GET', '/api/bookmarks?q=qoukka');

    expect(bookmarksOf(body).map(({ id }) => id)).toEqual([created.body['id']]);
    expect(body['meta']).toMatchObject({ engine: expect.any(String), tookMs: expect.any(Number) });
  });
});

describe('delta sync', () => {
  it('tells of what was saved and deleted since a token, once, in order', async () => {
    const gone = await create();
    const start = (await ask(app, 'GET', '/api/bookmarks?limit=1')).body['meta'] as { syncToken: string };
    const one = await create();
    const two = await create();
    await ask(app, 'PATCH', pathOf(one), { body: { note: 'changed' } });
    await ask(app, 'DELETE', pathOf(gone));

    const delta = await ask(app, 'GET', `/api/bookmarks?modifiedSince=${start.syncToken}`);
    const { syncToken } = delta.body['meta'] as { syncToken: string };
    const later = await ask(app, 'GET', `/api/bookmarks?modifiedSince=${syncToken}`);

    const changes = delta.body['changes'] as readonly Json[];
    expect(
      changes.map(({ type, id, bookmark }) => [type, id ?? (bookmark as Json | undefined)?.['id']]),
    ).toEqual([
      ['saved', two.body['id']],
      ['saved', one.body['id']],
      ['deleted', gone.body['id']],
    ]);
    expect(later.body).toMatchObject({ changes: [], meta: { more: false } });
  });

  it('goes on by Link while there is more, from a time on', async () => {
    const ids = new Set<unknown>();
    let next: string | null = '/api/bookmarks?modifiedSince=1970-01-01T00:00:00Z&limit=4';
    while (next !== null) {
      const page: Answer = await ask(app, 'GET', next);
      for (const { bookmark } of page.body['changes'] as readonly Json[]) {
        if (bookmark !== undefined) ids.add((bookmark as Json)['id']);
      }
      next = /^<([^>]+)>/.exec(page.headers.get('link') ?? '')?.[1] ?? null;
    }

    const total = (await ask(app, 'GET', '/api/bookmarks?count=true&limit=1')).body['meta'] as Json;
    expect(ids.size).toBe(total['total']);
  });

  it('refuses what it cannot keep its word for', async () => {
    const { body } = await ask(app, 'GET', '/api/bookmarks?modifiedSince=2020-01-01T00:00:00Z&tag=a');
    const token = await ask(app, 'GET', '/api/bookmarks?modifiedSince=s1-zzzzzzz-zzzzzzzz');
    const { syncToken } = (await ask(app, 'GET', '/api/bookmarks?limit=1')).body['meta'] as Json;
    app.skip(91 * 24 * 3_600_000);
    const old = await ask(app, 'GET', `/api/bookmarks?modifiedSince=${String(syncToken)}`);

    expect(body).toMatchObject({ code: 'invalid-parameter', detail: expect.stringContaining('tag') });
    expect(token.body).toMatchObject({ code: 'invalid-cursor' });
    expect(old.body).toMatchObject({ code: 'invalid-cursor', detail: expect.stringContaining('older') });
  });
});

describe('bulk', () => {
  it('gives each operation its own outcome, in order, and one bad one holds up no other', async () => {
    const known = await create({ tags: ['x', 'y'] });
    const doomed = await create();
    const id = known.body['id'];

    const { status, body } = await ask(app, 'POST', '/api/bookmarks/bulk', {
      body: {
        operations: [
          { op: 'create', url: freshUrl(), title: 'new' },
          { op: 'create', url: known.body['url'] },
          { op: 'addTags', id, tags: ['Z', 'X'] },
          { op: 'removeTags', id, tags: ['Y'] },
          { op: 'favourite', id },
          { op: 'favourite', id },
          { op: 'update', id, note: 'n', ifMatch: etagOf(known) },
          { op: 'update', id, title: 'named' },
          { op: 'delete', id: doomed.body['id'] },
          { op: 'delete', id: doomed.body['id'] },
          { op: 'explode', id },
          { op: 'update', id, colour: 'red' },
          { op: 'create', url: 'javascript:alert(1)' },
          7,
        ],
      },
    });

    expect(status).toBe(200);
    const results = body['results'] as readonly { index: number; outcome: string; error?: Json }[];
    expect(results.map(({ outcome, error }) => error?.['code'] ?? outcome)).toEqual([
      'created',
      'existing',
      'updated',
      'updated',
      'updated',
      'unchanged',
      'revision-mismatch',
      'updated',
      'deleted',
      'bookmark-not-found',
      'invalid-body',
      'invalid-body',
      'invalid-bookmark-url',
      'invalid-body',
    ]);
    expect(results.map(({ index }) => index)).toEqual(results.map((_, index) => index));
    expect(results[11]?.error?.['detail']).toContain('"colour"');
    expect({ succeeded: body['succeeded'], refused: body['refused'] }).toEqual({ succeeded: 8, refused: 6 });
    expect((await ask(app, 'GET', pathOf(known))).body).toMatchObject({
      tags: ['x', 'Z'],
      favourite: true,
      note: null,
      title: 'named',
    });
  });

  it('takes a thousand operations and not one more', async () => {
    const operations = (count: number): Json[] =>
      Array.from({ length: count }, () => ({ op: 'create', url: freshUrl(), tags: ['bulk'] }));

    const most = await ask(app, 'POST', '/api/bookmarks/bulk', { body: { operations: operations(1_000) } });
    const more = await ask(app, 'POST', '/api/bookmarks/bulk', { body: { operations: operations(1_001) } });

    expect(most.body).toMatchObject({ succeeded: 1_000, refused: 0 });
    expect(more).toMatchObject({ status: 400, body: { code: 'invalid-body' } });
    const { body } = await ask(app, 'GET', '/api/bookmarks?tag=bulk&limit=1&count=true');
    expect(body['meta']).toMatchObject({ total: 1_000 });
  });
});

describe('tags', () => {
  it('are counted, renamed, merged and taken off', async () => {
    await create({ tags: ['Merge one', 'merge two'] });
    const other = await create({ tags: ['MERGE TWO'] });
    const tags = async (): Promise<readonly Json[]> =>
      (await ask(app, 'GET', '/api/tags?prefix=mErGe')).body['tags'] as readonly Json[];
    const [one, two] = await tags();
    expect([one, two]).toMatchObject([
      { name: 'Merge one', count: 1 },
      { name: 'merge two', count: 2 },
    ]);

    const renamed = await ask(app, 'PATCH', `/api/tags/${String(one?.['id'])}`, {
      body: { name: ' Merge  three ' },
    });
    const merged = await ask(app, 'PATCH', `/api/tags/${String(two?.['id'])}`, {
      body: { name: 'merge THREE' },
    });

    expect(renamed.body).toMatchObject({ name: 'Merge three', count: 1 });
    expect(merged.body).toMatchObject({ count: 2 });
    expect(await tags()).toHaveLength(1);
    expect((await ask(app, 'GET', pathOf(other))).body).toMatchObject({ revision: 2 });
    const removed = await ask(app, 'DELETE', `/api/tags/${String((await tags())[0]?.['id'])}`);
    expect(removed.status).toBe(204);
    expect((await ask(app, 'GET', pathOf(other))).body['tags']).toEqual([]);
    expect(await ask(app, 'PATCH', '/api/tags/none', { body: { name: 'x' } })).toMatchObject({
      status: 404,
      body: { code: 'tag-not-found' },
    });
    expect((await ask(app, 'DELETE', '/api/tags/none')).status).toBe(404);
  });
});

describe('refreshing', () => {
  it('queues what a filter names, once', async () => {
    const created = await create({ url: 'https://refreshed.example/a' });

    const one = await ask(app, 'POST', `${pathOf(created)}/refresh`);
    const all = await ask(app, 'POST', '/api/bookmarks/refresh', {
      body: { filter: { domain: 'refreshed.example' } },
    });
    const neither = await ask(app, 'POST', '/api/bookmarks/refresh', { body: {} });

    expect(one.status).toBe(202);
    expect((await ask(app, 'GET', one.headers.get('location') ?? '')).body).toMatchObject({ kind: 'enrich' });
    expect(all).toMatchObject({
      status: 202,
      body: { matched: 1, queued: expect.any(Number), nextCursor: null },
    });
    expect(neither).toMatchObject({ status: 400, body: { code: 'invalid-body' } });
  });
});

describe('who may', () => {
  it('asks for a token on every route of bookmarks, tags and operations when some are set', async () => {
    const guarded = await startTestApp({ ENRICHMENT: 'off', API_TOKENS: 'a-token-that-is-long-enough' });
    try {
      for (const [method, path] of [
        ['GET', '/api/bookmarks'],
        ['POST', '/api/bookmarks'],
        ['POST', '/api/bookmarks/bulk'],
        ['GET', '/api/bookmarks/check-url?url=https://a.example'],
        ['GET', '/api/bookmarks/export'],
        ['POST', '/api/bookmarks/import'],
        ['GET', '/api/bookmarks/x'],
        ['GET', '/api/bookmarks/x/image'],
        ['GET', '/api/tags'],
        ['GET', '/api/operations'],
        ['DELETE', '/api/icons/example.org'],
      ] as const) {
        expect(await ask(guarded, method, path)).toMatchObject({
          status: 401,
          body: { code: 'missing-token' },
        });
      }
      const headers = { Authorization: 'Bearer a-token-that-is-long-enough' };
      const created = await ask(guarded, 'POST', '/api/bookmarks', {
        body: { url: 'https://a.example/' },
        headers,
      });
      const picture = await ask(guarded, 'GET', `${pathOf(created)}/image`, { headers });
      expect(created.status).toBe(201);
      expect(picture.headers.get('cache-control')).toMatch(/^private, /);
    } finally {
      await guarded.close();
    }
  });

  it('writes nothing when the server is read-only', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-read-only-'));
    const writer = await startTestApp({ ENRICHMENT: 'off' }, { dataDir });
    const created = await ask(writer, 'POST', '/api/bookmarks', { body: { url: freshUrl() } });
    const { id } = created.body;
    await writer.close();
    const reader = await startTestApp({ READ_ONLY: 'on' }, { dataDir });
    try {
      for (const [method, path, body] of [
        ['POST', '/api/bookmarks', { url: 'https://a.example/' }],
        ['PATCH', `/api/bookmarks/${String(id)}`, { note: 'x' }],
        ['DELETE', `/api/bookmarks/${String(id)}`, undefined],
        ['POST', '/api/bookmarks/bulk', { operations: [{ op: 'delete', id }] }],
        ['POST', `/api/bookmarks/${String(id)}/refresh`, undefined],
        ['DELETE', '/api/tags/x', undefined],
      ] as const) {
        expect(await ask(reader, method, path, { body })).toMatchObject({
          status: 403,
          body: { code: 'read-only' },
        });
      }
      expect((await ask(reader, 'GET', `/api/bookmarks/${String(id)}`)).status).toBe(200);
    } finally {
      await reader.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
