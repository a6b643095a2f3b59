import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ask, bookmarksOf } from './bookmarks.fixture.js';

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
