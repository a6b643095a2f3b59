import { BOOKMARK_VARIABLES, type OptionalBookmarkName } from './bookmark-variables.js';
import { define, isHttpUrl } from './define-variable.js';
import { bytes, choice, duration, flag, integer, list, parsed, text, type Variable } from './variable.js';

const MIB = 1024 ** 2;
/** `host`, `host:port`, `*.domain`, an address or a CIDR range; the fetcher reads them in detail. */
const isHostPattern = (value: string): boolean =>
  /^(?:(?:\*\.)?[\w-]+(?:\.[\w-]+)*(?::\d{1,5})?|\[?[\da-f:.]+\]?(?:\/\d{1,3}|:\d{1,5})?)$/i.test(value);

function parsePresets(value: string): Readonly<Record<string, string>> | undefined {
  const presets: Record<string, string> = {};
  for (const entry of value.split(';').map((part) => part.trim())) {
    if (entry === '') continue;
    const match = /^([a-z][a-z0-9-]{0,31}):(\S+)$/.exec(entry);
    if (match?.[1] === undefined || match[2] === undefined || match[1] in presets) return undefined;
    presets[match[1]] = match[2];
  }
  return Object.freeze(presets);
}

/**
 * Every environment variable that the server reads. Adding one here makes it validated, typed, printed by
 * `--print-config` and demanded in `.env.example` (a test compares).
 */
export const CATALOGUE = {
  NODE_ENV: define(
    'server',
    choice('production', 'development', 'test'),
    'production',
    '',
    'Kind of run; `production` refuses test settings.',
  ),
  HOST: define(
    'server',
    text('a host name or an IP address', (value) => /^[\w.:-]+$/.test(value)),
    '0.0.0.0',
    'address',
    'Address to listen on.',
  ),
  PORT: define('server', integer(0, 65_535), '3000', 'port', 'Port to listen on; 0 lets the system choose.'),
  PUBLIC_URL: define(
    'server',
    text('an http or https URL', isHttpUrl),
    undefined,
    'URL',
    'Public base URL of this server; used in links and so that it never fetches itself.',
  ),
  TRUST_PROXY: define(
    'server',
    integer(0, 16),
    '0',
    'hops',
    'How many proxies in front are trusted to name the client by X-Forwarded-For.',
  ),
  SHUTDOWN_TIMEOUT_MS: define(
    'server',
    duration(0, 600_000),
    '25s',
    'ms',
    'How long running requests may finish after SIGTERM.',
  ),
  LOG_LEVEL: define(
    'server',
    choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    '',
    'Least severe level that is logged.',
  ),
  LOG_FORMAT: define(
    'server',
    choice('auto', 'json', 'pretty'),
    'auto',
    '',
    '`auto` is pretty on a terminal and JSON elsewhere.',
  ),
  METRICS_FORMAT: define(
    'server',
    choice('json', 'prometheus'),
    'json',
    '',
    'Default format of /api/metrics/cache.',
  ),

  TOTAL_PROCESS_MEMORY_BUDGET_BYTES: define(
    'memory',
    bytes(64 * MIB),
    '2147483648',
    'bytes',
    'The budget of the whole process; the line L is this or 0.9 of the container, whichever is less.',
  ),
  IMAGE_RAM_BUDGET_BYTES: define(
    'memory',
    bytes(0),
    '536870912',
    'bytes',
    'Budget of the image buffer cache; the default is scaled down when L is small.',
  ),
  SERVER_CACHE_BUDGET_BYTES: define(
    'memory',
    bytes(0),
    '268435456',
    'bytes',
    'Budget of the metadata cache; the default is scaled down when L is small.',
  ),
  MAX_IMAGE_SIZE_BYTES: define(
    'memory',
    bytes(1_024),
    '52428800',
    'bytes',
    'Largest source or upload; also the largest buffer that the cache keeps.',
  ),
  MEMORY_WARNING_THRESHOLD: define(
    'memory',
    bytes(MIB),
    undefined,
    'bytes',
    'Overrides the 70 % rung (`coordinate`).',
  ),
  IMAGE_RSS_THRESHOLD: define(
    'memory',
    bytes(MIB),
    undefined,
    'bytes',
    'Overrides the 75 % rung (`degraded`).',
  ),
  MEMORY_PRESSURE_THRESHOLD: define(
    'memory',
    bytes(MIB),
    undefined,
    'bytes',
    'Overrides the 80 % rung (`pressure`).',
  ),
  MEMORY_CRITICAL_THRESHOLD: define(
    'memory',
    bytes(MIB),
    undefined,
    'bytes',
    'Overrides the 90 % rung (`critical`).',
  ),
  MEMORY_EMERGENCY_THRESHOLD: define(
    'memory',
    bytes(MIB),
    undefined,
    'bytes',
    'Overrides the 95 % rung (`emergency`).',
  ),
  IMAGE_HEAP_THRESHOLD: define(
    'memory',
    bytes(MIB),
    undefined,
    'bytes',
    'V8 heap use that counts as `pressure`, instead of 85 % of the heap limit.',
  ),
  FORCE_PRESSURE_LEVEL: define(
    'memory',
    choice('coordinate', 'degraded', 'pressure', 'critical', 'emergency'),
    undefined,
    '',
    'A drill: holds the ladder at this rung or above until restart.',
  ),
  MEMORY_INJECT_FILE: define(
    'memory',
    text('an absolute path', (value) => value.startsWith('/')),
    undefined,
    'path',
    'Tests only: readings are taken from this file; refused in production.',
  ),

  IMAGE_TIMEOUT_MS: define(
    'work',
    duration(100, 600_000),
    '30s',
    'ms',
    'Longest that a fetch, or a transform, may take for the request that waits.',
  ),
  QUEUE_DEADLINE_MS: define(
    'work',
    duration(10, 600_000),
    '10s',
    'ms',
    'Longest that a request waits for memory or a job slot before 503.',
  ),
  QUEUE_MAX_ITEMS: define(
    'work',
    integer(1, 100_000),
    '512',
    'requests',
    'Most requests that wait for a job at once.',
  ),
  IMAGE_JOBS: define(
    'work',
    parsed('auto or a whole number from 1 to 64', (value) =>
      value === 'auto' ? 0 : /^([1-9]|[1-5]\d|6[0-4])$/.test(value) ? Number(value) : undefined,
    ),
    'auto',
    'jobs',
    'Image operations at once; `auto` is cores + 1.',
  ),
  IMAGE_NICE: define(
    'work',
    integer(0, 19),
    '10',
    'nice',
    'Linux only: how far the threads that decode stand back behind the one that answers; 0 leaves them level with it.',
  ),

  FETCH_ALLOWED_HOSTS: define(
    'fetch',
    list('a comma-separated list of host, host:port, *.domain, address or CIDR range', isHostPattern),
    undefined,
    'list',
    'The only way to a private address or another port: hosts that the fetcher may reach.',
  ),
  FETCH_CONCURRENCY: define('fetch', integer(1, 256), '8', 'downloads', 'Downloads at once.'),
  FETCH_PER_ORIGIN: define(
    'fetch',
    integer(1, 256),
    '6',
    'downloads',
    'Downloads at once from one origin, so that a slow one takes no other down.',
  ),
  FETCH_HEADER_TIMEOUT_MS: define(
    'fetch',
    duration(100, 600_000),
    '10s',
    'ms',
    'Longest wait for an origin to connect and to send its headers.',
  ),
  FETCH_IDLE_TIMEOUT_MS: define(
    'fetch',
    duration(100, 600_000),
    '10s',
    'ms',
    'Longest silence inside a download.',
  ),
  IMAGE_STREAM_THRESHOLD_BYTES: define(
    'fetch',
    bytes(0, 16 * MIB),
    '1MiB',
    'bytes',
    'Sources above this go to a file while they download.',
  ),
  NEGATIVE_CACHE_TTL_MS: define(
    'fetch',
    duration(0, 3_600_000),
    '10s',
    'ms',
    'How long a failure of an origin is remembered.',
  ),

  IMAGE_MAX_PIXELS: define(
    'images',
    integer(1, 2_000_000_000),
    '100000000',
    'pixels',
    'Most pixels of a source, all frames together.',
  ),
  IMAGE_MAX_FRAMES: define('images', integer(1, 100_000), '500', 'frames', 'Most frames of an animation.'),
  IMAGE_MAX_OUTPUT_SIDE: define(
    'images',
    integer(1, 16_383),
    '8192',
    'pixels',
    'Longest side of a result, after all geometry.',
  ),
  IMAGE_DEFAULT_QUALITY: define(
    'images',
    integer(1, 100),
    '80',
    '',
    'Quality when `q` is absent (AVIF uses a lower equivalent).',
  ),
  IMAGE_SVG: define('images', flag(), 'off', '', '`on` accepts SVG sources: sanitised, then rasterised.'),
  IMAGE_PRESETS: define(
    'images',
    parsed('entries name:key=value&key=value separated by semicolons', parsePresets),
    undefined,
    'list',
    'Named sets of parameters, asked for by `preset=`; for example `thumb:w=200&h=200&fit=cover`.',
  ),

  CACHE_DEFAULT_TTL_MS: define(
    'freshness',
    duration(0, 31_536_000_000),
    '1h',
    'ms',
    'Freshness when the origin says nothing.',
  ),
  CACHE_MIN_TTL_MS: define(
    'freshness',
    duration(0, 31_536_000_000),
    '60s',
    'ms',
    'Freshness never falls below this, whatever the origin says.',
  ),
  CACHE_MAX_TTL_MS: define(
    'freshness',
    duration(0, 31_536_000_000),
    '30d',
    'ms',
    'Freshness never exceeds this.',
  ),
  CACHE_STALE_TTL_MS: define(
    'freshness',
    duration(0, 31_536_000_000),
    '7d',
    'ms',
    'How long after that a stale answer is served while revalidating or when the origin is down.',
  ),

  DATA_DIR: define(
    'store',
    text('a path', (value) => !value.includes('\0')),
    './data',
    'path',
    'Where the embedded store keeps its files.',
  ),
  STORE_MAX_BYTES: define(
    'store',
    bytes(0),
    '10GiB',
    'bytes',
    'Bound for what can be made again (originals and variants); uploads do not count.',
  ),
  READ_ONLY: define('store', flag(), 'off', '', '`on` serves what is stored and writes nothing.'),

  ...BOOKMARK_VARIABLES,

  API_TOKENS: define(
    'access',
    list('a comma-separated list of tokens of at least 16 characters', (token) => token.length >= 16),
    undefined,
    'list',
    'Bearer tokens that guard uploads, deletes and bookmarks; unset leaves them open.',
    true,
  ),
  ADMIN_TOKEN: define(
    'access',
    text('a token of at least 16 characters', (token) => token.length >= 16),
    undefined,
    'token',
    'Bearer token of the admin routes; without one they are refused.',
    true,
  ),
  IMAGE_URL_SIGNING_KEY: define(
    'access',
    list('one key, or two by a comma for rotation, of at least 16 characters', (key) => key.length >= 16),
    undefined,
    'list',
    'Image reads need a signature made with one of these keys.',
    true,
  ),
  THROTTLE: define('access', flag(), 'on', '', 'Limits uncached image work per client.'),
  THROTTLE_PER_MINUTE: define(
    'access',
    integer(1, 1_000_000),
    '600',
    'requests',
    'Uncached image requests a minute and client, also the burst.',
  ),
} as const;

export type VariableName = keyof typeof CATALOGUE;

/** The values of all variables; `undefined` where unset and without default. */
export type VariableValues = {
  readonly [K in VariableName]:
    | ((typeof CATALOGUE)[K] extends Variable<infer T> ? T : never)
    | (K extends OptionalName ? undefined : never);
};

/** The variables without a default. */
export type OptionalName =
  | 'PUBLIC_URL'
  | 'MEMORY_WARNING_THRESHOLD'
  | 'IMAGE_RSS_THRESHOLD'
  | 'MEMORY_PRESSURE_THRESHOLD'
  | 'MEMORY_CRITICAL_THRESHOLD'
  | 'MEMORY_EMERGENCY_THRESHOLD'
  | 'IMAGE_HEAP_THRESHOLD'
  | 'FORCE_PRESSURE_LEVEL'
  | 'MEMORY_INJECT_FILE'
  | 'FETCH_ALLOWED_HOSTS'
  | 'IMAGE_PRESETS'
  | OptionalBookmarkName
  | 'API_TOKENS'
  | 'ADMIN_TOKEN'
  | 'IMAGE_URL_SIGNING_KEY';
