import { z } from 'zod';
import type { ErrorCode } from '../../errors/index.js';
import * as bookmarks from './bookmark-schemas.js';
import * as others from './other-schemas.js';

/** Every shape that an answer may have, by its name in the document. */
const SHAPES = {
  Bookmark: bookmarks.BOOKMARK,
  CreatedBookmark: bookmarks.CREATED_BOOKMARK,
  BookmarkPage: bookmarks.BOOKMARK_PAGE,
  Changes: bookmarks.CHANGES,
  BulkReport: bookmarks.BULK_REPORT,
  UrlCheck: bookmarks.URL_CHECK,
  Asked: bookmarks.ASKED,
  RefreshReport: bookmarks.REFRESH_REPORT,
  ImportStarted: bookmarks.IMPORT_STARTED,
  DryRun: bookmarks.DRY_RUN,
  KarakeepStatus: bookmarks.KARAKEEP_STATUS,
  Tag: bookmarks.TAG,
  TagPage: bookmarks.TAG_PAGE,
  Job: bookmarks.JOB,
  Operation: bookmarks.OPERATION,
  OperationPage: bookmarks.OPERATION_PAGE,
  Icon: others.ICON,
  ImageMetadata: others.IMAGE_METADATA,
  UploadedImage: others.UPLOADED_IMAGE,
  Variant: others.VARIANT,
  Placeholder: others.PLACEHOLDER,
  Health: others.HEALTH,
  Alive: others.ALIVE,
  Coordination: others.COORDINATION,
  Caches: others.CACHES,
  Freed: others.FREED,
  GarbageCollection: others.GARBAGE_COLLECTION,
  Drill: others.DRILL,
  HeapSnapshot: others.HEAP_SNAPSHOT,
} as const satisfies Readonly<Record<string, z.ZodType>>;

type ShapeName = keyof typeof SHAPES;
type Schema = Readonly<Record<string, unknown>>;
type Content = Readonly<Record<string, { readonly schema: Schema }>>;

export interface Answer {
  readonly status: number;
  readonly description: string;
  /** Absent: no body. */
  readonly content?: Content;
}

/** What a route answers: success first, then the problems that are its own. */
export interface RouteAnswers {
  readonly answers: readonly Answer[];
  readonly problems: readonly ErrorCode[];
}

const JSON_TYPE = 'application/json';
const ref = (name: ShapeName): Schema => ({ $ref: `#/components/schemas/${name}` });
const BYTES: Schema = { type: 'string', format: 'binary' };
const TEXT: Schema = { type: 'string' };

const json = (status: number, name: ShapeName, description: string): Answer => ({
  status,
  description,
  content: { [JSON_TYPE]: { schema: ref(name) } },
});
const file = (description: string, ...types: readonly string[]): Answer => ({
  status: 200,
  description,
  content: Object.fromEntries(types.map((type) => [type, { schema: TEXT }])),
});
const empty = (status: number, description: string): Answer => ({ status, description });
const picture = (asJson?: ShapeName): Answer => ({
  status: 200,
  description: asJson === undefined ? 'The picture.' : 'The picture; with `delivery=json` its facts.',
  content: {
    'image/*': { schema: BYTES },
    ...(asJson === undefined ? {} : { [JSON_TYPE]: { schema: ref(asJson) } }),
  },
});
const NOT_MODIFIED = empty(304, 'As the client has it, by `If-None-Match`.');
const route = (answers: Answer | readonly Answer[], ...problems: readonly ErrorCode[]): RouteAnswers => ({
  answers: Array.isArray(answers) ? (answers as readonly Answer[]) : [answers as Answer],
  problems,
});

const BODY = ['invalid-body', 'unsupported-media-type', 'body-too-large'] as const;
const WRITE = ['read-only', 'database-unavailable'] as const;
const TRANSFORM = [
  'invalid-parameter',
  'undecodable-image',
  'image-exceeds-memory-budget',
  'too-many-requests',
] as const;
const REMOTE = [
  'url-not-allowed',
  'origin-not-found',
  'origin-error',
  'origin-timeout',
  ...TRANSFORM,
] as const;

const HEALTH = route([
  json(200, 'Health', 'Healthy or degraded.'),
  json(503, 'Health', 'Critical: a component is down.'),
]);
const ALIVE = route(json(200, 'Alive', 'The process answers.'));
const READY = route([
  json(200, 'Health', 'Wants traffic.'),
  json(503, 'Health', 'Wants none: critical memory, stuck, or draining.'),
]);

/** Answers of every route, by method and path as they stand in the table of policies. */
export const ROUTE_ANSWERS: Readonly<Record<string, RouteAnswers>> = {
  'GET /api/images': route([picture('Variant'), NOT_MODIFIED], ...REMOTE),
  'POST /api/images': route(
    json(201, 'UploadedImage', 'Stored for good; `Location` names it.'),
    'invalid-body',
    'not-an-image',
    'source-too-large',
    'undecodable-image',
    'read-only',
  ),
  'GET /api/images/metadata': route(json(200, 'ImageMetadata', 'What is known about it.'), ...REMOTE),
  'GET /api/images/placeholder': route(json(200, 'Placeholder', 'Something to show first.'), ...REMOTE),
  'GET /api/images/:id': route([picture('Variant'), NOT_MODIFIED], 'image-not-found', ...TRANSFORM),
  'DELETE /api/images/:id': route(empty(204, 'Deleted.'), 'image-not-found', 'read-only'),
  'GET /api/images/:id/metadata': route(
    json(200, 'ImageMetadata', 'What is known about it.'),
    'image-not-found',
  ),
  'GET /api/images/:id/placeholder': route(
    json(200, 'Placeholder', 'Something to show first.'),
    'image-not-found',
  ),

  'GET /api/bookmarks': route(
    {
      status: 200,
      description: 'A page of the list or of a search; with `modifiedSince` what has changed.',
      content: { [JSON_TYPE]: { schema: { oneOf: [ref('BookmarkPage'), ref('Changes')] } } },
    },
    'invalid-parameter',
    'invalid-cursor',
    'database-unavailable',
  ),
  'POST /api/bookmarks': route(
    [
      json(201, 'CreatedBookmark', 'Kept; the page is looked at behind the answer.'),
      json(200, 'CreatedBookmark', 'The bookmark that has this URL already, unchanged.'),
    ],
    'invalid-bookmark-url',
    ...BODY,
    ...WRITE,
  ),
  'POST /api/bookmarks/bulk': route(
    json(200, 'BulkReport', 'What became of each operation, in their order.'),
    ...BODY,
    ...WRITE,
  ),
  'GET /api/bookmarks/check-url': route(
    json(200, 'UrlCheck', 'The bookmark that has this URL, or null.'),
    'invalid-parameter',
    'invalid-bookmark-url',
  ),
  'POST /api/bookmarks/refresh': route(
    json(202, 'RefreshReport', 'Queued.'),
    'invalid-cursor',
    ...BODY,
    ...WRITE,
  ),
  'POST /api/bookmarks/import': route(
    [
      json(202, 'ImportStarted', 'The file is stored; `Location` names the operation that reads it.'),
      json(200, 'DryRun', 'With `dryRun=true`: what an import would do.'),
    ],
    'invalid-parameter',
    'unreadable-import',
    'storage-unavailable',
    ...BODY,
    ...WRITE,
  ),
  'GET /api/bookmarks/imports/:id/report': route(
    file('One line for each item, and a summary at the end.', 'application/x-ndjson'),
    'operation-not-found',
  ),
  'GET /api/bookmarks/export': route(
    file(
      'The file, in the format that was asked for.',
      'text/html',
      'application/x-ndjson',
      'text/csv',
      'application/atom+xml',
    ),
    'invalid-parameter',
    'database-unavailable',
  ),
  'GET /api/bookmarks/karakeep': route(json(200, 'KarakeepStatus', 'How the last run went.')),
  'POST /api/bookmarks/karakeep/sync': route(
    json(202, 'Asked', 'Queued.'),
    'invalid-parameter',
    'karakeep-not-configured',
    ...WRITE,
  ),
  'GET /api/bookmarks/:id': route(
    [json(200, 'Bookmark', 'The bookmark.'), NOT_MODIFIED],
    'bookmark-not-found',
  ),
  'PATCH /api/bookmarks/:id': route(
    json(200, 'Bookmark', 'As it is now.'),
    'invalid-bookmark-url',
    'bookmark-not-found',
    'bookmark-url-taken',
    'revision-mismatch',
    ...BODY,
    ...WRITE,
  ),
  'DELETE /api/bookmarks/:id': route(
    empty(204, 'Deleted.'),
    'bookmark-not-found',
    'revision-mismatch',
    ...WRITE,
  ),
  'GET /api/bookmarks/:id/image': route(
    [picture(), NOT_MODIFIED],
    'bookmark-not-found',
    'invalid-signature',
    'expired-signature',
    ...TRANSFORM,
  ),
  'POST /api/bookmarks/:id/refresh': route(
    json(202, 'Asked', 'Queued, or in the queue already.'),
    'invalid-parameter',
    'bookmark-not-found',
    ...WRITE,
  ),
  'GET /api/tags': route(json(200, 'TagPage', 'By name.'), 'invalid-parameter', 'invalid-cursor'),
  'PATCH /api/tags/:id': route(
    json(200, 'Tag', 'The tag; the other one when two were merged.'),
    'tag-not-found',
    ...BODY,
    ...WRITE,
  ),
  'DELETE /api/tags/:id': route(empty(204, 'Taken off.'), 'tag-not-found', ...WRITE),
  'GET /api/icons/:domain': route([picture('Icon'), NOT_MODIFIED], 'no-public-url', ...TRANSFORM),
  'DELETE /api/icons/:domain': route(empty(204, 'Forgotten.'), 'invalid-parameter', 'read-only'),
  'GET /api/operations': route(
    json(200, 'OperationPage', 'Newest first.'),
    'invalid-parameter',
    'invalid-cursor',
    'database-unavailable',
  ),
  'GET /api/operations/:id': route(json(200, 'Operation', 'How far it is.'), 'operation-not-found'),
  'DELETE /api/operations/:id': route(
    json(202, 'Job', 'Asked to stop.'),
    'invalid-parameter',
    'operation-not-found',
    'operation-ended',
  ),
  'POST /api/operations/:id/retry': route(
    json(202, 'Job', 'Waiting again.'),
    'invalid-parameter',
    'operation-not-found',
    'operation-ended',
  ),

  'GET /api/health': HEALTH,
  'GET /health': HEALTH,
  'GET /api/health/live': ALIVE,
  'GET /livez': ALIVE,
  'GET /healthz': ALIVE,
  'GET /api/health/ready': READY,
  'GET /readyz': READY,
  'GET /api/health/metrics': route(json(200, 'Coordination', 'The figures.')),

  'GET /api/admin/caches': route(json(200, 'Caches', 'The caches.')),
  'DELETE /api/admin/caches/:cache': route(json(200, 'Freed', 'What was freed.'), 'invalid-parameter'),
  'POST /api/admin/gc': route(json(200, 'GarbageCollection', 'What it did.')),
  'GET /api/admin/drills': route(json(200, 'Drill', 'The level and the drill.')),
  'POST /api/admin/drills': route(json(200, 'Drill', 'The drill has begun.'), 'invalid-parameter', ...BODY),
  'DELETE /api/admin/drills': route(json(200, 'Drill', 'The drill is over.')),
  'POST /api/admin/heap-snapshots': route(json(202, 'HeapSnapshot', 'Written.'), 'snapshot-refused'),

  'GET /api/docs': route(file('The page.', 'text/html')),
  'GET /api/docs/problems': route(file('The page.', 'text/html')),
  'GET /api/docs/assets/:file': route(file('The file.', 'text/css', 'text/javascript'), 'route-not-found'),
  'GET /api/docs-json': route({
    status: 200,
    description: 'This document.',
    content: { [JSON_TYPE]: { schema: { type: 'object', required: ['openapi', 'paths'] } } },
  }),
};

/** The shapes as JSON Schema, for `components.schemas`. Fields may be added to them: other ones are not forbidden. */
export function answerSchemas(): Readonly<Record<string, Schema>> {
  const registry = z.registry<{ readonly id: string }>();
  for (const [id, shape] of Object.entries(SHAPES)) registry.add(shape, { id });
  const { schemas } = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _dialect, $id: _id, ...schema }]) => [name, schema]),
  );
}
