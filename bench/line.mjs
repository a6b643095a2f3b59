// Floods the real server inside a memory limit of its own and watches whether it holds its line. See docs/memory.md
// for what is required and docs/benchmarks.md for the figures.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { parseSizeBytes, readArguments } from './support/arguments.mjs';
import { describeBookmarkWork, judgeBookmarkWork, startBookmarkWork } from './support/bookmark-work.mjs';
import { BURSTS, listOf, sourcesOf } from './support/bursts.mjs';
import { corpusOrigin, pictures } from './support/corpus.mjs';
import { boundMinutes } from './support/life.mjs';
import { ask, imagePath, keepAliveAgent } from './support/load-client.mjs';
import { openCage } from './support/memory-cage.mjs';
import { probeSteadily } from './support/probe-steadily.mjs';
import { memoryOf } from './support/process-figures.mjs';
import { fixed, mib, MIB, print, printHead, printTable, ratio, Verdict } from './support/report.mjs';
import { runLoop } from './support/run-loop.mjs';
import { sampleRss } from './support/sample-rss.mjs';
import { flush, readState } from './support/server-state.mjs';
import { startBareServer } from './support/start-bare.mjs';
import { startOrigin } from './support/start-origin.mjs';
import { startPageOrigin } from './support/start-page-origin.mjs';
import { startPlimsoll } from './support/start-plimsoll.mjs';
import { StartFailure } from './support/start-server.mjs';
import { median, quantile } from './support/statistics.mjs';

const options = readArguments('A burst inside a memory limit: does the server hold its line?', {
  burst: { default: 'mixed', about: 'mixed, plain, heavy; several by comma' },
  budget: { default: '512MiB', about: 'memory limit; several by comma' },
  rounds: { default: 1, about: 'rounds of each burst, alternating with its reference' },
  requests: { default: 0, about: 'requests at once, 0 as the burst says' },
  seed: { default: 4, about: 'seed of the list' },
  env: { default: [], about: 'more settings for the server, NAME=value, repeatable' },
  bare: {
    default: false,
    about: 'the bare server in the same limit instead, to see what happens; requires nothing',
  },
  'without-reservations': {
    default: false,
    about: 'our server with its reservations switched off, to see this bench fail',
  },
  patience: { default: 300, about: 'seconds after which a client that honours Retry-After gives up' },
  'with-bookmarks': {
    default: false,
    about: 'an import of 20 000 bookmarks and the enrichment of 300 go on during the burst',
  },
  'no-reference': { default: false, about: 'leave out the run that the wall time is compared with' },
  'expect-broken': {
    default: false,
    about: 'succeed only when L was crossed or the server killed (the proof that this can fail)',
  },
});

const withoutReservations = fileURLToPath(
  new URL('./support/main-without-reservations.mjs', import.meta.url),
);
const LINE_SHARE = 0.9; // of the limit; src/config/memory-thresholds.ts
const DEFAULT_BUDGET_BYTES = 2 * 1024 ** 3; // TOTAL_PROCESS_MEMORY_BUDGET_BYTES
/** Below it a budget must hold the line, but large pictures may be refused with 413. */
const FULL_SERVICE_BYTES = 512 * MIB;
const HIT_EVERY_MS = 50;
const SMALL_EVERY_MS = 250;
const RECOVERY_MS = 30_000;
const AFTER_FLUSH_MS = 15_000;
const MOST_FLOOR_RATIO = 1.2;
const EXPECTED = new Set([200, 413, 503]);
/** What goes on beside the burst with --with-bookmarks. */
const BOOKMARKS = { entries: 20_000, pages: 300 };

const bursts = options.burst.split(',');
for (const burst of bursts) {
  if (!(burst in BURSTS))
    throw new Error(`--burst must be of ${Object.keys(BURSTS).join(', ')}, got "${burst}"`);
}
const budgets = options.budget.split(',').map((text) => ({ text, bytes: parseSizeBytes(text) }));
const settings = Object.fromEntries(options.env.map((entry) => entry.split(/=(.*)/s, 2)));

boundMinutes((12 + options.patience / 60) * bursts.length * budgets.length * options.rounds);
printHead('bench:line');
const specs = Object.assign({}, ...bursts.map(sourcesOf));
const corpus = await pictures(specs);
const origin = await startOrigin(corpus);
const sites = options['with-bookmarks'] ? await startPageOrigin({ hosts: 50 }) : undefined;
print(`pictures: ${corpusOrigin}`);
for (const name of Object.keys(corpus)) {
  const { width, height, bytes, type } = corpus[name];
  print(`  ${name}: ${width}×${height} ${type.slice(6)}, ${(bytes / 1e6).toFixed(1)} MB`);
}
print();

let serial = 0;

/** One client: asks, checks what it got, and comes back when it is told to and the burst allows it. */
async function client({ port, agent, item, retries, deadlineMs }) {
  const path = imagePath(origin.urlOf(item.name, serial++), item.width, item.format);
  const answers = [];
  for (;;) {
    const answer = await ask({ port, path, agent, keepBody: true });
    const { status, headers, fault, ms } = answer;
    const retryAfter = headers['retry-after'];
    answers.push({ status, fault, ms, retryAfter, code: status === 200 ? undefined : problemCode(answer) });
    if (status === 200) {
      const { format, width } = await sharp(answer.body).metadata();
      const seen = format === 'heif' ? 'avif' : format;
      const right =
        seen === item.format &&
        width === item.width &&
        answer.body.length === Number(headers['content-length']);
      return {
        answers,
        got: right,
        wrong: right ? undefined : `${item.format} of ${item.width} came as ${seen} of ${width}`,
      };
    }
    const waitMs = Number(retryAfter) * 1_000;
    if (!retries || status !== 503 || !(waitMs > 0) || performance.now() + waitMs > deadlineMs) {
      return { answers, got: false };
    }
    await sleep(waitMs);
  }
}

function problemCode({ body }) {
  try {
    return JSON.parse(body.toString()).code;
  } catch {
    return undefined;
  }
}

/** All clients in one turn of the loop. */
async function flood(server, list, retries) {
  const agent = keepAliveAgent();
  const startedMs = performance.now();
  let lastPictureMs = startedMs;
  const results = await Promise.all(
    list.map(async (item) => {
      const result = await client({
        port: server.port,
        agent,
        item,
        retries,
        deadlineMs: startedMs + options.patience * 1_000,
      });
      if (result.got) lastPictureMs = performance.now();
      return result;
    }),
  );
  agent.destroy();
  const answers = results.flatMap((result) => result.answers);
  const statuses = new Map();
  for (const { status, fault, code } of answers) {
    const name =
      status === 0 ? `no answer (${fault})` : code === undefined ? String(status) : `${status} ${code}`;
    statuses.set(name, (statuses.get(name) ?? 0) + 1);
  }
  return {
    wallMs: lastPictureMs - startedMs,
    pictures: results.filter(({ got }) => got).length,
    wrong: results.map(({ wrong }) => wrong).filter((text) => text !== undefined),
    statuses,
    unexpected: answers.filter(({ status }) => !EXPECTED.has(status)).length,
    withoutRetryAfter: answers.filter(({ status, retryAfter }) => status === 503 && !(Number(retryAfter) > 0))
      .length,
    slowestMs: Math.max(...answers.map(({ ms }) => ms)),
  };
}

const statusText = (statuses) =>
  [...statuses]
    .sort()
    .map(([name, count]) => `${count} × ${name}`)
    .join(', ');

/** Small requests before the burst: what is loaded at first use, and one picture that is a memory hit then. */
async function warm(server) {
  const agent = keepAliveAgent();
  const hitPath = imagePath(origin.urlOf('small-0', 'hit'), 160, 'webp');
  for (let i = 0; i < 5; i++) {
    const answer = await ask({ port: server.port, path: hitPath, agent });
    if (answer.status !== 200)
      throw new Error(`a small picture was answered ${answer.status} before the burst`);
    await ask({
      port: server.port,
      path: imagePath(origin.urlOf('small-0', `warm${i}`), 120, 'jpeg'),
      agent,
    });
  }
  agent.destroy();
  await sleep(1_500);
  return hitPath;
}

async function startProbes(server, burst, hitPath, bare) {
  const smallPattern = imagePath(`${origin.urlOf('small-0', 'probe')}{n}`, 160, 'webp').replace(
    '%7Bn%7D',
    '{n}',
  );
  const probes = {};
  if (!bare)
    probes.hit = await probeSteadily({ port: server.port, pathPattern: hitPath, everyMs: HIT_EVERY_MS });
  if (BURSTS[burst].asksSmall) {
    probes.small = await probeSteadily({
      port: server.port,
      pathPattern: smallPattern,
      everyMs: SMALL_EVERY_MS,
    });
  }
  return probes;
}

/** Waits until the server says that all is over; gives up after a while. */
async function recovery(server) {
  const startedMs = performance.now();
  let state = await readState(server.port);
  while (performance.now() - startedMs < RECOVERY_MS) {
    if (state.level === 'normal' && !(state.reservedBytes > 0) && !(state.leases > 0)) break;
    await sleep(500);
    state = await readState(server.port);
  }
  return { state, afterMs: performance.now() - startedMs };
}

async function measure({ burst, list, limitBytes, bare }) {
  const cage = openCage(limitBytes);
  const lineBytes = Math.min(DEFAULT_BUDGET_BYTES, Math.floor(LINE_SHARE * limitBytes));
  const server = bare
    ? await startBareServer({ wrap: cage.wrap })
    : await startPlimsoll({
        originPorts: [origin.port, ...(sites?.ports ?? [])],
        wrap: cage.wrap,
        ...(options['without-reservations'] ? { entry: withoutReservations } : {}),
        env: {
          ...BURSTS[burst].env,
          ...(cage.seenByServer ? {} : { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: String(lineBytes) }),
          ...settings,
        },
      }).catch((error) => {
        cage.close();
        throw error;
      });
  try {
    const hitPath = await warm(server);
    const floorBytes = memoryOf(server.pid).rssBytes;
    const sampler = await sampleRss(server.pid);
    const probes = await startProbes(server, burst, hitPath, bare);
    await sleep(500);
    const work =
      sites === undefined ? undefined : await startBookmarkWork({ port: server.port, sites, ...BOOKMARKS });
    const flooded = await flood(server, list, BURSTS[burst].retries);
    const hits = (await probes.hit?.end()) ?? [];
    const smalls = (await probes.small?.end()) ?? [];
    // connections break before the end of a killed process is noticed
    if (flooded.pictures < list.length) await sleep(500);
    const memory = await sampler.mark();
    const outcome = {
      ...flooded,
      cage: cage.kind,
      lineBytes,
      floorBytes,
      peakBytes: memory.peakBytes,
      samples: memory.samples,
      hits,
      smalls,
      ended: server.ended(),
    };
    if (work !== undefined && server.ended() === null) {
      outcome.bookmarks = { during: await work.stand(), after: await work.complete() };
      const { peakBytes } = await sampler.mark();
      outcome.peakBytes = Math.max(outcome.peakBytes, peakBytes);
    }
    await work?.end();
    if (!bare && server.ended() === null) {
      outcome.recovery = await recovery(server);
      outcome.restBytes = memoryOf(server.pid).rssBytes;
      outcome.flushReason = await flush(server.port);
      await sleep(AFTER_FLUSH_MS);
      outcome.afterFlushBytes = memoryOf(server.pid)?.rssBytes ?? Number.NaN;
      outcome.stateAtEnd = await readState(server.port);
    }
    sampler.stop();
    outcome.ended = server.ended();
    outcome.oomKills = cage.oomKills();
    outcome.reclaims = cage.reclaims();
    return outcome;
  } finally {
    await server.stop();
    cage.close();
  }
}

/** Wall time of the same list on the other side. */
async function measureReference(burst, list) {
  const { reference, retries } = BURSTS[burst];
  if (reference === 'loop') {
    const { wallMs } = await runLoop({
      jobs: 2,
      list: list.map(({ name, width, format }) => ({ path: corpus[name].path, width, format })),
    });
    return wallMs;
  }
  const server = await startBareServer();
  try {
    await warm(server);
    const probes = await startProbes(server, burst, '', true);
    const { wallMs, pictures: got } = await flood(server, list, retries);
    await probes.small?.end();
    if (got !== list.length)
      throw new Error(`the bare server without limit answered ${got} of ${list.length}`);
    return wallMs;
  } finally {
    await server.stop();
  }
}

const latencies = (answers) => answers.filter(({ status }) => status === 200).map(({ ms }) => ms);
const p50p99 = (answers) =>
  answers.length === 0
    ? '–'
    : `${fixed(quantile(latencies(answers), 0.5), 0)} / ${fixed(quantile(latencies(answers), 0.99), 0)}`;
const answered = (answers) => answers.filter(({ status }) => status === 200).length;

function describe(outcome) {
  print(
    `  limit: ${outcome.cage}; L ${mib(outcome.lineBytes)} MiB, floor before ${mib(outcome.floorBytes)} MiB`,
  );
  if (outcome.bookmarks !== undefined) describeBookmarkWork(outcome.bookmarks);
  print(`  answers: ${statusText(outcome.statuses)}; slowest ${fixed(outcome.slowestMs / 1_000)} s`);
  if (outcome.reclaims !== null)
    print(`  the limit was touched ${outcome.reclaims} times (file cache counts too)`);
  if (outcome.recovery !== undefined) {
    const { state, afterMs } = outcome.recovery;
    print(
      `  afterwards: level ${state.level ?? 'unknown'} after ${fixed(afterMs / 1_000)} s, RSS ${mib(outcome.restBytes)} MiB, ` +
        `${AFTER_FLUSH_MS / 1_000} s ${outcome.flushReason === null ? 'after a flush' : 'later, not flushed'} ${mib(outcome.afterFlushBytes)} MiB`,
    );
  }
}

function judge(verdict, burst, budget, outcome, wallRatio) {
  // Beside other work the burst must hold the line; how fast it is then is not required.
  const wanted =
    sites === undefined
      ? BURSTS[burst]
      : { ...BURSTS[burst], mostWallRatio: undefined, mostHitP99Ms: undefined };
  const name = `${burst} at ${budget.text}`;
  const full =
    budget.bytes >= FULL_SERVICE_BYTES && (options.requests === 0 || options.requests === wanted.count);
  const { peakBytes, lineBytes, recovery: recovered } = outcome;
  const death =
    outcome.ended === null
      ? 'alive'
      : `ended by ${outcome.ended.signal ?? `exit code ${outcome.ended.code}`}`;
  verdict.require(outcome.ended === null, `${name}: the server is ${death}`);
  if (outcome.oomKills === null)
    verdict.skip(`${name}: out-of-memory kills are not counted under ${outcome.cage}`);
  else verdict.require(outcome.oomKills === 0, `${name}: oom_kill ${outcome.oomKills}, exactly 0`);
  verdict.require(
    peakBytes <= lineBytes,
    `${name}: peak RSS ${mib(peakBytes)} MiB, at most L = ${mib(lineBytes)} MiB`,
  );
  if (full && wanted.mostPeakBytes !== undefined) {
    verdict.require(
      peakBytes < wanted.mostPeakBytes,
      `${name}: peak RSS ${mib(peakBytes)} MiB, under ${mib(wanted.mostPeakBytes)}`,
    );
  }
  verdict.require(
    outcome.unexpected === 0,
    `${name}: ${outcome.unexpected} answers other than 200, 413, 503, exactly 0`,
  );
  verdict.require(
    outcome.withoutRetryAfter === 0,
    `${name}: ${outcome.withoutRetryAfter} answers 503 without Retry-After, exactly 0`,
  );
  verdict.require(
    outcome.wrong.length === 0,
    `${name}: ${outcome.wrong.length} wrong pictures, exactly 0 ${outcome.wrong[0] ?? ''}`,
  );
  if (!full)
    verdict.skip(
      `${name}: pictures, wall time and latencies are required of the whole burst at ${mib(FULL_SERVICE_BYTES)} MiB and above`,
    );
  else {
    verdict.require(
      outcome.pictures >= wanted.leastPictures,
      `${name}: ${outcome.pictures} pictures, at least ${wanted.leastPictures}`,
    );
    if (wanted.mostWallRatio !== undefined) {
      const against = wanted.reference === 'loop' ? 'the loop of two' : 'the bare server without limit';
      if (Number.isNaN(wallRatio)) verdict.skip(`${name}: wall time, the reference was left out`);
      else
        verdict.require(
          wallRatio <= wanted.mostWallRatio,
          `${name}: wall time ${ratio(wallRatio)} of ${against}, at most ${wanted.mostWallRatio}`,
        );
    }
    if (wanted.mostHitP99Ms !== undefined) {
      const p99Ms = quantile(latencies(outcome.hits), 0.99);
      verdict.require(
        answered(outcome.hits) === outcome.hits.length,
        `${name}: ${answered(outcome.hits)} of ${outcome.hits.length} hits answered`,
      );
      verdict.require(
        p99Ms < wanted.mostHitP99Ms,
        `${name}: hits p99 ${fixed(p99Ms)} ms, under ${wanted.mostHitP99Ms}`,
      );
    }
    if (wanted.mostSmallP50Ms !== undefined) {
      const p50Ms = quantile(latencies(outcome.smalls), 0.5);
      verdict.require(
        answered(outcome.smalls) === outcome.smalls.length,
        `${name}: ${answered(outcome.smalls)} of ${outcome.smalls.length} small requests answered`,
      );
      verdict.require(
        p50Ms < wanted.mostSmallP50Ms,
        `${name}: small requests p50 ${fixed(p50Ms)} ms, under ${wanted.mostSmallP50Ms}`,
      );
    }
  }
  if (outcome.bookmarks !== undefined) judgeBookmarkWork(verdict, name, outcome.bookmarks);
  if (recovered === undefined) return;
  const { state } = recovered;
  if (state.level === undefined) verdict.skip(`${name}: the server does not publish its level`);
  else
    verdict.require(
      state.level === 'normal',
      `${name}: level ${state.level} within ${RECOVERY_MS / 1_000} s, normal`,
    );
  if (state.lineBytes !== undefined) {
    verdict.require(
      state.lineBytes === lineBytes,
      `${name}: the server holds L = ${state.lineBytes}, ${lineBytes} expected`,
    );
  }
  if (state.reservedBytes === undefined) verdict.skip(`${name}: the server does not publish its ledger`);
  else verdict.require(state.reservedBytes === 0, `${name}: ledger ${state.reservedBytes} bytes, exactly 0`);
  if (outcome.flushReason !== null) verdict.skip(`${name}: RSS after a flush: ${outcome.flushReason}`);
  else if (sites !== undefined) {
    verdict.skip(`${name}: RSS after a flush: the floor was that of a server without bookmarks`);
  } else {
    const share = outcome.afterFlushBytes / outcome.floorBytes;
    verdict.require(
      share <= MOST_FLOOR_RATIO,
      `${name}: RSS after a flush ${ratio(share)} of the floor, at most ${MOST_FLOOR_RATIO}`,
    );
  }
}

/** Over L, or ended from outside: the out-of-memory killer, or an allocation that failed. */
const isLineBroken = ({ peakBytes, lineBytes, oomKills, ended }) =>
  peakBytes > lineBytes || oomKills > 0 || (ended?.signal ?? null) !== null;

const verdict = new Verdict();
const rows = [];
let linesBroken = 0;
const bareSide = options.bare
  ? 'bare in the limit'
  : options['without-reservations']
    ? 'ours without reservations'
    : 'ours';
for (const budget of budgets) {
  for (const burst of bursts) {
    const list = listOf(burst, options.requests || BURSTS[burst].count, options.seed);
    const outcomes = [];
    const references = [];
    const wantsReference = BURSTS[burst].reference !== undefined && !options['no-reference'] && !options.bare;
    let refused = null;
    for (let round = 0; round < options.rounds && refused === null; round++) {
      const runs = [
        async () =>
          outcomes.push(await measure({ burst, list, limitBytes: budget.bytes, bare: options.bare })),
        ...(wantsReference ? [async () => references.push(await measureReference(burst, list))] : []),
      ];
      for (const run of round % 2 === 0 ? runs : runs.toReversed()) {
        try {
          await run();
        } catch (error) {
          if (!(error instanceof StartFailure) || options.bare) throw error;
          refused = error;
          break;
        }
      }
      if (refused === null) {
        print(`${burst} at ${budget.text}, round ${round + 1}:`);
        describe(outcomes.at(-1));
      }
    }
    if (refused !== null) {
      print(`${burst} at ${budget.text}: the server does not start here:\n${refused.message}`);
      verdict.require(
        budget.bytes < FULL_SERVICE_BYTES && refused.exitCode !== null && refused.exitCode > 0,
        `${burst} at ${budget.text}: refused to start by itself, allowed below ${mib(FULL_SERVICE_BYTES)} MiB`,
      );
      continue;
    }
    linesBroken += outcomes.filter(isLineBroken).length;
    const wallMs = median(outcomes.map((outcome) => outcome.wallMs));
    const wallRatio =
      references.length === 0
        ? Number.NaN
        : median(references.map((reference, i) => outcomes[i].wallMs / reference));
    const worst = outcomes.reduce((a, b) => (b.peakBytes > a.peakBytes ? b : a));
    rows.push([
      `${burst} at ${budget.text}`,
      bareSide,
      `${Math.min(...outcomes.map(({ pictures: got }) => got))} of ${list.length}`,
      worst.ended === null ? 'no' : 'killed',
      `${mib(worst.peakBytes)} / ${mib(worst.lineBytes)}`,
      fixed(wallMs / 1_000),
      references.length === 0 ? '–' : fixed(median(references) / 1_000),
      ratio(wallRatio),
      p50p99(worst.hits),
      p50p99(worst.smalls),
    ]);
    if (!options.bare) for (const outcome of outcomes) judge(verdict, burst, budget, outcome, wallRatio);
  }
}
origin.stop();
sites?.stop();
print();
printTable(
  [
    'burst',
    'side',
    'pictures',
    'killed',
    'peak RSS / L MiB',
    'wall s',
    'reference s',
    'ratio',
    'hits p50 / p99 ms',
    'small p50 / p99 ms',
  ],
  rows,
);
if (options.bare) verdict.skip('nothing is required of the bare server');
verdict.end();
if (options['expect-broken']) {
  // not just any requirement: a server that does not even start proves nothing
  process.exitCode = linesBroken > 0 ? 0 : 1;
  print(linesBroken > 0 ? 'the line was broken, as expected' : 'NOT broken, although that was expected');
}
