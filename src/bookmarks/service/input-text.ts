import { z } from 'zod';
import { LIMITS } from '../model/bookmark.js';
import { distinctTags } from '../normalise/tag-name.js';

const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

/** Names of fields that nobody has are shown, but not whole, and not all of them. */
const MAX_NAMED = 5;
const MAX_NAME_CHARS = 40;

/** Text of a person: trimmed, of at most `max` UTF-16 code units, without what a database or a page cannot hold. */
export const textOf = (max: number): z.ZodString =>
  z
    .string({ error: ({ input }) => (input === undefined ? 'is required' : 'must be a string') })
    .trim()
    .max(max, `must not be longer than ${max} characters`)
    .refine((text) => !text.includes('\0'), 'must not contain NUL characters')
    .refine(
      (text) => !/\p{Surrogate}/u.test(text),
      'must be well-formed Unicode, without half surrogate pairs',
    );

/** Text, or null for none; empty text is none. */
export const optionalTextOf = (max: number) =>
  textOf(max)
    .nullable()
    .transform((text) => (text === '' ? null : text));

/** The name of one tag; runs of white space are one space. */
export const TAG_NAME = textOf(LIMITS.tag)
  .overwrite((name) => name.replace(/\s+/g, ' '))
  .refine((name) => !/[\u0001-\u001f\u007f]/.test(name), 'must not contain control characters');

/** Names of tags: trimmed, empty ones dropped, of names that differ in case or width only the first. */
export const TAG_NAMES = z
  .array(TAG_NAME, 'must be a list of tag names')
  .max(LIMITS.tags, `must not have more than ${LIMITS.tags} entries`)
  .transform((names) => distinctTags(names));

/** ISO 8601 with a time zone, as epoch ms. */
export const INSTANT = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' })
  .transform((text) => Date.parse(text))
  .refine((ms) => ms >= 0 && ms <= LATEST_MS, 'must be a time from 1970 to 9999');

export const FLAG = z.boolean('must be true or false');

interface ObjectIssue {
  readonly code?: string | undefined;
  readonly keys?: unknown;
}

/** The sentence for a body, or a part of one, that is no object or has a field that does not exist. */
export const onlyFields =
  (names: readonly string[]) =>
  (issue: ObjectIssue): string =>
    issue.code === 'unrecognized_keys'
      ? `must not have a field ${unknownOf(issue)}; it takes ${names.join(', ')}`
      : 'must be a JSON object';

/** The same for a query. */
export const onlyParameters =
  (names: readonly string[]) =>
  (issue: ObjectIssue): string =>
    `There is no parameter ${unknownOf(issue)} here; there are ${names.join(', ')}`;

const unknownOf = ({ keys }: ObjectIssue): string =>
  (keys as readonly string[])
    .slice(0, MAX_NAMED)
    .map((name) => JSON.stringify(name.slice(0, MAX_NAME_CHARS)))
    .join(', ');
