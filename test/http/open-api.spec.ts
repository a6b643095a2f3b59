import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { registeredRoutes } from '../../src/http/index.js';
import { photo } from '../support/pictures.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ask, askUntil, type Json } from './bookmarks.fixture.js';

const ADMIN_TOKEN = 'an-admin-token-of-length';

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly {
    readonly in: string;
    readonly name: string;
    readonly required: boolean;
    readonly schema: Json;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Json }>> };
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly content?: Readonly<Record<string, { schema: Json }>> }
    >
  >;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

/** Every object of a JSON tree, with the way to it. */
function* objectsOf(value: unknown, way = '#'): Generator<readonly [way: string, object: Json]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [way, value as Json];
  for (const [name, item] of Object.entries(value)) yield* objectsOf(item, `${way}/${name}`);
}

/** Fields that the document does not name fail: a new field of an answer belongs into it. */
function strict(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(strict);
  const copy = Object.fromEntries(Object.entries(schema).map(([name, item]) => [name, strict(item)]));
  const isClosed = 'properties' in copy && !('additionalProperties' in copy);
  return isClosed ? { ...copy, additionalProperties: false } : copy;
}

describe('the description of the API', () => {
  let app: TestApp;
  let document: Document;
  let operations: readonly (readonly [route: string, operation: Operation])[];

  beforeAll(async () => {
    app = await startTestApp({ ENRICHMENT: 'off', ADMIN_TOKEN });
    document = (await (await fetch(`${app.url}/api/docs-json`)).json()) as Document;
    operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(
        ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const,
      ),
    );
  });

  afterAll(() => app.close());

  const operationOf = (route: string): Operation =>
    operations.find(([name]) => name === route)?.[1] as Operation;

  it('lists every route of the server, and no other', () => {
    const routes = registeredRoutes(app.app.getHttpAdapter().getInstance()).map(
      ({ method, pattern }) => `${method} ${pattern.replace(/:(\w+)/g, '{$1}')}`,
    );

    expect(routes.length).toBeGreaterThan(40);
    expect(operations.map(([route]) => route).sort()).toEqual(routes.sort());
  });

  it('refers to nothing that is not there', () => {
    const refs = [...objectsOf(document)].flatMap(([way, { $ref }]) =>
      typeof $ref === 'string' ? [{ way, $ref }] : [],
    );
    const resolves = (ref: string): boolean =>
      ref
        .slice(2)
        .split('/')
        .reduce<unknown>((at, name) => (at as Json | undefined)?.[name], document) !== undefined;

    expect(refs.length).toBeGreaterThan(100);
    expect(refs.filter(({ $ref }) => !$ref.startsWith('#/') || !resolves($ref))).toEqual([]);
  });

  it('names every parameter of a path, and each parameter once, with what it may be', () => {
    const faults = operations.flatMap(([route, { parameters = [] }]) => {
      const names = parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
      const ofPath = [...route.matchAll(/\{(\w+)\}/g)].map((match) => `path ${match[1]}`);
      return [
        ...ofPath.filter((name) => !names.includes(name)),
        ...names.filter((name, index) => names.indexOf(name) !== index),
        ...parameters.filter(({ schema }) => Object.keys(schema ?? {}).length === 0).map(({ name }) => name),
      ].map((fault) => `${route}: ${fault}`);
    });

    expect(faults).toEqual([]);
  });

  it('says what a body is where one is read', () => {
    const withBody = operations.filter(([, { requestBody }]) => requestBody !== undefined);

    expect(withBody.map(([route]) => route).sort()).toEqual([
      'PATCH /api/bookmarks/{id}',
      'PATCH /api/tags/{id}',
      'POST /api/admin/drills',
      'POST /api/bookmarks',
      'POST /api/bookmarks/bulk',
      'POST /api/bookmarks/import',
      'POST /api/bookmarks/refresh',
      'POST /api/images',
    ]);
    for (const [route, { requestBody }] of withBody) {
      const schemas = Object.values(requestBody?.content ?? {}).map(({ schema }) => schema);
      expect([route, schemas.length > 0, schemas.filter(({ type }) => type === undefined)]).toEqual([
        route,
        true,
        [],
      ]);
    }
  });

  it('says of every answer what it is, the problems included', () => {
    const faults = operations.flatMap(([route, { summary, responses }]) => {
      const successes = Object.entries(responses).filter(([status]) => /^[23]/.test(status));
      const hasBody = successes.some(([, { content }]) => content !== undefined);
      return [
        ...(summary === undefined ? ['no summary'] : []),
        ...(hasBody || '204' in responses ? [] : ['nothing is said of success']),
        ...(responses['default']?.content?.['application/problem+json'] === undefined ? ['no problem'] : []),
        ...[...objectsOf(Object.values(responses))]
          .filter(([way, object]) => way.endsWith('schema') && Object.keys(object).length === 0)
          .map(([way]) => way),
      ].map((fault) => `${route}: ${fault}`);
    });

    expect(faults).toEqual([]);
  });

  it('leaves no shape empty', () => {
    const empty = Object.entries(document.components.schemas).filter(
      ([, schema]) => !('properties' in schema || 'anyOf' in schema || 'oneOf' in schema),
    );

    expect(Object.keys(document.components.schemas).length).toBeGreaterThan(25);
    expect(empty).toEqual([]);
    expect(
      [...objectsOf(document.components.schemas)]
        .filter(
          ([way, object]) => /\/(?:properties\/\w+|items)$/.test(way) && Object.keys(object).length === 0,
        )
        .map(([way]) => way),
    ).toEqual([]);
  });

  it('gives the pictures of bookmarks and sites the parameters of images, without the URL of one', () => {
    const namesOf = (route: string): readonly string[] =>
      (operationOf(route).parameters ?? [])
        .filter(({ in: place }) => place === 'query')
        .map(({ name }) => name);
    const all = namesOf('GET /api/images');

    expect(namesOf('GET /api/bookmarks/{id}/image')).toEqual(
      all.filter((name) => name !== 'url' && name !== 'delivery'),
    );
    expect(namesOf('GET /api/icons/{domain}')).toEqual([...all.filter((name) => name !== 'url'), 'theme']);
    expect(
      (operationOf('GET /api/icons/{domain}').parameters ?? []).filter(({ required }) => required),
    ).toMatchObject([{ in: 'path', name: 'domain' }]);
  });

  it('names conflicts and preconditions where they can happen', () => {
    const patch = operationOf('PATCH /api/bookmarks/{id}');

    expect(Object.keys(patch.responses)).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '404', '409', '412', '415', '503', 'default']),
    );
    expect(patch.responses['409']?.description).toContain('bookmark-url-taken');
    expect(patch.parameters?.map(({ name }) => name)).toEqual(['id', 'If-Match']);
    expect(Object.keys(patch.requestBody?.content ?? {})).toEqual([
      'application/json',
      'application/merge-patch+json',
    ]);
  });

  describe('holds for real answers', () => {
    const admin = { Authorization: `Bearer ${ADMIN_TOKEN}` };

    /** The schema that stands in the document, with fields that it does not name forbidden. */
    const expectFits = (route: string, status: number, body: unknown): void => {
      const schema = operationOf(route).responses[status]?.content?.['application/json']?.schema;
      expect(schema).toBeDefined();
      const whole = JSON.parse(
        JSON.stringify({
          ...(strict(schema) as Json),
          $defs: strict(document.components.schemas),
        }).replaceAll('#/components/schemas/', '#/$defs/'),
      ) as Parameters<typeof z.fromJSONSchema>[0];

      const { error } = z.fromJSONSchema(whole).safeParse(body);

      expect({ route, issues: error?.issues }).toEqual({ route, issues: undefined });
    };

    const expectAnswer = async (
      route: string,
      path: string,
      status: number,
      sent: Parameters<typeof ask>[3] = {},
    ): Promise<Json> => {
      const answer = await ask(app, route.split(' ')[0] ?? '', path, sent);
      expect([route, answer.status, answer.body['detail']]).toEqual([route, status, undefined]);
      expectFits(route, status, answer.body);
      return answer.body;
    };

    it('of bookmarks and tags', async () => {
      const body = { url: 'https://example.org/a', title: 'A ship', tags: ['sea'], note: 'n' };
      const { id } = await expectAnswer('POST /api/bookmarks', '/api/bookmarks', 201, { body });
      const one = `/api/bookmarks/${String(id)}`;
      await expectAnswer('POST /api/bookmarks', '/api/bookmarks', 200, { body });
      await expectAnswer('GET /api/bookmarks/{id}', one, 200);
      await expectAnswer('PATCH /api/bookmarks/{id}', one, 200, { body: { favourite: true } });
      await expectAnswer('POST /api/bookmarks/{id}/refresh', `${one}/refresh`, 202);
      await expectAnswer('GET /api/bookmarks', '/api/bookmarks?count=true', 200);
      const found = await expectAnswer('GET /api/bookmarks', '/api/bookmarks?q=ship', 200);
      expect(found['bookmarks']).toHaveLength(1);
      await expectAnswer(
        'GET /api/bookmarks/check-url',
        '/api/bookmarks/check-url?url=https://example.org/a',
        200,
      );
      const { tags } = await expectAnswer('GET /api/tags', '/api/tags', 200);
      const [tag] = tags as readonly Json[];
      await expectAnswer('PATCH /api/tags/{id}', `/api/tags/${String(tag?.['id'])}`, 200, {
        body: { name: 'ocean' },
      });
      const operations = [
        { op: 'create', url: 'https://example.org/b' },
        { op: 'delete', id },
        { op: 'nonsense' },
      ];
      await expectAnswer('POST /api/bookmarks/bulk', '/api/bookmarks/bulk', 200, { body: { operations } });
      const changes = await expectAnswer(
        'GET /api/bookmarks',
        '/api/bookmarks?modifiedSince=2020-01-01T00:00:00Z',
        200,
      );
      expect(changes['changes']).toEqual(
        expect.arrayContaining([expect.objectContaining({ type: 'deleted' })]),
      );
    });

    it('of imports, operations and other work', async () => {
      const lines = { body: 'https://example.org/c\nftp://x\n', headers: { 'Content-Type': 'text/plain' } };
      await expectAnswer('POST /api/bookmarks/import', '/api/bookmarks/import?dryRun=true', 200, lines);
      const { operation } = await expectAnswer(
        'POST /api/bookmarks/import',
        '/api/bookmarks/import',
        202,
        lines,
      );
      await askUntil(app, String(operation), ({ state }) => state === 'done');
      await expectAnswer('GET /api/operations/{id}', String(operation), 200);
      await expectAnswer('GET /api/operations', '/api/operations', 200);
      await expectAnswer('GET /api/bookmarks/karakeep', '/api/bookmarks/karakeep', 200);
      await expectAnswer('POST /api/bookmarks/refresh', '/api/bookmarks/refresh', 202, {
        body: { ids: ['x'] },
      });
    });

    it('of images and icons', async () => {
      const response = await fetch(`${app.url}/api/images`, {
        method: 'POST',
        headers: { 'Content-Type': 'image/jpeg' },
        body: new Uint8Array(await photo(200, 150)),
      });
      const uploaded = (await response.json()) as Json;
      expectFits('POST /api/images', 201, uploaded);
      const path = `/api/images/${String(uploaded['id'])}`;
      await expectAnswer('GET /api/images/{id}', `${path}?w=20&delivery=json`, 200);
      await expectAnswer('GET /api/images/{id}/metadata', `${path}/metadata`, 200);
      await expectAnswer('GET /api/images/{id}/placeholder', `${path}/placeholder`, 200);
      await expectAnswer('GET /api/icons/{domain}', '/api/icons/localhost?delivery=json', 200);
    });

    it('of health and admin', async () => {
      for (const path of ['/api/health', '/api/health/live', '/api/health/ready', '/api/health/metrics']) {
        await expectAnswer(`GET ${path}`, path, 200);
      }
      await expectAnswer('GET /api/admin/caches', '/api/admin/caches', 200, { headers: admin });
      await expectAnswer('DELETE /api/admin/caches/{cache}', '/api/admin/caches/server', 200, {
        headers: admin,
      });
      await expectAnswer('GET /api/admin/drills', '/api/admin/drills', 200, { headers: admin });
    });

    it('and notices one that does not fit', () => {
      const call = (): void =>
        expectFits('GET /api/tags', 200, { tags: [{ id: 'x', name: 'y' }], nextCursor: null });
      const more = (): void => expectFits('GET /api/tags', 200, { tags: [], nextCursor: null, more: 1 });

      expect(call).toThrow('count');
      expect(more).toThrow('more');
    });
  });
});
