import { z } from 'zod';
import { parseUrl } from '../../url/index.js';
import { LIMITS, type LayeredField } from '../model/bookmark.js';
import { FLAG, INSTANT, onlyFields, optionalTextOf, TAG_NAMES } from './input-text.js';

/** Longest URL that is fetched; see `remote-fetch`. */
const MAX_PICTURE_URL_CHARS = 4_096;

const isHttpUrl = (text: string): boolean => {
  const url = parseUrl(text);
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
};

const optionalUrlOf = (max: number) =>
  optionalTextOf(max).refine(
    (text) => text === null || isHttpUrl(text),
    'must be an absolute http or https URL without user name and password',
  );

/** Fields of text that a person may override; the content type is not a matter of opinion. */
const LAYERED = {
  title: optionalTextOf(LIMITS.title),
  description: optionalTextOf(LIMITS.description),
  author: optionalTextOf(LIMITS.title),
  publisher: optionalTextOf(LIMITS.title),
  siteName: optionalTextOf(LIMITS.title),
  publishedAt: optionalTextOf(40).refine(
    (text) => text === null || (/^\d{4}-\d{2}-\d{2}(?:T\S+)?$/.test(text) && !Number.isNaN(Date.parse(text))),
    'must be a date such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z',
  ),
  language: optionalTextOf(35).refine(
    (text) => text === null || /^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$/.test(text),
    'must be a language tag such as en or pt-BR',
  ),
  canonicalUrl: optionalUrlOf(LIMITS.url),
} as const satisfies Partial<Record<LayeredField, z.ZodType<string | null>>>;

/** The layered fields that a person may set. */
export type EditableField = keyof typeof LAYERED;
export const EDITABLE_FIELDS = Object.keys(LAYERED) as readonly EditableField[];

const COMMON = {
  title: LAYERED.title.optional(),
  description: LAYERED.description.optional(),
  author: LAYERED.author.optional(),
  publisher: LAYERED.publisher.optional(),
  siteName: LAYERED.siteName.optional(),
  publishedAt: LAYERED.publishedAt.optional(),
  language: LAYERED.language.optional(),
  canonicalUrl: LAYERED.canonicalUrl.optional(),
  note: optionalTextOf(LIMITS.note).optional(),
  tags: TAG_NAMES.nullable()
    .transform((names) => names ?? [])
    .optional(),
  archived: FLAG.optional(),
  favourite: FLAG.optional(),
  createdAt: INSTANT.optional(),
  /** A picture of the person's choice, in place of the page's own. */
  imageUrl: optionalUrlOf(MAX_PICTURE_URL_CHARS).optional(),
} as const;

const FIELDS = ['url', ...Object.keys(COMMON)];

/** What the normaliser refuses with its own sentences needs no second opinion. */
const URL_TEXT = z.string({
  error: ({ input }) => (input === undefined ? 'is required' : 'must be a string'),
});

/** A bookmark to create: an absolute http or https URL, and what the person knows about it. */
export const NEW_BOOKMARK = z.strictObject({ url: URL_TEXT, ...COMMON }, { error: onlyFields(FIELDS) });
export type NewBookmark = z.infer<typeof NEW_BOOKMARK>;

/**
 * Changes to a bookmark, RFC 7396: what is absent stays, `null` takes the person's value back, so that the page's own
 * shows again. `tags` replaces all of them.
 */
export const BOOKMARK_PATCH = z.strictObject(
  { url: URL_TEXT.optional(), ...COMMON },
  { error: onlyFields(FIELDS) },
);
export type BookmarkPatch = z.infer<typeof BOOKMARK_PATCH>;

/** Most operations in one request. */
export const MAX_BULK_ITEMS = 1_000;

const ID = z.string({ error: ({ input }) => (input === undefined ? 'is required' : 'must be a string') });
const plain = <Op extends string>(op: Op) =>
  z.strictObject({ op: z.literal(op), id: ID }, { error: onlyFields(['op', 'id']) });
const tagging = <Op extends string>(op: Op) =>
  z.strictObject({ op: z.literal(op), id: ID, tags: TAG_NAMES }, { error: onlyFields(['op', 'id', 'tags']) });

/** One operation of a bulk request; each is judged by itself. */
export const BULK_OPERATION = z.discriminatedUnion(
  'op',
  [
    z.strictObject(
      { op: z.literal('create'), ...NEW_BOOKMARK.shape },
      { error: onlyFields(['op', ...FIELDS]) },
    ),
    z.strictObject(
      {
        op: z.literal('update'),
        id: ID,
        ifMatch: z.string('must be an ETag').optional(),
        ...BOOKMARK_PATCH.shape,
      },
      { error: onlyFields(['op', 'id', 'ifMatch', ...FIELDS]) },
    ),
    z.strictObject(
      { op: z.literal('delete'), id: ID, ifMatch: z.string('must be an ETag').optional() },
      { error: onlyFields(['op', 'id', 'ifMatch']) },
    ),
    tagging('addTags'),
    tagging('removeTags'),
    plain('archive'),
    plain('unarchive'),
    plain('favourite'),
    plain('unfavourite'),
  ],
  {
    error:
      'must be one of create, update, delete, addTags, removeTags, archive, unarchive, favourite, unfavourite',
  },
);
export type BulkOperation = z.infer<typeof BULK_OPERATION>;

/** A bulk request; its operations are judged one by one, so that a bad one holds up no other. */
export const BULK_REQUEST = z.strictObject(
  {
    operations: z
      .array(z.unknown(), { error: 'must be a list of operations' })
      .min(1, 'must have at least one entry')
      .max(MAX_BULK_ITEMS, `must not have more than ${MAX_BULK_ITEMS} entries`)
      .meta({ items: z.toJSONSchema(BULK_OPERATION, { io: 'input', unrepresentable: 'any' }) }),
  },
  { error: onlyFields(['operations']) },
);
export type BulkRequest = z.infer<typeof BULK_REQUEST>;
