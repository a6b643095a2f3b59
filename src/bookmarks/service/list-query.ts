import { z } from 'zod';
import { LIMITS } from '../model/bookmark.js';
import { INSTANT, onlyParameters, TAG_NAME, textOf } from './input-text.js';

/** Longest search (chosen: a long sentence). */
const MAX_QUERY_CHARS = 1_000;
/** Cursors of searches hold the place of a hit, its title included. */
const MAX_CURSOR_CHARS = 4_096;

const once = (text: string) => (issue: { readonly input?: unknown }) =>
  Array.isArray(issue.input) ? 'must be given once' : text;

const YES_OR_NO = z
  .enum(['true', 'false'], { error: once('must be true or false') })
  .transform((text) => text === 'true');

const STATUSES = ['pending', 'done', 'failed', 'given-up', 'skipped', 'dead'] as const;
const SORTS = ['createdAt', '-createdAt', 'modifiedAt', '-modifiedAt', 'title', '-title'] as const;

/** Whole numbers from 1 to 100, 20 by default. */
export const PAGE_LIMIT = z
  .string({ error: once('must be a whole number from 1 to 100') })
  .regex(/^(?:100|[1-9]\d?)$/, 'must be a whole number from 1 to 100')
  .transform(Number)
  .default(20);

export const CURSOR = z.string({ error: once('must be a cursor of the page before') }).max(MAX_CURSOR_CHARS, {
  message: 'must be a cursor of the page before',
});

const TAGS = z
  .union([TAG_NAME, z.array(TAG_NAME)], {
    error: `must be the name of a tag, of at most ${LIMITS.tag} characters`,
  })
  .transform((names) => (typeof names === 'string' ? [names] : names))
  .refine((names) => !names.includes(''), 'must not be empty; untagged=true lists what has no tag')
  .refine((names) => names.length <= LIMITS.tags, `must not be given more than ${LIMITS.tags} times`);

/** A host as people write it; what is below it counts too. */
export const DOMAIN = z
  .string({ error: once('must be a host name such as example.org') })
  .trim()
  .toLowerCase()
  .regex(/^[^\s/@?#]{1,253}$/, 'must be a host name such as example.org');

/** State of enrichment, or `dead` for pages that have been failing for days. */
export const STATUS = z.enum(STATUSES, { error: once(`must be one of ${STATUSES.join(', ')}`) });

const FILTER = {
  tag: TAGS.optional().meta({
    description: 'Bookmarks with this tag; given more than once, with all of them.',
  }),
  archived: YES_OR_NO.optional(),
  favourite: YES_OR_NO.optional(),
  untagged: YES_OR_NO.optional(),
  domain: DOMAIN.optional().meta({ description: 'This host and what is below it.' }),
  status: STATUS.optional().meta({
    description: 'State of enrichment, or `dead` for pages that have been failing for days.',
  }),
  before: INSTANT.optional().meta({ description: 'Created before this time.' }),
  after: INSTANT.optional().meta({ description: 'Created at this time or later.' }),
} as const;

const SHAPE = {
  q: textOf(MAX_QUERY_CHARS).optional().meta({
    description:
      'Words, "phrases", -word, tag:, site:, is:archived|favourite|dead|untagged, before:, after:; forgives typing errors.',
  }),
  ...FILTER,
  sort: z
    .enum(SORTS, { error: once(`must be one of ${SORTS.join(', ')}`) })
    .optional()
    .meta({ description: '`-createdAt` by default; a search is sorted by relevance.' }),
  limit: PAGE_LIMIT,
  cursor: CURSOR.optional(),
  count: YES_OR_NO.optional().meta({
    description: '`true` counts all that match into `meta.total`; a search says what it knows without it.',
  }),
  modifiedSince: z
    .string({ error: once('must be a time or a sync token') })
    .max(MAX_CURSOR_CHARS, 'must be a time or a sync token')
    .optional()
    .meta({
      description:
        'What has changed, deletions too, since this time or since the `syncToken` of an earlier answer.',
    }),
} as const;

/** The query of `GET /api/bookmarks`. */
export const LIST_QUERY = z.strictObject(SHAPE, { error: onlyParameters(Object.keys(SHAPE)) });
export type ListQuery = z.infer<typeof LIST_QUERY>;

/** Names in the query that narrow a list down. */
export const FILTER_NAMES = Object.keys(FILTER) as readonly (keyof typeof FILTER)[];
