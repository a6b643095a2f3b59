import { define, isHttpUrl } from './define-variable.js';
import { bytes, choice, duration, flag, integer, text } from './variable.js';

const MIB = 1024 ** 2;

/** Everything that bookmarks, their rows and their jobs read; part of the catalogue. */
export const BOOKMARK_VARIABLES = {
  DATABASE_URL: define(
    'bookmarks',
    text('a postgres:// or postgresql:// URL', (value) => /^postgres(?:ql)?:\/\/\S+$/.test(value)),
    undefined,
    'URL',
    'PostgreSQL for bookmarks and jobs; unset keeps them in SQLite, DATA_DIR/plimsoll.db.',
    true,
  ),
  DATABASE_POOL_SIZE: define(
    'bookmarks',
    integer(2, 200),
    '10',
    'connections',
    'Most connections to PostgreSQL.',
  ),
  ENRICHMENT: define('bookmarks', flag(), 'on', '', '`off` fetches no page for a bookmark by itself.'),
  ENRICHMENT_CONCURRENCY: define(
    'bookmarks',
    integer(1, 64),
    '4',
    'pages',
    'Pages that are enriched at once.',
  ),
  ENRICHMENT_HOST_DELAY_MS: define(
    'bookmarks',
    duration(0, 600_000),
    '1s',
    'ms',
    'Pause between two requests of enrichment to one host.',
  ),
  ENRICHMENT_PAGE_BYTES: define(
    'bookmarks',
    bytes(16_384, 16 * MIB),
    '1MiB',
    'bytes',
    'Most that is read of a page, after decompression.',
  ),
  ENRICHMENT_MAX_ATTEMPTS: define(
    'bookmarks',
    integer(1, 20),
    '5',
    'attempts',
    'Failures in a row after which a bookmark is given up: looked at by schedule only, every 2 to 90 days, or when someone asks.',
  ),
  REFRESH_AFTER_MS: define(
    'bookmarks',
    duration(60_000, 31_536_000_000),
    '30d',
    'ms',
    'Age at which what is known about a page is looked up again.',
  ),
  REFRESH_PER_HOUR: define(
    'bookmarks',
    integer(0, 100_000),
    '200',
    'pages',
    'Most pages an hour that are refreshed by schedule; 0 refreshes none.',
  ),
  SEARCH_ENGINE: define(
    'bookmarks',
    choice('auto', 'memory', 'database'),
    'auto',
    '',
    '`auto` searches in memory while the index fits, else in the database.',
  ),
  SEARCH_INDEX_BUDGET_BYTES: define(
    'bookmarks',
    bytes(0),
    '117440512',
    'bytes',
    'Budget of the search index in memory; the default is scaled down when L is small.',
  ),
  SEARCH_MAX_DOCUMENTS: define(
    'bookmarks',
    integer(0, 10_000_000),
    '50000',
    'bookmarks',
    'Above this many the database answers searches.',
  ),
  IMPORT_MAX_BYTES: define(
    'bookmarks',
    bytes(1_024),
    '512MiB',
    'bytes',
    'Largest file that may be imported.',
  ),
  KARAKEEP_URL: define(
    'bookmarks',
    text('an http or https URL', isHttpUrl),
    undefined,
    'URL',
    'Karakeep server whose bookmarks are pulled.',
  ),
  KARAKEEP_API_KEY: define(
    'bookmarks',
    text('a key of at least 8 characters', (key) => key.length >= 8),
    undefined,
    'key',
    'Key for that server; sent to its origin alone.',
    true,
  ),
  KARAKEEP_SYNC_EVERY_MS: define(
    'bookmarks',
    duration(60_000, 604_800_000),
    '15m',
    'ms',
    'Time between two pulls; a full sweep runs once a day.',
  ),
} as const;

/** Those of them without a default. */
export type OptionalBookmarkName = 'DATABASE_URL' | 'KARAKEEP_URL' | 'KARAKEEP_API_KEY';
