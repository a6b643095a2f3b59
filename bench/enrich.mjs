// Enrichment of a thousand bookmarks from many small sites on loopback, in a memory limit of its own, while lists,
// searches and pictures are asked for: does the server hold its line, and is every bookmark complete at the end?
import { setTimeout as sleep } from 'node:timers/promises';
import { readArguments, parseSizeBytes } from './support/arguments.mjs';
import { bookmarkClient, isEnriched } from './support/bookmark-client.mjs';
import { boundMinutes } from './support/life.mjs';
import { ask, imagePath, keepAliveAgent } from './support/load-client.mjs';
import { openCage } from './support/memory-cage.mjs';
import { probeSteadily } from './support/probe-steadily.mjs';
import { cpuMsOf, memoryOf } from './support/process-figures.mjs';
import { fixed, mib, print, printHead, printTable, Verdict } from './support/report.mjs';
import { sampleRss } from './support/sample-rss.mjs';
import { readState } from './support/server-state.mjs';
import { startPageOrigin } from './support/start-page-origin.mjs';
import { startPlimsoll } from './support/start-plimsoll.mjs';
import { median, quantile } from './support/statistics.mjs';

const options = readArguments('Enrichment of many bookmarks inside a memory limit.', {
  count: { default: 1_000, about: 'bookmarks' },
  hosts: { default: 50, about: 'sites that they are spread over, a port each' },
  budget: { default: '512MiB', about: 'memory limit' },
  minutes: { default: 8, about: 'give up after; on an idle machine it takes two' },
  env: { default: [], about: 'more settings for the server, NAME=value, repeatable' },
});
const settings = Object.fromEntries(options.env.map((entry) => entry.split(/=(.*)/s, 2)));
const LINE_SHARE = 0.9; // of the limit; src/config/memory-thresholds.ts
const POLL_MS = 1_000;
const RECOVERY_MS = 30_000;

boundMinutes(options.minutes + 4);
printHead('bench:enrich');
const sites = await startPageOrigin({ hosts: options.hosts });
const limitBytes = parseSizeBytes(options.budget);
const lineBytes = Math.floor(LINE_SHARE * limitBytes);
const cage = openCage(limitBytes);
const server = await startPlimsoll({
  originPorts: sites.ports,
  wrap: cage.wrap,
  env: {
    ...(cage.seenByServer ? {} : { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: String(lineBytes) }),
    ...settings,
  },
});
const { port, pid } = server;
const client = bookmarkClient(port);
print(
  `${options.count} bookmarks of ${options.hosts} sites; pause of a site ${settings['ENRICHMENT_HOST_DELAY_MS'] ?? '1s (default)'}; ` +
    `limit: ${cage.kind}; L ${mib(lineBytes)} MiB`,
);

/** One bookmark, one picture: what is loaded at first use is not what is measured. */
async function warm() {
  const agent = keepAliveAgent();
  const [id] = await client.create([sites.pageUrl(0)]);
  const hitPath = imagePath(sites.otherUrl('hit'), 160, 'webp');
  for (let i = 0; i < 10; i++) {
    await ask({ port, path: hitPath, agent });
    await ask({ port, path: '/api/bookmarks?q=load+lnie', agent });
  }
  for (let tries = 0; (await client.count('pending')) > 0 && tries < 30; tries++) await sleep(500);
  agent.destroy();
  await sleep(1_500);
  return { id, hitPath };
}

const { id, hitPath } = await warm();
/** What others ask for meanwhile: path, and how often. */
const PROBES = {
  'image hit': [hitPath, 50],
  list: ['/api/bookmarks?limit=50', 200],
  search: ['/api/bookmarks?q=balast+page&limit=20', 250],
  'new picture': [imagePath(sites.otherUrl('{n}'), 300, 'webp').replace('%7Bn%7D', '{n}'), 1_000],
  'picture of a bookmark': [`/api/bookmarks/${id}/image?w=1{n}&format=webp`, 1_500],
  icon: [`/api/icons/${sites.otherHost}?w=64`, 400],
};

const floorBytes = memoryOf(pid).rssBytes;
const sampler = await sampleRss(pid);
const probes = {};
for (const [name, [pathPattern, everyMs]] of Object.entries(PROBES)) {
  probes[name] = await probeSteadily({ port, pathPattern, everyMs });
}
await sleep(500);
const cpuBeforeMs = cpuMsOf(pid);
const startedMs = performance.now();
await client.create(Array.from({ length: options.count - 1 }, (_, n) => sites.pageUrl(n + 1)));
const createdMs = performance.now() - startedMs;

/** Until every bookmark is complete, the server is gone, or time is up. */
async function untilEnriched() {
  while (performance.now() - startedMs < options.minutes * 60_000 && server.ended() === null) {
    await sleep(POLL_MS);
    if ((await client.count('pending')) > 0) continue;
    const bookmarks = await client.all();
    const open = bookmarks.filter((bookmark) => !isEnriched(bookmark)).length;
    if (open === 0) return bookmarks;
  }
  return server.ended() === null ? client.all() : [];
}

const bookmarks = await untilEnriched().catch((error) => {
  print(String(error));
  return [];
});
const wallMs = performance.now() - startedMs;
const cpuMs = server.ended() === null ? cpuMsOf(pid) - cpuBeforeMs : Number.NaN;
const answers = {};
for (const [name, probe] of Object.entries(probes)) answers[name] = await probe.end();
const { peakBytes } = await sampler.mark();
let state = server.ended() === null ? await readState(port) : {};
for (const untilMs = performance.now() + RECOVERY_MS; performance.now() < untilMs;) {
  if (server.ended() !== null || (state.reservedBytes === 0 && state.level === 'normal')) break;
  await sleep(500);
  state = await readState(port);
}
const ended = server.ended();
const { asked, mostAtOnce } = await sites.stats();
sampler.stop();
client.close();
await server.stop();
const oomKills = cage.oomKills();
cage.close();
sites.stop();

print(
  `asked of the sites: ${asked.pages} pages, ${asked.pictures} pictures, ${asked.icons} icons, ${asked.others} others`,
);
print();
const enriched = bookmarks.filter(isEnriched).length;
printTable(
  ['figure', 'value'],
  [
    ['bookmarks a second, created to complete', fixed(enriched / (wallMs / 1_000))],
    ['wall time, s', fixed(wallMs / 1_000)],
    ['created within, ms', fixed(createdMs, 0)],
    ['CPU of the server each, ms', fixed(cpuMs / options.count)],
    ['RSS before, MiB', mib(floorBytes)],
    ['peak RSS / L, MiB', `${mib(peakBytes)} / ${mib(lineBytes)}`],
  ],
);
const ok = (list) => list.filter(({ status }) => status === 200).map(({ ms }) => ms);
printTable(
  ['asked meanwhile', 'answers', '503', 'p50 ms', 'p99 ms', 'slowest ms'],
  Object.entries(answers).map(([name, list]) => [
    name,
    list.length,
    list.filter(({ status }) => status === 503).length,
    fixed(median(ok(list))),
    fixed(quantile(ok(list), 0.99)),
    fixed(Math.max(...ok(list))),
  ]),
);
const verdict = new Verdict();
const all = Object.values(answers).flat();
const wrong = all.filter(({ status }) => status !== 200 && status !== 503);
verdict.require(
  ended === null,
  `the server is ${ended === null ? 'alive' : `ended by ${ended.signal ?? `exit code ${ended.code}`}`}`,
);
if (oomKills === null) verdict.skip(`out-of-memory kills are not counted under ${cage.kind}`);
else verdict.require(oomKills === 0, `oom_kill ${oomKills}, exactly 0`);
verdict.require(peakBytes <= lineBytes, `peak RSS ${mib(peakBytes)} MiB, at most L = ${mib(lineBytes)} MiB`);
verdict.require(
  wrong.length === 0,
  `${wrong.length} of ${all.length} answers other than 200 and 503, exactly 0 ${wrong[0]?.status ?? ''} ${wrong[0]?.fault ?? ''}`,
);
verdict.require(
  enriched === options.count,
  `${enriched} of ${options.count} bookmarks have title, description and picture of their page`,
);
verdict.require(mostAtOnce === 1, `a site was asked for ${mostAtOnce} things at once, exactly 1`);
verdict.require(state.reservedBytes === 0, `ledger ${state.reservedBytes} bytes at the end, exactly 0`);
verdict.end();
