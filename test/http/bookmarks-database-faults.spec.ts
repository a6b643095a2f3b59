import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SqliteFile from 'better-sqlite3';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DATABASE, type Database } from '../../src/database/index.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ask, bookmarksOf, type Answer, type Json } from './bookmarks.fixture.js';

const FILE = 'https://example.org/imported-a\nhttps://example.org/imported-b\n';

describe('a database that cannot be written', () => {
  let app: TestApp;
  let database: Database;
  let kept: Json;

  beforeEach(async () => {
    app = await startTestApp({ ENRICHMENT: 'off' });
    database = app.app.get<Database>(DATABASE, { strict: false });
    kept = await keep();
  });

  afterEach(() => app.close());

  const keep = async (): Promise<Json> => {
    const body = { url: 'https://example.org/kept', tags: ['kept'] };
    const { headers } = await ask(app, 'POST', '/api/bookmarks', { body });
    return (await ask(app, 'GET', headers.get('location') ?? '')).body;
  };
  const create = (name: string, note = 'x'): Promise<Answer> =>
    ask(app, 'POST', '/api/bookmarks', { body: { url: `https://example.org/${name}`, note } });
  const list = async (): Promise<unknown[]> =>
    bookmarksOf((await ask(app, 'GET', '/api/bookmarks?sort=createdAt')).body).map(({ url }) => url);
  const onWriter = (pragma: string): Promise<unknown> =>
    // Inside a transaction: on its own a pragma would go to the connection that reads.
    database.transaction((queries) => sql.raw(`pragma ${pragma}`).execute(queries));

  const expectUnavailable = (answer: Answer, reason: string): void => {
    expect(answer).toMatchObject({
      status: 503,
      body: {
        status: 503,
        code: 'database-unavailable',
        title: 'Database unavailable',
        detail: `The database cannot be used: ${reason}.`,
        retryAfterSeconds: expect.any(Number),
      },
    });
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(5);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  };

  /** Every route that writes, one after the other. */
  const writeEverywhere = async (): Promise<Answer[]> => {
    const path = `/api/bookmarks/${String(kept['id'])}`;
    const { tags } = (await ask(app, 'GET', '/api/tags')).body;
    const tag = `/api/tags/${String((tags as readonly Json[])[0]?.['id'])}`;
    const operations = [
      { op: 'create', url: 'https://example.org/bulk', note: 'x' },
      { op: 'delete', id: kept['id'] },
    ];
    return [
      await create('created'),
      await ask(app, 'PATCH', path, { body: { note: 'changed' } }),
      await ask(app, 'DELETE', path),
      await ask(app, 'POST', '/api/bookmarks/bulk', { body: { operations } }),
      await ask(app, 'PATCH', tag, { body: { name: 'renamed' } }),
      await ask(app, 'DELETE', tag),
      await ask(app, 'POST', '/api/bookmarks/import', {
        body: FILE,
        headers: { 'Content-Type': 'text/plain' },
      }),
    ];
  };

  const expectUntouched = async (): Promise<void> => {
    const { body, status } = await ask(app, 'GET', `/api/bookmarks/${String(kept['id'])}`);
    expect({ status, body }).toEqual({ status: 200, body: kept });
    expect(await list()).toEqual(['https://example.org/kept']);
    expect(bookmarksOf((await ask(app, 'GET', '/api/bookmarks?tag=kept')).body)).toHaveLength(1);
    const feed = await ask(app, 'GET', '/api/bookmarks?modifiedSince=2020-01-01T00:00:00Z');
    expect((feed.body['changes'] as readonly Json[]).map(({ type }) => type)).toEqual(['saved']);
    expect((await ask(app, 'GET', '/api/operations')).body['jobs']).toEqual([]);
    // An upload that could not be acknowledged leaves no file.
    expect(await readdir(join(app.dataDir, 'imports')).catch(() => [])).toEqual([]);
  };

  it('because nothing may be written to its file: each route says so, reads go on, nothing changes', async () => {
    await onWriter('query_only = on');

    for (const answer of await writeEverywhere()) expectUnavailable(answer, 'its file may not be written');
    await expectUntouched();
  });

  it('because the disk is full: each route says so, nothing is written by halves, and it goes on with room', async () => {
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(database.queries);
    const fill = (await create('filler', 'x'.repeat(9_000))).status;
    expect(fill).toBe(201);
    await ask(app, 'DELETE', `/api/bookmarks/${String(kept['id'])}`);
    kept = await keep();
    await onWriter(`max_page_count = ${Number(rows[0]?.page_count)}`);

    const before = await list();
    const refused: Answer[] = [];
    let acknowledged = 0;
    for (let n = 0; n < 40; n++) {
      const answer = await create(`full-${n}`, 'y'.repeat(9_000));
      if (answer.status === 201) acknowledged++;
      else refused.push(answer);
    }

    expect(refused.length).toBeGreaterThan(30);
    for (const answer of refused) expectUnavailable(answer, 'the disk is full');
    expect(await list()).toHaveLength(before.length + acknowledged);
    const operations = Array.from({ length: 3 }, (_, n) => ({
      op: 'create',
      url: `https://example.org/bulk-${n}`,
      note: 'y'.repeat(9_000),
    }));
    expectUnavailable(
      await ask(app, 'POST', '/api/bookmarks/bulk', { body: { operations } }),
      'the disk is full',
    );
    expect(await list()).toHaveLength(before.length + acknowledged);

    await onWriter('max_page_count = 1000000');
    expect((await create('after', 'y'.repeat(9_000))).status).toBe(201);
    expect((await ask(app, 'POST', '/api/bookmarks/bulk', { body: { operations } })).body).toMatchObject({
      succeeded: 3,
    });
    const checks = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(database.queries);
    expect(checks.rows).toEqual([{ integrity_check: 'ok' }]);
  });

  it('because another program holds it: writers are told after a while, readers wait for nothing', async () => {
    const other = new SqliteFile(join(app.dataDir, 'plimsoll.db'));
    other.exec('begin immediate');

    // At the same time: the second waits in the queue behind the first.
    const writing = Promise.all([create('a'), create('b')]);
    expect(await list()).toEqual(['https://example.org/kept']);
    const [first, second] = await writing;
    other.exec('rollback');
    other.close();

    expectUnavailable(first, 'another process holds its lock');
    expect(second).toMatchObject({ status: 503, body: { code: 'database-unavailable' } });
    await expectUntouched();
    expect((await create('a')).status).toBe(201);
  });
});

describe('a read-only server on a folder without a database', () => {
  it('starts, shows no bookmarks, takes none, and makes no file', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-empty-'));
    const app = await startTestApp({ READ_ONLY: 'on' }, { dataDir });

    const answers = [
      await ask(app, 'GET', '/api/bookmarks'),
      await ask(app, 'GET', '/api/bookmarks?q=anything'),
      await ask(app, 'GET', '/api/tags'),
      await ask(app, 'GET', '/api/operations'),
      await ask(app, 'GET', '/api/health'),
    ];
    const refused = await ask(app, 'POST', '/api/bookmarks', { body: { url: 'https://example.org/' } });

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(bookmarksOf(answers[0]?.body ?? {})).toEqual([]);
    expect(refused).toMatchObject({ status: 403, body: { code: 'read-only' } });
    expect(await readdir(dataDir)).toEqual([]);
    await app.close();
    await rm(dataDir, { recursive: true, force: true });
  });
});
