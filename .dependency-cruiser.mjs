/**
 * Who may import whom, as data. A room may import the rooms of lower levels; a room of its own level only when
 * BESIDE says so, and then its module file says so too. `docs/architecture.md` explains the levels.
 */
export const LAYERS = [
  ['config', 'events', 'errors', 'clock', 'url'],
  ['process-memory', 'async-ops'],
  ['image-memory', 'server-cache'],
  ['object-storage', 'remote-fetch', 'database', 'jobs', 'health-monitor', 'mem-guard'],
  ['images'],
  ['bookmarks'],
  ['health', 'metrics', 'admin', 'operations', 'http'],
];

/** room: rooms of its own level that it may use */
export const BESIDE = {
  // settings that are URLs
  config: ['url'],
  // the bus stamps its payloads
  events: ['clock'],
  // the sampling loop runs as a detached, counted operation
  'process-memory': ['async-ops'],
  // a job is a row, and appears with the transaction that asks for it
  jobs: ['database'],
  // the catalogue of exempt paths and the probes' answers
  http: ['health'],
};

/** Levels that know nothing of HTTP. */
const WITHOUT_HTTP = LAYERS.slice(0, 4).flat();

/** Specs, and what they share beside the code that they test. */
const TESTS = '\\.(?:spec|fixture|contract)\\.ts$';

const at = (rooms) => `^src/(?:${rooms.join('|')})/`;
const face = { pathNot: '/(?:index|[^/]+\\.module)\\.ts$' };

const down = LAYERS.flatMap((rooms, level) =>
  rooms.map((room) => ({
    name: `L${level}-${room}`,
    comment: `${room} (L${level}) may import lower levels${BESIDE[room] ? ` and ${BESIDE[room].join(', ')}` : ''} only`,
    severity: 'error',
    from: { path: at([room]) },
    to: {
      path: at([
        ...LAYERS.slice(level + 1).flat(),
        ...rooms.filter((other) => other !== room && !BESIDE[room]?.includes(other)),
      ]),
    },
  })),
);

export default {
  forbidden: [
    ...down,
    {
      name: 'face',
      comment: 'another room is imported through its index.ts or its module file, never by an inner file',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', face.pathNot] },
    },
    {
      name: 'face-from-top',
      comment: 'main.ts and app.module.ts import faces only',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/[^/]+/', ...face },
    },
    {
      name: 'top',
      comment: 'no room imports main.ts or app.module.ts',
      severity: 'error',
      from: { path: '^src/[^/]+/' },
      to: { path: '^src/[^/]+\\.ts$' },
    },
    {
      name: 'own-index',
      comment: 'inside its room a file is imported by file: through the index it would be a hidden circle',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: TESTS },
      to: { path: '^src/$1/index\\.ts$' },
    },
    {
      name: 'circle',
      comment: 'no circular import, be it of types',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'stranger',
      comment: 'a new room must choose a level in LAYERS',
      severity: 'error',
      from: { path: '^src/', pathNot: [at(LAYERS.flat()), '^src/[^/]+\\.ts$'] },
      to: {},
    },
    {
      name: 'to-stranger',
      comment: 'a new room must choose a level in LAYERS',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/[^/]+/', pathNot: at(LAYERS.flat()) },
    },
    {
      name: 'http',
      comment: 'L0 to L3 know nothing of HTTP servers',
      severity: 'error',
      from: { path: at(WITHOUT_HTTP), pathNot: TESTS },
      to: { path: '(?:^|/)(?:express|@types/express|@nestjs/platform-express|pino-http)(?:/|$)' },
    },
    {
      name: 'test-code',
      comment: 'what ships does not import what tests it',
      severity: 'error',
      from: { path: '^src/', pathNot: TESTS },
      to: {
        path: ['^test/', '^bench/', TESTS, 'node_modules/(?:@jest|jest|fast-check|@nestjs/testing)(?:/|$)'],
      },
    },
    {
      name: 'unresolved',
      comment: 'an import that resolves to nothing would be invisible to every other rule',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    // without it `import type` would be invisible
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
