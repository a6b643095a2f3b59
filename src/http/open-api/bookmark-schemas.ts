import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../../errors/index.js';

/** ISO 8601 in UTC. */
export const TIME = z.string().meta({ format: 'date-time' });
export const COUNT = z.int().min(0);
const NEXT_CURSOR = z
  .string()
  .nullable()
  .meta({ description: 'For the parameter `cursor`; null at the end.' });
const CODE = z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]);

const FIELD_VALUE = z.object({
  value: z.string(),
  source: z.enum(['user', 'import', 'karakeep', 'page', 'oembed']).meta({ description: 'Who said so.' }),
});

const BOOKMARK_SHAPE = {
  id: z.string(),
  url: z.string().meta({ description: 'As it was given.' }),
  normalisedUrl: z.string().meta({ description: 'What decides whether another URL is the same bookmark.' }),
  host: z.string().meta({ description: 'Without `www.`.' }),
  title: z.string().nullable(),
  description: z.string().nullable(),
  note: z.string().nullable(),
  tags: z.array(z.string()),
  archived: z.boolean(),
  favourite: z.boolean(),
  createdAt: TIME,
  modifiedAt: TIME,
  revision: z
    .int()
    .min(1)
    .meta({ description: 'Grows by one with each change; the ETag is `"<id>-<revision>"`.' }),
  metadata: z
    .object({
      title: FIELD_VALUE.optional(),
      description: FIELD_VALUE.optional(),
      author: FIELD_VALUE.optional(),
      publisher: FIELD_VALUE.optional(),
      siteName: FIELD_VALUE.optional(),
      publishedAt: FIELD_VALUE.optional(),
      language: FIELD_VALUE.optional(),
      canonicalUrl: FIELD_VALUE.optional(),
      contentType: FIELD_VALUE.optional(),
    })
    .meta({ description: 'What is known about the page, field by field.' }),
  image: z.object({
    url: z.string().meta({
      description:
        'Path of the picture. With API_TOKENS set it carries `exp` and `sig` and opens without a token until then; add image parameters behind them.',
    }),
    source: z
      .enum(['user', 'page', 'json-ld', 'oembed', 'icon', 'karakeep', 'card'])
      .meta({ description: '`card` while no picture is known.' }),
  }),
  http: z.object({
    status: z.int().nullable(),
    checkedAt: TIME.nullable(),
    failingSince: TIME.nullable(),
    deadSince: TIME.nullable(),
  }),
  enrichment: z.object({
    state: z.enum(['pending', 'done', 'failed', 'given-up', 'skipped']),
    attempts: COUNT,
    error: z.string().nullable().meta({ description: 'Problem code of the last failure.' }),
    at: TIME.nullable(),
    refreshAt: TIME.nullable().meta({
      description: 'When the page is looked at again; null: not by itself.',
    }),
  }),
  externalId: z.string().nullable().meta({ description: 'Id at the source that it came from.' }),
} as const;

export const BOOKMARK = z.object(BOOKMARK_SHAPE);

export const CREATED_BOOKMARK = z.object({
  ...BOOKMARK_SHAPE,
  alreadyExists: z.boolean().meta({ description: 'The URL was kept before; nothing was changed.' }),
});

const RANGE = z.array(COUNT).length(2).meta({ description: 'Start and end, UTF-16 offsets, end exclusive.' });

const LISTED_BOOKMARK = z.object({
  ...BOOKMARK_SHAPE,
  score: z.number().optional().meta({ description: 'Of a search; comparable within one answer.' }),
  highlights: z
    .array(z.object({ field: z.string(), text: z.string(), ranges: z.array(RANGE) }))
    .optional()
    .meta({ description: 'Of a search: plain text and where it matched.' }),
});

export const BOOKMARK_PAGE = z.object({
  bookmarks: z.array(LISTED_BOOKMARK),
  nextCursor: NEXT_CURSOR,
  meta: z.object({
    syncToken: z
      .string()
      .optional()
      .meta({ description: 'Of a first page, for `modifiedSince`: to hear of what changes from here on.' }),
    total: COUNT.optional(),
    engine: z
      .enum(['memory', 'sqlite-fts', 'postgres'])
      .optional()
      .meta({ description: 'Of a search: who answered.' }),
    tookMs: z.number().optional(),
    approximate: z
      .literal(true)
      .optional()
      .meta({ description: 'Not every match was ranked, or the newest changes are missing.' }),
  }),
});

export const CHANGES = z.object({
  changes: z.array(
    z.discriminatedUnion('type', [
      z.object({ type: z.literal('saved'), bookmark: BOOKMARK }),
      z.object({ type: z.literal('deleted'), id: z.string(), deletedAt: TIME }),
    ]),
  ),
  meta: z.object({
    syncToken: z.string().meta({ description: 'For the next `modifiedSince`.' }),
    more: z.boolean().meta({ description: 'Ask again at once.' }),
    deletionsKnownSince: TIME,
  }),
});

export const BULK_REPORT = z.object({
  results: z.array(
    z.object({
      index: COUNT.meta({ description: 'Place of the operation in the request, from 0.' }),
      outcome: z.enum(['created', 'existing', 'updated', 'unchanged', 'deleted', 'refused']),
      id: z.string().optional(),
      etag: z.string().optional(),
      error: z.object({ code: CODE, detail: z.string() }).optional(),
    }),
  ),
  succeeded: COUNT,
  refused: COUNT,
});

export const URL_CHECK = z.object({ bookmarkId: z.string().nullable(), normalisedUrl: z.string() });

const JOB_STATE = z.enum(['waiting', 'running', 'done', 'failed', 'cancelled']);

export const ASKED = z.object({
  operation: z.object({
    id: z.string(),
    state: JOB_STATE,
    url: z.string().meta({ description: 'Where to look how far it is.' }),
  }),
});

export const REFRESH_REPORT = z.object({
  matched: COUNT,
  queued: COUNT,
  nextCursor: z
    .string()
    .nullable()
    .meta({ description: 'For the body of the next request; null when all were queued.' }),
});

const IMPORT_FORMAT = z.enum([
  'netscape',
  'karakeep',
  'linkding',
  'pocket',
  'raindrop',
  'csv',
  'urls',
  'jsonl',
]);

export const IMPORT_STARTED = z.object({
  id: z.string(),
  operation: z.string().meta({ description: 'Path of the operation, with progress and counts.' }),
  report: z.string().meta({ description: 'Path of the report.' }),
  format: IMPORT_FORMAT,
  bytes: COUNT,
});

export const DRY_RUN = z.object({
  dryRun: z.literal(true),
  format: IMPORT_FORMAT,
  counts: z.record(z.string(), COUNT),
  problems: z.array(
    z.object({
      ordinal: z.int(),
      line: z.int().optional(),
      reason: z.string(),
      url: z.string().optional(),
      title: z.string().optional(),
    }),
  ),
});

export const KARAKEEP_STATUS = z.object({
  configured: z.boolean(),
  sweptAt: TIME.nullable(),
  lastRun: z
    .object({
      mode: z.enum(['pull', 'sweep']),
      at: TIME,
      seen: COUNT,
      created: COUNT,
      updated: COUNT,
      removed: COUNT,
      skipped: COUNT,
      refused: z.string().nullable().meta({ description: 'Why deletions were not carried out.' }),
    })
    .nullable(),
});

export const TAG = z.object({ id: z.string(), name: z.string(), count: COUNT });
export const TAG_PAGE = z.object({ tags: z.array(TAG), nextCursor: NEXT_CURSOR });

const ANY_JSON = z.unknown().meta({
  type: ['object', 'array', 'string', 'number', 'boolean', 'null'],
  description: 'What the job returned; its kind decides the shape.',
});

export const JOB = z.object({
  id: z.string(),
  kind: z.string(),
  state: JOB_STATE,
  attempts: COUNT,
  maxAttempts: COUNT,
  runAt: TIME.nullable(),
  progress: z
    .object({ done: COUNT, total: COUNT.nullable(), counts: z.record(z.string(), z.number()) })
    .nullable(),
  result: ANY_JSON,
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  createdAt: TIME,
  updatedAt: TIME,
  finishedAt: TIME.nullable(),
});

export const RUNNING_OPERATION = z.object({
  id: z.string(),
  context: z.string(),
  kind: z.string(),
  state: z.enum(['running', 'completed', 'failed', 'timeout', 'aborted', 'detached']),
  startedAt: TIME,
  durationMs: COUNT,
  timeoutMs: COUNT.nullable(),
  error: z.string().nullable(),
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

export const OPERATION = z.union([JOB, RUNNING_OPERATION]);
export const OPERATION_PAGE = z.object({
  jobs: z.array(JOB),
  running: z.array(RUNNING_OPERATION),
  nextCursor: NEXT_CURSOR,
});
