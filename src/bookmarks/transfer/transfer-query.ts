import { z } from 'zod';
import { LIMITS } from '../model/bookmark.js';
import { onlyParameters } from '../service/input-text.js';
import { FILTER_NAMES, LIST_QUERY } from '../service/list-query.js';
import { FOLDER_RULES } from './import/import-options.js';
import { IMPORT_FORMATS } from './readers/import-entry.js';
import { EXPORT_FORMATS } from './writers/export-format.js';

const oneOf = <T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` });

const FLAG = z
  .enum(['true', 'false'], { error: 'must be true or false' })
  .default('false')
  .transform((text) => text === 'true');

const IMPORT_SHAPE = {
  format: oneOf(IMPORT_FORMATS)
    .optional()
    .meta({ description: 'Recognised by the file itself when absent.' }),
  dryRun: FLAG.meta({
    description: '`true` reads the file, says what an import would do, and writes nothing.',
  }),
  folders: oneOf(FOLDER_RULES)
    .default('tags')
    .meta({ description: 'Names of folders become tags, but for those that every browser has.' }),
  tags: z
    .string({ error: 'must be names of tags, separated by commas' })
    .max(2_000, 'must not be longer than 2000 characters')
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((tag) => tag.trim())
        .filter((tag) => tag !== ''),
    )
    .refine(
      (tags) => tags.length <= LIMITS.tags && tags.every((tag) => tag.length <= LIMITS.tag),
      `must name at most ${LIMITS.tags} tags of at most ${LIMITS.tag} characters`,
    )
    .meta({ description: 'Put on every bookmark of the file; separated by commas.' }),
  verbose: FLAG.meta({
    description: '`true` reports every bookmark, not only what was skipped, cut or merged.',
  }),
} as const;

/** The query of `POST /api/bookmarks/import`. */
export const IMPORT_QUERY = z.strictObject(IMPORT_SHAPE, {
  error: onlyParameters(Object.keys(IMPORT_SHAPE)),
});
export type ImportQuery = z.infer<typeof IMPORT_QUERY>;

const { shape } = LIST_QUERY;
const EXPORT_SHAPE = {
  format: oneOf(EXPORT_FORMATS).default('netscape'),
  ...(Object.fromEntries(FILTER_NAMES.map((name) => [name, shape[name]])) as Pick<
    typeof shape,
    (typeof FILTER_NAMES)[number]
  >),
} as const;

/** The query of `GET /api/bookmarks/export`: the filters of the list. */
export const EXPORT_QUERY = z.strictObject(EXPORT_SHAPE, {
  error: onlyParameters(Object.keys(EXPORT_SHAPE)),
});
export type ExportQuery = z.infer<typeof EXPORT_QUERY>;
