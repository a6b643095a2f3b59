// Pages of 100 deep down in a large collection on SQLite, in every order that is offered and with filters that follow none
// of them: from the repository, and over HTTP.
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readArguments } from './support/arguments.mjs';
import { boundMinutes } from './support/life.mjs';
import { cursorAt, fill, openStore } from './support/list-rooms.mjs';
import { ask, keepAliveAgent } from './support/load-client.mjs';
import { cpuMsOf } from './support/process-figures.mjs';
import { fixed, print, printHead, printTable, Verdict } from './support/report.mjs';
import { startPlimsoll } from './support/start-plimsoll.mjs';
import { quantile } from './support/statistics.mjs';

const options = readArguments('Pages of a large list of bookmarks, deep down', {
  bookmarks: { default: 150_000, about: 'bookmarks in the database' },
  depth: {
    default: 100_000,
    about: 'rows before the first page; two thirds of what matches when that is less',
  },
  pages: { default: 60, about: 'pages of each order and filter' },
  only: { default: '', about: 'filters whose name holds this text' },
  seconds: { default: 600, about: 'stop preparing after this long; the next run goes on' },
});

/** Requirement of the issue, "Speed and memory". */
const MOST_P95_MS = 15;
const LIMIT = 100;
/** Not counted: pages of each order and filter, and of a server that has just started. */
const WARM_UP_PAGES = 5;
const WARM_UP_REQUESTS = 300;

const SORTS = ['-createdAt', 'createdAt', '-modifiedAt', 'modifiedAt', 'title', '-title'];

const tagged = (name) =>
  `id in (select bookmark_id from bookmark_tags join tags on tags.id = tag_id where name_key = '${name}')`;

/** What the store is asked, what the route, and the same as SQL to find the way down. */
const FILTERS = [
  { name: 'all', filter: {}, query: '', where: 'true' },
  { name: 'not archived', filter: { archived: false }, query: 'archived=false', where: 'archived = 0' },
  { name: 'archived', filter: { archived: true }, query: 'archived=true', where: 'archived = 1' },
  { name: 'tag of 80 %', filter: { tags: ['most'] }, query: 'tag=most', where: tagged('most') },
  { name: 'tag of 5 %', filter: { tags: ['some'] }, query: 'tag=some', where: tagged('some') },
  { name: 'tag of 1.7 %', filter: { tags: ['few'] }, query: 'tag=few', where: tagged('few') },
  { name: 'tag of 0.8 %', filter: { tags: ['rare'] }, query: 'tag=rare', where: tagged('rare') },
  {
    name: 'tag of 5 %, archived',
    filter: { tags: ['some'], archived: true },
    query: 'tag=some&archived=true',
    where: `archived = 1 and ${tagged('some')}`,
  },
  { name: 'favourite', filter: { favourite: true }, query: 'favourite=true', where: 'favourite = 1' },
  {
    name: 'untagged',
    filter: { untagged: true },
    query: 'untagged=true',
    where: 'not exists (select 1 from bookmark_tags where bookmark_id = bookmarks.id)',
  },
  { name: 'dead', filter: { dead: true }, query: 'status=dead', where: 'dead_since is not null' },
  {
    name: 'failed',
    filter: { enrichment: 'failed' },
    query: 'status=failed',
    where: "enrichment_state = 'failed'",
  },
];

boundMinutes(20);
printHead('bench:list');
const folder = join(tmpdir(), `plimsoll-bench-list-v1-${options.bookmarks}`);
await mkdir(folder, { recursive: true });
const rooms = await openStore(folder);
const isComplete = await fill(rooms, options.bookmarks, performance.now() + options.seconds * 1_000);
print(`${options.bookmarks} bookmarks in ${folder}: ${isComplete ? 'complete' : 'not complete yet'}`);
if (!isComplete) {
  await rooms.close();
  process.exit(1);
}

const cases = [];
for (const { name, filter, query, where } of FILTERS) {
  if (!name.includes(options.only)) continue;
  for (const sort of SORTS)
    cases.push({ name, filter, query, sort, ...(await cursorAt(rooms, where, sort, options.depth)) });
}

/** Page after page from the depth on, and from there again at the end. @returns ms of each but the first ones */
async function walk(from, next) {
  const times = [];
  let cursor = from;
  for (let n = 0; n < WARM_UP_PAGES; n++) await next(cursor);
  while (times.length < options.pages) {
    const { ms, length, nextCursor } = await next(cursor);
    // The last page of a list is shorter; it would make the figures look better.
    if (length === LIMIT) times.push(ms);
    cursor = nextCursor ?? from;
  }
  return times;
}

for (const each of cases) {
  const { filter, sort, cursor } = each;
  each.storeMs = await walk(cursor, async (at) => {
    const startedMs = performance.now();
    const { bookmarks, nextCursor } = await rooms.store.list(filter, sort, LIMIT, at);
    return { ms: performance.now() - startedMs, length: bookmarks.length, nextCursor };
  });
}
await rooms.close();

const server = await startPlimsoll({ env: { DATA_DIR: folder, READ_ONLY: 'on', ENRICHMENT: 'off' } });
const agent = keepAliveAgent();
for (let n = 0; n < WARM_UP_REQUESTS; n++)
  await ask({ port: server.port, path: `/api/bookmarks?limit=${LIMIT}`, agent });
for (const each of cases) {
  const { query, sort, cursor } = each;
  const cpuBeforeMs = cpuMsOf(server.pid);
  each.routeMs = await walk(cursor, async (at) => {
    const path = `/api/bookmarks?limit=${LIMIT}&sort=${sort}&cursor=${encodeURIComponent(at)}&${query}`;
    const answer = await ask({ port: server.port, path, agent, keepBody: true });
    if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}`);
    const { bookmarks, nextCursor } = JSON.parse(answer.body.toString());
    return { ms: answer.ms, length: bookmarks.length, nextCursor };
  });
  each.cpuMs = (cpuMsOf(server.pid) - cpuBeforeMs) / (options.pages + WARM_UP_PAGES);
}
agent.destroy();
await server.stop();

printTable(
  [
    'filter',
    'sort',
    'matches',
    'depth',
    'store p50 ms',
    'store p95 ms',
    'route p50 ms',
    'route p95 ms',
    'route CPU ms',
  ],
  cases.map(({ name, sort, matches, at, storeMs, routeMs, cpuMs }) => [
    name,
    sort,
    matches,
    at,
    ...[storeMs, routeMs].flatMap((times) => [
      fixed(quantile(times, 0.5), 2),
      fixed(quantile(times, 0.95), 2),
    ]),
    fixed(cpuMs),
  ]),
);
const verdict = new Verdict();
for (const name of new Set(cases.map((each) => each.name))) {
  const worst = cases
    .filter((each) => each.name === name)
    .map((each) => ({ ...each, p95Ms: quantile(each.routeMs, 0.95) }))
    .reduce((most, each) => (each.p95Ms > most.p95Ms ? each : most));
  verdict.require(
    worst.p95Ms < MOST_P95_MS,
    `${name}, at ${worst.at}: route p95 at most ${fixed(worst.p95Ms, 2)} ms in any order (${worst.sort}), less than ${MOST_P95_MS}`,
  );
}
verdict.end();
