// Mixed load for as long as asked: does memory, or anything else, grow? Caches and store get small bounds, so that
// they are full before the warm-up ends and only growth without bound is left to see.
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { readArguments } from './support/arguments.mjs';
import { pictures } from './support/corpus.mjs';
import { boundMinutes } from './support/life.mjs';
import { ask, imagePath, keepAliveAgent } from './support/load-client.mjs';
import { openFilesOf } from './support/process-figures.mjs';
import { fixed, MB, mib, print, printHead, printTable, Verdict } from './support/report.mjs';
import { sampleRss } from './support/sample-rss.mjs';
import { seededRandom } from './support/seeded-random.mjs';
import { readState } from './support/server-state.mjs';
import { startOrigin } from './support/start-origin.mjs';
import { startPlimsoll } from './support/start-plimsoll.mjs';
import { median, quantile, regression } from './support/statistics.mjs';

const options = readArguments('Mixed load, watched for growth.', {
  minutes: { default: 10, about: 'length of the load' },
  'warmup-minutes': { default: 0, about: 'not counted; 0 is a fifth of the length' },
  clients: { default: 4, about: 'clients, each with one request at a time' },
  seed: { default: 8, about: 'seed of the requests' },
  env: { default: [], about: 'more settings for the server, NAME=value, repeatable' },
});
const MOST_SLOPE_BYTES_PER_MINUTE = MB;
const MOST_MORE_FILES = 8;
const PERIOD_MS = 10_000;
const POPULAR = 40;
const BOUNDS = {
  IMAGE_RAM_BUDGET_BYTES: '33554432',
  SERVER_CACHE_BUDGET_BYTES: '1048576',
  STORE_MAX_BYTES: '268435456',
};
const settings = Object.fromEntries(options.env.map((entry) => entry.split(/=(.*)/s, 2)));
const warmupMinutes = options['warmup-minutes'] || options.minutes / 5;

boundMinutes(options.minutes + 10);
printHead('bench:soak');
const corpus = await pictures({
  photo: { width: 2_000, height: 1_500, photo: 1, format: 'jpeg', grain: true, quality: 85 },
  large: { width: 4_000, height: 3_000, photo: 4, format: 'jpeg', grain: true },
  progressive: { width: 2_000, height: 1_500, photo: 2, format: 'jpeg', grain: true, progressive: true },
  alpha: { width: 1_500, height: 1_500, photo: 1, format: 'png', alpha: true },
  small: { width: 320, height: 240, photo: 1, format: 'jpeg' },
});
const origin = await startOrigin(corpus);
const server = await startPlimsoll({ originPorts: [origin.port], env: { ...BOUNDS, ...settings } });
const { port, pid } = server;
const agent = keepAliveAgent();
const random = seededRandom(options.seed);
const names = Object.keys(corpus);
const upload = readFileSync(corpus.small.path);
let serial = 0;

const cold = () =>
  imagePath(
    origin.urlOf(random.pick(names), serial++),
    random.integer(10, 80) * 10,
    random.pick(['webp', 'jpeg', 'png']),
  );
const sourceQuery = (n) => `url=${encodeURIComponent(origin.urlOf('small', n))}`;

/** One act of a client and the statuses that it may end in; the shares add up to 1. */
const ACTS = [
  {
    name: 'popular',
    share: 0.5,
    statuses: [200],
    act: () =>
      ask({
        port,
        agent,
        path: imagePath(origin.urlOf('small', `popular${random.integer(1, POPULAR)}`), 200, 'webp'),
      }),
  },
  { name: 'cold', share: 0.25, statuses: [200, 503], act: () => ask({ port, agent, path: cold() }) },
  {
    name: 'metadata',
    share: 0.06,
    statuses: [200, 503],
    act: () => ask({ port, agent, path: `/api/images/metadata?${sourceQuery(serial++)}` }),
  },
  {
    name: 'placeholder',
    share: 0.04,
    statuses: [200, 503],
    act: () => ask({ port, agent, path: `/api/images/placeholder?${sourceQuery(serial++)}` }),
  },
  { name: 'upload, read, delete', share: 0.05, statuses: [204, 503], act: uploadReadDelete },
  {
    name: 'no such picture',
    share: 0.04,
    statuses: [404, 503],
    act: () => ask({ port, agent, path: imagePath(origin.urlOf('missing', serial++), 100, 'webp') }),
  },
  {
    name: 'wrong parameter',
    share: 0.03,
    statuses: [400],
    act: () => ask({ port, agent, path: `/api/images?${sourceQuery(1)}&w=-1` }),
  },
  // the client goes while its picture is made
  {
    name: 'impatient',
    share: 0.03,
    statuses: [0, 200, 503],
    act: () => ask({ port, agent, path: cold(), timeoutMs: 30 }),
  },
];

async function uploadReadDelete() {
  const created = await ask({
    port,
    agent,
    path: '/api/images',
    method: 'POST',
    headers: { 'Content-Type': 'image/jpeg' },
    body: upload,
    keepBody: true,
  });
  if (created.status !== 201) return created;
  const { id } = JSON.parse(created.body.toString());
  const read = await ask({ port, agent, path: `/api/images/${id}?w=100&format=webp` });
  const removed = await ask({ port, agent, path: `/api/images/${id}`, method: 'DELETE' });
  return read.status === 200 || read.status === 503 ? removed : read;
}

const counts = new Map(ACTS.map(({ name }) => [name, { answers: 0, refused: 0, wrong: new Map(), ms: [] }]));
function pickAct() {
  let rest = random.next();
  return ACTS.find(({ share }) => (rest -= share) < 0) ?? ACTS[0];
}

const endMs = performance.now() + options.minutes * 60_000;
async function client() {
  while (performance.now() < endMs && server.ended() === null) {
    const { name, statuses, act } = pickAct();
    const { status, ms } = await act();
    const count = counts.get(name);
    count.answers += 1;
    if (status === 503) {
      count.refused += 1;
      await sleep(1_000);
    }
    if (!statuses.includes(status)) count.wrong.set(status, (count.wrong.get(status) ?? 0) + 1);
    // enough for a quantile, not enough to grow ourselves
    if (count.ms.length < 20_000) count.ms.push(ms);
  }
}

const sampler = await sampleRss(pid);
const clients = Promise.all(Array.from({ length: options.clients }, client));
const points = [];
const startedMs = performance.now();
print(`${options.minutes} minutes, ${options.clients} clients; bounds ${JSON.stringify(BOUNDS)}`);
while (performance.now() < endMs - PERIOD_MS / 2 && server.ended() === null) {
  await sleep(PERIOD_MS);
  const { series } = await sampler.mark();
  if (server.ended() !== null) break;
  const minutes = (performance.now() - startedMs) / 60_000;
  points.push({ minutes, rssBytes: median(series.filter((bytes) => bytes > 0)), files: openFilesOf(pid) });
  if (points.length % 6 === 0) {
    const { rssBytes, files } = points.at(-1);
    const answers = [...counts.values()].reduce((sum, count) => sum + count.answers, 0);
    print(`  ${fixed(minutes)} min: RSS ${mib(rssBytes)} MiB, ${files} open files, ${answers} answers`);
  }
}
await clients;
agent.destroy();
print();

const verdict = new Verdict();
printTable(
  ['act', 'answers', '503', 'unexpected', 'p50 ms', 'p99 ms'],
  ACTS.map(({ name }) => {
    const { answers, refused, wrong, ms } = counts.get(name);
    const unexpected = [...wrong].map(([status, count]) => `${count} × ${status}`).join(', ') || '0';
    return [name, answers, refused, unexpected, fixed(quantile(ms, 0.5)), fixed(quantile(ms, 0.99))];
  }),
);
const counted = points.filter(({ minutes }) => minutes > warmupMinutes);
const { slope, standardError } = regression(counted.map(({ minutes, rssBytes }) => [minutes, rssBytes]));
const third = Math.max(1, Math.floor(counted.length / 3));
const filesBefore = median(counted.slice(0, third).map(({ files }) => files));
const filesAfter = median(counted.slice(-third).map(({ files }) => files));
const unexpected = [...counts.values()].reduce(
  (sum, { wrong }) => sum + [...wrong.values()].reduce((a, b) => a + b, 0),
  0,
);

verdict.require(server.ended() === null, 'the server is alive');
verdict.require(unexpected === 0, `${unexpected} unexpected answers, exactly 0`);
if (Number.isNaN(slope)) verdict.skip('slope of RSS: too few points after the warm-up');
else {
  verdict.require(
    slope < MOST_SLOPE_BYTES_PER_MINUTE,
    `RSS grows by ${fixed(slope / MB, 2)} ± ${fixed(standardError / MB, 2)} MB a minute after ${fixed(warmupMinutes)} minutes, under 1`,
  );
}
verdict.require(
  filesAfter - filesBefore <= MOST_MORE_FILES,
  `open files ${filesBefore} in the first third, ${filesAfter} in the last, at most ${MOST_MORE_FILES} more`,
);
if (server.ended() === null) {
  await sleep(3_000);
  const state = await readState(port);
  for (const [name, label] of [
    ['reservedBytes', 'reserved bytes'],
    ['leases', 'leases'],
    ['operations', 'running operations'],
  ]) {
    if (state[name] === undefined) verdict.skip(`${label}: the server does not publish them`);
    else verdict.require(state[name] === 0, `${label} at the end: ${state[name]}, exactly 0`);
  }
}
sampler.stop();
await server.stop();
origin.stop();
verdict.end();
