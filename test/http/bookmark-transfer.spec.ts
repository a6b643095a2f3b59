import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ask, askUntil, type Answer, type Json } from './bookmarks.fixture.js';

const FILE = `<!DOCTYPE NETSCAPE-Bookmark-file-1>
<DL><p>
<DT><H3>Ships</H3>
<DL><p>
<DT><A HREF="https://example.org/hull" ADD_DATE="1700000000" TAGS="sea">The hull</A>
<DD>About hulls
<DT><A HREF="javascript:x()">Script</A>
<DT><A HREF="https://example.org/keel" ADD_DATE="1700000001">The keel</A>
</DL><p>
</DL><p>
`;
const HTML = { 'Content-Type': 'text/html' };

describe('bookmarks brought in from a file, and out again', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({ ENRICHMENT: 'off', IMPORT_MAX_BYTES: '100kB' });
  });

  afterAll(() => app.close());

  const send = (path: string, body: string, headers: Record<string, string> = HTML): Promise<Answer> =>
    ask(app, 'POST', `/api/bookmarks/import${path}`, { body, headers });
  const files = async (): Promise<string[]> => readdir(join(app.dataDir, 'imports')).catch(() => []);
  const finished = (operation: unknown): Promise<Json> =>
    askUntil(app, String(operation), ({ state }) => state === 'done' || state === 'failed');

  it('are told of before they come: a dry run writes nothing', async () => {
    const answer = await send('?dryRun=true', FILE);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      dryRun: true,
      format: 'netscape',
      counts: { new: 2, known: 0, skipped: 1, failed: 0, 'skipped.unsupported-scheme': 1 },
      problems: [
        expect.objectContaining({ ordinal: 2, line: 7, reason: 'unsupported-scheme', title: 'Script' }),
      ],
    });
    expect(await files()).toEqual([]);
  });

  it('are acknowledged with an operation, which says what became of them', async () => {
    const answer = await send('?tags=imported', FILE);
    expect(answer.status).toBe(202);
    const { operation, report } = answer.body;
    expect(answer.headers.get('location')).toBe(operation);
    expect(answer.body).toMatchObject({ format: 'netscape', bytes: FILE.length });

    const done = await finished(operation);

    expect(done).toMatchObject({ state: 'done', result: { counts: { created: 2, skipped: 1 } } });
    const lines = await ask(app, 'GET', String(report));
    expect(lines.headers.get('content-type')).toMatch(/^application\/x-ndjson/);
    expect(
      lines.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Json),
    ).toEqual([
      expect.objectContaining({ outcome: 'skipped', ordinal: 2, line: 7 }),
      { summary: { format: 'netscape', counts: expect.objectContaining({ created: 2 }) } },
    ]);
    const list = await ask(app, 'GET', '/api/bookmarks?tag=ships&sort=createdAt');
    expect(list.body['bookmarks']).toEqual([
      expect.objectContaining({
        title: 'The hull',
        description: 'About hulls',
        tags: ['imported', 'sea', 'Ships'],
        createdAt: '2023-11-14T22:13:20.000Z',
      }),
      expect.objectContaining({ title: 'The keel' }),
    ]);
  });

  it('may come as a form, and change nothing the second time', async () => {
    const form = new FormData();
    form.set('file', new Blob([FILE], { type: 'text/html' }), 'bookmarks.html');
    const response = await fetch(`${app.url}/api/bookmarks/import?tags=imported`, {
      method: 'POST',
      body: form,
    });
    expect(response.status).toBe(202);

    const done = await finished(((await response.json()) as Json)['operation']);

    expect(done).toMatchObject({
      state: 'done',
      result: { counts: { created: 0, merged: 0, unchanged: 2 } },
    });
  });

  it.each([
    ['netscape', 'text/html; charset=utf-8', /^attachment; filename="bookmarks-\d{4}-\d\d-\d\d\.html"$/],
    ['jsonl', 'application/x-ndjson; charset=utf-8', /\.jsonl"$/],
    ['csv', 'text/csv; charset=utf-8; header=present', /\.csv"$/],
    ['atom', 'application/atom+xml; charset=utf-8', /^inline; .*\.atom"$/],
  ])('leave as %s', async (format, type, disposition) => {
    const answer = await ask(app, 'GET', `/api/bookmarks/export?format=${format}&tag=sea`);

    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe(type);
    expect(answer.headers.get('content-disposition')).toMatch(disposition);
    expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
    expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    expect(answer.text).toContain('https://example.org/hull');
    expect(answer.text).not.toContain('https://example.org/keel');
  });

  it('come back after they were deleted, from what was exported', async () => {
    const exported = (await ask(app, 'GET', '/api/bookmarks/export?format=jsonl')).text;
    const before = (await ask(app, 'GET', '/api/bookmarks?sort=createdAt')).body['bookmarks'] as Json[];
    for (const { id } of before) await ask(app, 'DELETE', `/api/bookmarks/${String(id)}`);

    const { body } = await send('', exported, { 'Content-Type': 'application/x-ndjson' });
    await finished(body['operation']);

    const after = (await ask(app, 'GET', '/api/bookmarks?sort=createdAt')).body['bookmarks'] as Json[];
    const essence = ({ url, title, description, tags, createdAt, metadata }: Json): unknown[] => [
      url,
      title,
      description,
      tags,
      createdAt,
      metadata,
    ];
    expect(after.map(essence)).toEqual(before.map(essence));
    expect(before).toHaveLength(2);
  });

  it.each<[string, string, string, Record<string, string>, number, string]>([
    ['a picture', '', '\u0089PNG\r\n\u001a\n\0\0\0\rIHDR\0\0', HTML, 422, 'unreadable-import'],
    ['nothing', '', '', HTML, 422, 'unreadable-import'],
    ['prose', '', 'Dear reader,', HTML, 422, 'unreadable-import'],
    ['prose, dry', '?dryRun=true', 'Dear reader,', HTML, 422, 'unreadable-import'],
    ['an image type', '', FILE, { 'Content-Type': 'image/png' }, 415, 'unsupported-media-type'],
    ['too much', '', `${FILE}${' '.repeat(100_000)}`, HTML, 413, 'body-too-large'],
    ['too much, dry', '?dryRun=true', `${FILE}${' '.repeat(100_000)}`, HTML, 413, 'body-too-large'],
    ['a strange format', '?format=word', FILE, HTML, 400, 'invalid-parameter'],
    ['a strange flag', '?dryRun=yes', FILE, HTML, 400, 'invalid-parameter'],
    ['a strange parameter', '?fast=true', FILE, HTML, 400, 'invalid-parameter'],
    ['a rule for folders that is none', '?folders=keep', FILE, HTML, 400, 'invalid-parameter'],
    ['a tag that is too long', `?tags=${'x'.repeat(101)}`, FILE, HTML, 400, 'invalid-parameter'],
  ])('are refused: %s', async (_what, path, body, headers, status, code) => {
    const before = await files();

    const answer = await send(path, body, headers);

    expect([answer.status, answer.body['code']]).toEqual([status, code]);
    expect(await files()).toEqual(before);
  });

  it.each([
    ['/api/bookmarks/export?format=pdf', 400, 'invalid-parameter'],
    ['/api/bookmarks/export?status=lost', 400, 'invalid-parameter'],
    ['/api/bookmarks/export?limit=5', 400, 'invalid-parameter'],
    ['/api/bookmarks/imports/00000000-0000-4000-8000-000000000000/report', 404, 'operation-not-found'],
    ['/api/bookmarks/imports/..%2f..%2fplimsoll.db/report', 404, 'operation-not-found'],
  ])('GET %s answers %i', async (path, status, code) => {
    const answer = await ask(app, 'GET', path);

    expect([answer.status, answer.body['code']]).toEqual([status, code]);
  });

  it('leave nothing behind when the client goes away in the middle', async () => {
    const before = await files();
    const upload = request(`${app.url}/api/bookmarks/import`, {
      method: 'POST',
      headers: { 'Content-Type': 'text/html', 'Content-Length': '50000' },
    });
    upload.on('error', () => undefined);
    upload.write(FILE);
    for (let count = 0; (await files()).length === before.length && count < 500; count++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const during = await files();

    upload.destroy();
    for (let count = 0; (await files()).length > before.length && count < 500; count++)
      await new Promise((resolve) => setTimeout(resolve, 5));

    expect(during.length).toBe(before.length + 1);
    expect(await files()).toEqual(before);
    await app.expectNothingLeft();
  });
});

describe('a server that asks for a token', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({ ENRICHMENT: 'off', API_TOKENS: 'a-token-of-some-length-1234' });
  });

  afterAll(() => app.close());

  it.each([
    ['POST', '/api/bookmarks/import'],
    ['POST', '/api/bookmarks/import?dryRun=true'],
    ['GET', '/api/bookmarks/export'],
    ['GET', '/api/bookmarks/imports/00000000-0000-4000-8000-000000000000/report'],
  ])('keeps %s %s from others', async (method, path) => {
    const answer = await ask(app, method, path, method === 'POST' ? { body: FILE, headers: HTML } : {});

    expect([answer.status, answer.body['code']]).toEqual([401, 'missing-token']);
  });
});
