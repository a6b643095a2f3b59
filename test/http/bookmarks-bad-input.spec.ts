import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ask, bookmarksOf, type Sent } from './bookmarks.fixture.js';

const URL_TEXT = 'https://example.org/';
const JSON_TYPE = 'application/json';

/** [what, body, code, part of the sentence] */
type Row = readonly [what: string, body: unknown, code: string, sentence: string];

const createRows: readonly Row[] = [
  [
    'javascript:',
    { url: 'javascript:alert(1)' },
    'invalid-bookmark-url',
    'must start with http:// or https://',
  ],
  ['data:', { url: 'data:text/html,x' }, 'invalid-bookmark-url', 'must start with http:// or https://'],
  ['credentials', { url: 'https://a:b@example.org/' }, 'invalid-bookmark-url', 'user name or password'],
  ['NUL in the URL', { url: 'https://example.org/\0' }, 'invalid-bookmark-url', 'NUL'],
  ['half a pair in the URL', { url: 'https://example.org/\ud800' }, 'invalid-bookmark-url', 'surrogate'],
  ['a URL of 9 000 characters', { url: URL_TEXT + 'a'.repeat(9_000) }, 'invalid-bookmark-url', '8192'],
  ['a space in the URL', { url: 'https://example.org/a b' }, 'invalid-bookmark-url', 'spaces'],
  ['no host', { url: 'https:///a' }, 'invalid-bookmark-url', 'no host'],
  ['no URL', { title: 'x' }, 'invalid-body', 'url: is required.'],
  ['a URL that is a number', { url: 7 }, 'invalid-body', 'url: must be a string.'],
  [
    'a title of 5 000 characters',
    { url: URL_TEXT, title: 'x'.repeat(5_000) },
    'invalid-body',
    'title: must not be longer than 1000 characters.',
  ],
  [
    'NUL in the title',
    { url: URL_TEXT, title: 'a\0b' },
    'invalid-body',
    'title: must not contain NUL characters.',
  ],
  [
    'half a pair in the note',
    { url: URL_TEXT, note: 'a\udfff' },
    'invalid-body',
    'note: must be well-formed Unicode',
  ],
  [
    'a tag of 101 characters',
    { url: URL_TEXT, tags: ['x'.repeat(101)] },
    'invalid-body',
    'tags.0: must not be longer than 100 characters.',
  ],
  [
    '101 tags',
    { url: URL_TEXT, tags: Array.from({ length: 101 }, (_, index) => `t${index}`) },
    'invalid-body',
    'tags: must not have more than 100 entries.',
  ],
  ['tags as text', { url: URL_TEXT, tags: 'a,b' }, 'invalid-body', 'tags: must be a list of tag names.'],
  [
    'a control character in a tag',
    { url: URL_TEXT, tags: ['a\u0007'] },
    'invalid-body',
    'control characters',
  ],
  ['an unknown field', { url: URL_TEXT, colour: 'red' }, 'invalid-body', 'must not have a field "colour"'],
  [
    '__proto__',
    `{"url":"${URL_TEXT}","__proto__":{"archived":true},"x":1}`,
    'invalid-body',
    'must not have a field',
  ],
  [
    'archived as text',
    { url: URL_TEXT, archived: 'yes' },
    'invalid-body',
    'archived: must be true or false.',
  ],
  [
    'a time without zone',
    { url: URL_TEXT, createdAt: '2026-01-31T12:00:00' },
    'invalid-body',
    'createdAt: must be a time such as',
  ],
  [
    'a day that is none',
    { url: URL_TEXT, createdAt: '2026-02-31T12:00:00Z' },
    'invalid-body',
    'createdAt: must be a time such as',
  ],
  [
    'a time before 1970',
    { url: URL_TEXT, createdAt: '1960-01-01T00:00:00Z' },
    'invalid-body',
    'createdAt: must be a time from 1970 to 9999.',
  ],
  [
    'a picture by file:',
    { url: URL_TEXT, imageUrl: 'file:///etc/passwd' },
    'invalid-body',
    'imageUrl: must be an absolute http or https URL',
  ],
  ['a list', [], 'invalid-body', 'The body must be a JSON object.'],
  ['a number', '7', 'invalid-body', 'The body must be a JSON object.'],
  ['null', 'null', 'invalid-body', 'The body must be a JSON object.'],
  ['half a document', '{"url":', 'invalid-body', 'not valid JSON'],
];

/** Mistakes by [method, path, status, code, part of the sentence, what is sent]. */
const calls: readonly (readonly [string, string, number, string, string, Sent?])[] = [
  ['GET', '/api/bookmarks?tag=', 400, 'invalid-parameter', 'tag: must not be empty'],
  ['GET', `/api/bookmarks?q=${'a'.repeat(10_000)}`, 414, 'uri-too-long', '8192 characters'],
  ['GET', '/api/bookmarks?cursor=', 400, 'invalid-cursor', 'from the answer of the page before'],
  [
    'GET',
    '/api/bookmarks?modifiedSince=2026-01-01T00:00:00Z&q=a',
    400,
    'invalid-parameter',
    'cannot be combined with q',
  ],
  ['GET', '/api/bookmarks/%zz', 400, 'invalid-parameter', 'malformed percent-encoding'],
  ['GET', '/api/bookmarks/check-url', 400, 'invalid-parameter', 'url: is required.'],
  ['GET', '/api/bookmarks/check-url?url=a&url=b', 400, 'invalid-parameter', 'url: must be given once.'],
  [
    'GET',
    '/api/bookmarks/check-url?url=x',
    400,
    'invalid-bookmark-url',
    'must start with http:// or https://',
  ],
  ['GET', '/api/bookmarks/x/image', 404, 'bookmark-not-found', 'no bookmark with this id'],
  ['GET', '/api/bookmarks/x/image?w=0', 400, 'invalid-parameter', 'from 1 to 8192'],
  ['GET', '/api/bookmarks/x/image?url=http://example.org', 400, 'invalid-parameter', 'url is not allowed'],
  ['GET', '/api/bookmarks/x/image?delivery=json', 400, 'invalid-parameter', 'delivery must be bytes'],
  ['GET', '/api/bookmarks/x/image?colour=red', 400, 'invalid-parameter', 'known are'],
  [
    'PATCH',
    '/api/bookmarks/x',
    404,
    'bookmark-not-found',
    'no bookmark with this id',
    { body: { title: 'a' } },
  ],
  [
    'PATCH',
    '/api/bookmarks/x',
    400,
    'invalid-body',
    'must not have a field "id"; it takes url',
    { body: { id: 'y' } },
  ],
  ['PATCH', '/api/bookmarks/x', 400, 'invalid-body', 'url: must be a string.', { body: { url: null } }],
  ['PATCH', '/api/bookmarks/x', 400, 'invalid-body', 'This route takes a JSON body'],
  [
    'PATCH',
    '/api/bookmarks/x',
    415,
    'unsupported-media-type',
    'application/merge-patch+json',
    { body: '[]', headers: { 'Content-Type': 'application/json-patch+json' } },
  ],
  [
    'PATCH',
    '/api/bookmarks/x',
    400,
    'invalid-parameter',
    'If-Match must be an ETag',
    { body: { title: 'a' }, headers: { 'If-Match': 'abc' } },
  ],
  ['DELETE', '/api/bookmarks/x', 404, 'bookmark-not-found', 'no bookmark with this id'],
  ['POST', '/api/bookmarks/x/refresh', 404, 'bookmark-not-found', 'no bookmark with this id'],
  ['POST', '/api/bookmarks/x/refresh?force=yes', 400, 'invalid-parameter', 'force: must be true or false.'],
  ['POST', '/api/bookmarks/bulk', 400, 'invalid-body', 'must be a JSON object', { body: [] }],
  [
    'POST',
    '/api/bookmarks/bulk',
    400,
    'invalid-body',
    'operations: must be a list',
    { body: { operations: 'x' } },
  ],
  ['POST', '/api/bookmarks/refresh', 400, 'invalid-body', 'either ids or a filter', { body: {} }],
  [
    'POST',
    '/api/bookmarks/refresh',
    400,
    'invalid-body',
    'ids: must have at least one',
    { body: { ids: [] } },
  ],
  [
    'POST',
    '/api/bookmarks/refresh',
    400,
    'invalid-body',
    'filter: must not have a field',
    { body: { filter: { x: 1 } } },
  ],
  ['POST', '/api/bookmarks/import', 415, 'unsupported-media-type', 'Content-Type must be'],
  [
    'POST',
    '/api/bookmarks/import',
    415,
    'unsupported-media-type',
    'Content-Type must be',
    { body: 'x', headers: { 'Content-Type': 'image/png' } },
  ],
  [
    'POST',
    '/api/bookmarks/import',
    422,
    'unreadable-import',
    'netscape, karakeep',
    { body: 'hello world', headers: { 'Content-Type': 'text/plain' } },
  ],
  [
    'POST',
    '/api/bookmarks/import',
    422,
    'unreadable-import',
    'The file is empty.',
    { body: '', headers: { 'Content-Type': 'text/html' } },
  ],
  [
    'POST',
    '/api/bookmarks/import',
    400,
    'invalid-body',
    'multipart form',
    { body: 'x', headers: { 'Content-Type': 'multipart/form-data' } },
  ],
  [
    'POST',
    '/api/bookmarks/import?format=x',
    400,
    'invalid-parameter',
    'format: must be one of netscape',
    { body: 'x' },
  ],
  ['GET', '/api/bookmarks/export?format=pdf', 400, 'invalid-parameter', 'format: must be one of netscape'],
  ['GET', '/api/bookmarks/export?q=x', 400, 'invalid-parameter', 'there are format, tag'],
  ['GET', '/api/bookmarks/imports/x/report', 404, 'operation-not-found', 'No report'],
  ['POST', '/api/bookmarks/karakeep/sync', 409, 'karakeep-not-configured', 'must be set'],
  ['POST', '/api/bookmarks/karakeep/sync?mode=x', 400, 'invalid-parameter', 'mode: must be pull or sweep.'],
  ['GET', '/api/tags?limit=0', 400, 'invalid-parameter', 'from 1 to 100'],
  ['GET', '/api/tags?q=0', 400, 'invalid-parameter', 'there are prefix, limit, cursor'],
  ['GET', '/api/tags?cursor=x', 400, 'invalid-cursor', 'from the answer of the page before'],
  ['PATCH', '/api/tags/x', 404, 'tag-not-found', 'no tag with this id', { body: { name: 'a' } }],
  ['PATCH', '/api/tags/x', 400, 'invalid-body', 'name: must not be empty.', { body: { name: '' } }],
  ['PATCH', '/api/tags/x', 400, 'invalid-body', 'name: is required.', { body: {} }],
  [
    'PATCH',
    '/api/tags/x',
    400,
    'invalid-body',
    'not be longer than 100',
    { body: { name: 'x'.repeat(101) } },
  ],
  ['DELETE', '/api/tags/x', 404, 'tag-not-found', 'no tag with this id'],
  ['GET', '/api/icons/', 404, 'route-not-found', 'There is no route'],
  ['GET', '/api/icons/..%2f', 400, 'invalid-parameter', 'must be a host name such as'],
  ['GET', '/api/icons/a%20b', 400, 'invalid-parameter', 'must be a host name such as'],
  ['GET', '/api/icons/http%3A%2F%2Fexample.org', 400, 'invalid-parameter', 'must be a host name such as'],
  ['GET', '/api/icons/%ff', 400, 'invalid-parameter', 'malformed percent-encoding'],
  ['GET', '/api/icons/example.org?theme=blue', 400, 'invalid-parameter', 'must be light or dark'],
  ['GET', '/api/icons/example.org?url=http://a.b', 400, 'invalid-parameter', 'url is not allowed'],
  ['DELETE', '/api/icons/..%2f', 400, 'invalid-parameter', 'must be a host name such as'],
  ['GET', '/api/operations/x', 404, 'operation-not-found', 'no operation with this id'],
  ['DELETE', '/api/operations/x', 404, 'operation-not-found', 'no operation with this id'],
  ['POST', '/api/operations/x/retry', 404, 'operation-not-found', 'no operation with this id'],
  ['GET', '/api/operations?state=x', 400, 'invalid-parameter', 'state: must be one of waiting'],
  ['GET', '/api/operations?limit=0', 400, 'invalid-parameter', 'from 1 to 200'],
  ['GET', '/api/operations?cursor=x', 400, 'invalid-cursor', 'nextCursor of an earlier page'],
  ['GET', '/api/operations?x=1', 400, 'invalid-parameter', 'there are kind, state, limit, cursor'],
];

describe('bad input of bookmarks', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({ ENRICHMENT: 'off' });
  });

  afterAll(async () => {
    const { body } = await ask(app, 'GET', '/api/bookmarks');
    expect(bookmarksOf(body)).toEqual([]);
    await app.close();
  });

  it.each(createRows)('%s is refused with a sentence', async (_what, body, code, sentence) => {
    const answer = await ask(app, 'POST', '/api/bookmarks', { body });

    expect(answer).toMatchObject({ status: 400, body: { code, detail: expect.stringContaining(sentence) } });
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  it.each([
    ['no body', undefined, {}, 400, 'invalid-body'],
    ['an empty body', '', { 'Content-Type': JSON_TYPE }, 400, 'invalid-body'],
    ['text', 'url=a', { 'Content-Type': 'text/plain' }, 415, 'unsupported-media-type'],
    [
      'a form',
      'url=a',
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported-media-type',
    ],
    [
      'a merge patch',
      '{}',
      { 'Content-Type': 'application/merge-patch+json' },
      415,
      'unsupported-media-type',
    ],
    [
      'compressed JSON',
      '{}',
      { 'Content-Type': JSON_TYPE, 'Content-Encoding': 'gzip' },
      415,
      'unsupported-media-type',
    ],
    [
      'another charset',
      '{}',
      { 'Content-Type': `${JSON_TYPE}; charset=latin1` },
      415,
      'unsupported-media-type',
    ],
    [
      'over a mebibyte',
      `{"url":"${'a'.repeat(1_100_000)}"}`,
      { 'Content-Type': JSON_TYPE },
      413,
      'body-too-large',
    ],
  ] as const)('a body with %s is refused', async (_what, body, headers, status, code) => {
    const answer = await ask(app, 'POST', '/api/bookmarks', { body, headers });

    expect(answer).toMatchObject({ status, body: { code } });
  });

  it.each([
    ['limit=0', 'invalid-parameter', 'limit: must be a whole number from 1 to 100.'],
    ['limit=101', 'invalid-parameter', 'limit: must be a whole number from 1 to 100.'],
    ['limit=1e1', 'invalid-parameter', 'limit: must be a whole number from 1 to 100.'],
    ['limit=1&limit=2', 'invalid-parameter', 'limit: must be given once.'],
    ['archived=yes', 'invalid-parameter', 'archived: must be true or false.'],
    ['sort=colour', 'invalid-parameter', 'sort: must be one of'],
    ['status=lost', 'invalid-parameter', 'status: must be one of'],
    ['domain=a%20b', 'invalid-parameter', 'domain: must be a host name'],
    ['colour=red', 'invalid-parameter', 'There is no parameter "colour" here'],
    ['before=yesterday', 'invalid-parameter', 'before: must be a time'],
    ['modifiedSince=yesterday', 'invalid-parameter', 'modifiedSince: must be a time'],
    ['modifiedSince=s1-x', 'invalid-cursor', 'syncToken'],
    ['cursor=nonsense', 'invalid-cursor', 'cursor'],
    ['q=a&cursor=nonsense', 'invalid-cursor', 'cursor'],
    [`q=${'a'.repeat(1_001)}`, 'invalid-parameter', 'q: must not be longer than 1000 characters.'],
    ['q=a%00b', 'invalid-parameter', 'q: must not contain NUL'],
  ])('a list with ?%.30s is refused', async (query, code, sentence) => {
    const answer = await ask(app, 'GET', `/api/bookmarks?${query}`);

    expect(answer).toMatchObject({ status: 400, body: { code, detail: expect.stringContaining(sentence) } });
  });

  it.each([
    '"',
    '((',
    '-',
    'tag:',
    '-"',
    'before:never',
    '\\',
    '*',
    'a'.repeat(300),
    '%',
    "'; drop table bookmarks; --",
  ])('whatever is typed into the search is a search: %j', async (text) => {
    const { status, body } = await ask(app, 'GET', `/api/bookmarks?q=${encodeURIComponent(text)}`);

    expect({ status, found: bookmarksOf(body) }).toEqual({ status: 200, found: [] });
  });

  it.each(['x', '%00', '..%2f..', 'a'.repeat(500), "1'--"])(
    'an id that is none is not found: %.20j',
    async (id) => {
      expect(await ask(app, 'GET', `/api/bookmarks/${id}`)).toMatchObject({
        status: 404,
        body: { code: 'bookmark-not-found' },
      });
    },
  );

  it.each([
    ['no operations', {}, 'operations: must be a list of operations.'],
    ['none', { operations: [] }, 'operations: must have at least one entry.'],
    ['another field', { operations: [{}], dryRun: true }, 'must not have a field "dryRun"'],
  ])('a bulk request with %s is refused', async (_what, body, sentence) => {
    const answer = await ask(app, 'POST', '/api/bookmarks/bulk', { body });

    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'invalid-body', detail: expect.stringContaining(sentence) },
    });
  });

  it('a bulk request of 1 001 operations is refused', async () => {
    const operations = Array.from({ length: 1_001 }, () => ({ op: 'archive', id: 'x' }));

    expect(await ask(app, 'POST', '/api/bookmarks/bulk', { body: { operations } })).toMatchObject({
      status: 400,
      body: { code: 'invalid-body', detail: 'operations: must not have more than 1000 entries.' },
    });
  });

  it.each(
    calls.map((row) => [`${row[0]} ${row[1].slice(0, 60)} is refused: ${row[3]}, ${row[4]}`, row] as const),
  )('%s', async (_what, [method, path, status, code, sentence, sent = {}]) => {
    const answer = await ask(app, method, path, sent);

    expect(answer).toMatchObject({
      status,
      body: { status, code, title: expect.any(String), detail: expect.stringContaining(sentence) },
    });
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  it.each([
    ['PUT', '/api/bookmarks', 'GET, HEAD, POST'],
    ['PUT', '/api/bookmarks/x', 'DELETE, GET, HEAD, PATCH'],
    ['GET', '/api/bookmarks/bulk', 'POST'],
    ['GET', '/api/bookmarks/import', 'POST'],
    ['GET', '/api/bookmarks/refresh', 'POST'],
    ['PATCH', '/api/bookmarks/bulk', 'POST'],
    ['DELETE', '/api/bookmarks/export', 'GET, HEAD'],
    ['DELETE', '/api/bookmarks/karakeep/', 'GET, HEAD'],
    ['DELETE', '/API/Bookmarks/Check-URL', 'GET, HEAD'],
    ['GET', '/api/bookmarks/x/refresh', 'POST'],
    ['POST', '/api/bookmarks/x', 'DELETE, GET, HEAD, PATCH'],
    ['POST', '/api/bookmarks/x/image', 'GET, HEAD'],
    ['POST', '/api/bookmarks/export', 'GET, HEAD'],
    ['POST', '/api/tags', 'GET, HEAD'],
    ['GET', '/api/tags/x', 'DELETE, PATCH'],
    ['POST', '/api/icons/example.org', 'DELETE, GET, HEAD'],
    ['GET', '/api/operations/x/retry', 'POST'],
    ['DELETE', '/api/images/metadata', 'GET, HEAD'],
  ])('%s %s is no way to ask: the answer names those that are', async (method, path, allow) => {
    const answer = await ask(app, method, path);

    expect(answer).toMatchObject({
      status: 405,
      body: { code: 'method-not-allowed', detail: `${method} is not allowed here; allowed: ${allow}.` },
    });
    expect(answer.headers.get('allow')).toBe(allow);
  });

  it('text that is not UTF-8 is refused, not changed', async () => {
    const response = await fetch(`${app.url}/api/bookmarks`, {
      method: 'POST',
      headers: { 'Content-Type': JSON_TYPE },
      body: Buffer.from('{"url":"https://example.org/","title":"caf\u00e9"}', 'latin1'),
    });

    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid-body', detail: 'The body must be UTF-8.' });
  });

  it('an empty name of a tag is refused', async () => {
    expect(await ask(app, 'PATCH', '/api/tags/x', { body: { name: '  ' } })).toMatchObject({
      status: 400,
      body: { code: 'invalid-body', detail: 'name: must not be empty.' },
    });
  });

  it('never shows a password or a query in a refusal', async () => {
    const { text } = await ask(app, 'POST', '/api/bookmarks', {
      body: { url: 'https://user:hunter2@example.org/?token=hunter2' },
    });

    expect(text).not.toContain('hunter2');
  });
});

describe('bad input for a bookmark that is there', () => {
  let app: TestApp;
  let one: string;
  let otherId: string;

  beforeAll(async () => {
    app = await startTestApp({ ENRICHMENT: 'off' });
    const create = async (url: string): Promise<string> =>
      String((await ask(app, 'POST', '/api/bookmarks', { body: { url } })).body['id']);
    one = `/api/bookmarks/${await create('https://example.org/one')}`;
    otherId = await create('https://example.org/other');
  });

  afterAll(() => app.close());

  it('the URL of another one is refused with the id of that one', async () => {
    const answer = await ask(app, 'PATCH', one, { body: { url: 'https://EXAMPLE.org/other#top' } });

    expect(answer).toMatchObject({
      status: 409,
      body: { code: 'bookmark-url-taken', bookmarkId: otherId, detail: expect.stringContaining(otherId) },
    });
    expect((await ask(app, 'GET', one)).body).toMatchObject({ url: 'https://example.org/one', revision: 1 });
  });

  it.each(['PATCH', 'DELETE'])('%s with another revision is refused with the present one', async (method) => {
    const sent = {
      headers: { 'If-Match': '"x-1"' },
      ...(method === 'PATCH' ? { body: { title: 'lost' } } : {}),
    };

    const answer = await ask(app, method, one, sent);

    const { headers, body } = await ask(app, 'GET', one);
    expect(answer).toMatchObject({
      status: 412,
      body: {
        code: 'revision-mismatch',
        etag: headers.get('etag'),
        detail: expect.stringContaining('read it again'),
      },
    });
    expect(body['title']).toBeNull();
  });

  it('a second deletion finds nothing', async () => {
    const path = `/api/bookmarks/${otherId}`;

    expect((await ask(app, 'DELETE', path)).status).toBe(204);
    expect(await ask(app, 'DELETE', path)).toMatchObject({
      status: 404,
      body: { code: 'bookmark-not-found' },
    });
  });
});

describe('bookmarks behind tokens', () => {
  const routes: readonly (readonly [method: string, path: string])[] = [
    ['GET', '/api/bookmarks'],
    ['POST', '/api/bookmarks'],
    ['POST', '/api/bookmarks/bulk'],
    ['POST', '/api/bookmarks/import'],
    ['GET', '/api/bookmarks/export'],
    ['GET', '/api/bookmarks/x'],
    ['PATCH', '/api/bookmarks/x'],
    ['DELETE', '/api/bookmarks/x'],
    ['GET', '/api/bookmarks/x/image'],
    ['GET', '/api/tags'],
    ['DELETE', '/api/icons/example.org'],
    ['GET', '/api/operations'],
  ];
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({ ENRICHMENT: 'off', API_TOKENS: 'a-token-that-is-long-enough' });
  });

  afterAll(() => app.close());

  it.each(routes)('%s %s asks for a token before it looks at anything else', async (method, path) => {
    const body = method === 'POST' || method === 'PATCH' ? { body: '{"url":' } : {};

    const missing = await ask(app, method, path, body);
    const wrong = await ask(app, method, path, {
      ...body,
      headers: { Authorization: 'Bearer not-that-one' },
    });

    expect(missing).toMatchObject({
      status: 401,
      body: { code: 'missing-token', detail: expect.stringContaining('Authorization: Bearer') },
    });
    expect(missing.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(wrong).toMatchObject({ status: 403, body: { code: 'invalid-token' } });
  });
});
