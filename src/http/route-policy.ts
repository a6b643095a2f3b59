/**
 * Who may call: anyone, a holder of an API token (when some are set), of such a token or of a link that a token holder
 * was given (`link`), of a signed URL (when a key is set), or of the admin token (nobody when none is set).
 */
export type RouteAccess = 'open' | 'token' | 'link' | 'signature' | 'admin';

export interface RoutePolicy {
  /** `GET` covers `HEAD`. */
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** The pattern exactly as it is registered, prefix included. */
  readonly path: string;
  readonly access: RouteAccess;
  /** `true`: answered at every memory level and while draining. Such a route allocates next to nothing, or judges memory itself. */
  readonly exempt: boolean;
  /** One sentence for the API's description. */
  readonly summary: string;
}

const open = (method: RoutePolicy['method'], path: string, summary: string): RoutePolicy => ({
  method,
  path,
  access: 'open',
  exempt: false,
  summary,
});
const exempt = (path: string, summary: string): RoutePolicy => ({
  method: 'GET',
  path,
  access: 'open',
  exempt: true,
  summary,
});
const signed = (path: string, summary: string): RoutePolicy => ({
  ...open('GET', path, summary),
  access: 'signature',
});
const guarded = (method: RoutePolicy['method'], path: string, summary: string): RoutePolicy => ({
  ...open(method, path, summary),
  access: 'token',
});

/** Operators must get through when memory is short: that is when they come. */
const admin = (method: RoutePolicy['method'], path: string, summary: string): RoutePolicy => ({
  ...open(method, path, summary),
  access: 'admin',
  exempt: true,
});

const FULL_HEALTH =
  'Health of memory, storage and event loop; 200 when healthy or degraded, 503 when critical.';
const LIVE = 'Whether the process answers at all; ignores memory.';
const READY = 'Whether this instance wants traffic; 503 at critical memory, when stuck, and while draining.';

/**
 * Every route of the server. The start fails when a registered route is missing here, so that nobody can
 * add one without deciding who may call it and whether it is shed.
 */
export const ROUTE_POLICIES: readonly RoutePolicy[] = [
  signed('/api/images', 'The remote image at `url`, transformed.'),
  guarded(
    'POST',
    '/api/images',
    'Uploads an image: multipart field `file`, or the raw body with an image type.',
  ),
  signed('/api/images/metadata', 'What is known about the remote image at `url`.'),
  signed('/api/images/placeholder', 'A tiny stand-in for the remote image at `url`.'),
  signed('/api/images/:id', 'An uploaded image, transformed.'),
  guarded('DELETE', '/api/images/:id', 'Deletes an uploaded image.'),
  signed('/api/images/:id/metadata', 'What is known about an uploaded image.'),
  signed('/api/images/:id/placeholder', 'A tiny stand-in for an uploaded image.'),

  guarded(
    'GET',
    '/api/bookmarks',
    'Bookmarks: listed, filtered, searched by `q`; or what changed since a time.',
  ),
  guarded('POST', '/api/bookmarks', 'Keeps a page; answers 200 with the bookmark that has its URL already.'),
  guarded('POST', '/api/bookmarks/bulk', 'Up to 1 000 operations, each with its own outcome.'),
  guarded(
    'GET',
    '/api/bookmarks/check-url',
    'Whether the page at `url` is kept, however its URL is written.',
  ),
  guarded('POST', '/api/bookmarks/refresh', 'Looks at many pages again: by ids, or all that a filter names.'),
  guarded('POST', '/api/bookmarks/import', 'Brings bookmarks in from a file, which is streamed.'),
  guarded(
    'GET',
    '/api/bookmarks/imports/:id/report',
    'What an import skipped, cut, merged or could not read, as JSON lines.',
  ),
  guarded('GET', '/api/bookmarks/export', 'All bookmarks as a file, streamed.'),
  guarded('GET', '/api/bookmarks/karakeep', 'Where the pull from Karakeep stands.'),
  guarded('POST', '/api/bookmarks/karakeep/sync', 'Pulls from Karakeep now.'),
  guarded('GET', '/api/bookmarks/:id', 'One bookmark.'),
  guarded('PATCH', '/api/bookmarks/:id', 'Changes what the body names; null takes a value of your own back.'),
  guarded('DELETE', '/api/bookmarks/:id', 'Deletes a bookmark.'),
  {
    ...open(
      'GET',
      '/api/bookmarks/:id/image',
      'The picture of a bookmark, transformed; there is always one.',
    ),
    access: 'link',
  },
  guarded('POST', '/api/bookmarks/:id/refresh', 'Looks at the page again.'),
  guarded('GET', '/api/tags', 'Tags, with how many bookmarks have them.'),
  guarded('PATCH', '/api/tags/:id', 'Renames a tag; the name of another one merges the two.'),
  guarded('DELETE', '/api/tags/:id', 'Takes a tag off every bookmark.'),
  signed('/api/icons/:domain', 'The icon of a site, transformed; a letter when it has none.'),
  guarded('DELETE', '/api/icons/:domain', 'Forgets the icon of a site, and that it had none.'),
  guarded('GET', '/api/operations', 'Background work: waiting, running and ended.'),
  guarded('GET', '/api/operations/:id', 'One operation with its progress and its outcome.'),
  guarded('DELETE', '/api/operations/:id', 'Cancels an operation.'),
  guarded('POST', '/api/operations/:id/retry', 'Puts a failed or cancelled operation back.'),

  exempt('/api/health', FULL_HEALTH),
  exempt('/health', FULL_HEALTH),
  exempt('/api/health/live', LIVE),
  exempt('/livez', LIVE),
  exempt('/healthz', LIVE),
  exempt('/api/health/ready', READY),
  exempt('/readyz', READY),
  exempt(
    '/api/health/metrics',
    'How the parts of the memory line work together: level, ledger, caches, actions, trend.',
  ),

  admin('GET', '/api/admin/caches', 'What every cache holds and may hold.'),
  admin('DELETE', '/api/admin/caches/:cache', 'Empties a cache: image, server, existence, search or all.'),
  admin('POST', '/api/admin/gc', 'Collects garbage now and says what it freed.'),
  admin('GET', '/api/admin/drills', 'The level, and the drill that holds it.'),
  admin('POST', '/api/admin/drills', 'Holds a level: `{"level":"pressure","seconds":60}`; it only raises.'),
  admin('DELETE', '/api/admin/drills', 'Ends the drill.'),
  admin(
    'POST',
    '/api/admin/heap-snapshots',
    'Writes a heap snapshot when it fits under the line, else statistics.',
  ),

  open('GET', '/api/docs', 'This description, to read and to try.'),
  open('GET', '/api/docs/problems', 'Every problem code with its status and meaning.'),
  open('GET', '/api/docs/assets/:file', 'Files of the documentation page.'),
  open('GET', '/api/docs-json', 'This description as OpenAPI JSON.'),
];

interface Matcher {
  readonly policy: RoutePolicy;
  readonly pattern: RegExp;
}

/** Matches as the router does: undecoded, capitals and one trailing slash forgiven. */
const MATCHERS: readonly Matcher[] = ROUTE_POLICIES.map((policy) => ({
  policy,
  pattern: new RegExp(`^${policy.path.replace(/[.+]/g, '\\$&').replace(/:\w+/g, '[^/]+')}/?$`, 'i'),
}));

const BY_ROUTE: ReadonlyMap<string, RoutePolicy> = new Map(
  ROUTE_POLICIES.map((policy) => [`${policy.method} ${policy.path}`, policy]),
);

const isPattern = (path: string): boolean => path.includes('/:');

const EXEMPT = ROUTE_POLICIES.filter((policy) => policy.exempt).map((policy) => policy.path);

const LITERAL_PATHS: ReadonlySet<string> = new Set(
  ROUTE_POLICIES.map(({ path }) => path.toLowerCase()).filter((path) => !isPattern(path)),
);

const EXEMPT_PATHS: ReadonlySet<string> = new Set(EXEMPT.filter((path) => !isPattern(path)));

/** A parameter of an exempt route is a plain word: nothing that could be decoded into another path. */
const EXEMPT_PATTERNS: readonly RegExp[] = EXEMPT.filter(isPattern).map(
  (path) => new RegExp(`^${path.replace(/:\w+/g, '[a-z-]+')}$`),
);

/** The policy of a registered route, by method and pattern as the router knows them. */
export function policyOfRoute(method: string, pattern: string): RoutePolicy | undefined {
  return BY_ROUTE.get(`${method === 'HEAD' ? 'GET' : method} ${pattern}`);
}

/**
 * The methods that exist under a path; empty when there is no such path. `GET` brings `HEAD`. A path that is
 * registered as it stands is no id of the pattern that would take it, too: `DELETE /api/bookmarks/export` is no
 * deletion of a bookmark.
 */
export function allowedMethods(path: string): readonly string[] {
  const found = MATCHERS.filter(({ pattern }) => pattern.test(path)).map(({ policy }) => policy);
  const literal = found.filter((policy) => !isPattern(policy.path));
  const methods = new Set<string>();
  for (const { method } of literal.length > 0 ? literal : found) {
    methods.add(method);
    if (method === 'GET') methods.add('HEAD');
  }
  return [...methods].sort();
}

/** Whether the router gave a path that is registered as it stands, with other methods, to a pattern. */
export function isMistakenForPattern(method: string, path: string, pattern: string): boolean {
  if (!isPattern(pattern)) return false;
  const plain = (path.endsWith('/') ? path.slice(0, -1) : path).toLowerCase();
  return LITERAL_PATHS.has(plain) && !allowedMethods(path).includes(method);
}

/**
 * Whether a raw request target names an exempt route: the query cut off, one trailing slash forgiven, then
 * compared exactly and undecoded; a parameter is one plain word. Whatever is spelled in another way (`//`, `%61`, dots, capitals, an absolute
 * URL) is not exempt: to shed too much is the safe side.
 */
export function isExemptTarget(rawUrl: string): boolean {
  const queryAt = rawUrl.indexOf('?');
  const path = queryAt === -1 ? rawUrl : rawUrl.slice(0, queryAt);
  const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  return EXEMPT_PATHS.has(plain) || EXEMPT_PATTERNS.some((pattern) => pattern.test(plain));
}
