// Uncached pictures, 8 clients: our server, a bare node:http + fetch + sharp server, and the same operations in a
// loop without HTTP. Every run in a fresh process, the order turns round by round.
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { corpusOrigin, pictures } from './support/corpus.mjs';
import { boundMinutes } from './support/life.mjs';
import { ask, closedLoop, imagePath, keepAliveAgent } from './support/load-client.mjs';
import { cpuMsOf, memoryOf } from './support/process-figures.mjs';
import { fixed, mib, print, printHead, printTable, ratio, Verdict } from './support/report.mjs';
import { runLoop } from './support/run-loop.mjs';
import { pictureDifference } from './support/same-picture.mjs';
import { startBareServer } from './support/start-bare.mjs';
import { startOrigin } from './support/start-origin.mjs';
import { startPlimsoll } from './support/start-plimsoll.mjs';
import { median, spreadPercent } from './support/statistics.mjs';

const options = readArguments('Uncached pictures against a bare server and a bare loop.', {
  rounds: { default: 5, about: 'alternating rounds' },
  seconds: { default: 4, about: 'length of each measurement' },
  clients: { default: 8, about: 'requests in flight' },
  only: { default: '', about: 'one job by its name: photo, large, alpha' },
  bare: { default: false, about: 'without our server: the bare sides alone' },
  env: { default: [], about: 'more settings for our server, NAME=value, repeatable' },
});

const jpeg = (width, height, photo) => ({ width, height, photo, format: 'jpeg', grain: true, quality: 85 });
const PHOTOS = [0, 1, 2];

/** Enough for the optimising compiler of V8 to be done with either side. */
const WARMUP_COUNT = 64;

/**
 * ext4 looks at every inode that was freed in the last five seconds before it gives one out, and our side writes files:
 * without the pause it pays for the removal of its own last folder.
 */
const PAUSE_AFTER_REMOVAL_MS = 6_000;

const JOBS = [
  {
    name: 'photo',
    title: '2000×1500 JPEG → 640 WebP',
    width: 640,
    format: 'webp',
    warmupCount: WARMUP_COUNT,
    spec: (photo) => jpeg(2_000, 1_500, photo),
  },
  {
    name: 'large',
    title: '6000×4000 JPEG → 800 JPEG',
    width: 800,
    format: 'jpeg',
    warmupCount: WARMUP_COUNT,
    spec: (photo) => jpeg(6_000, 4_000, photo),
  },
  {
    name: 'alpha',
    title: '1500×1500 PNG with alpha → 400 WebP',
    width: 400,
    format: 'webp',
    warmupCount: WARMUP_COUNT,
    spec: (photo) => ({ width: 1_500, height: 1_500, photo, format: 'png', alpha: true }),
  },
].filter(({ name }) => options.only === '' || name === options.only);
if (JOBS.length === 0) throw new Error(`--only must be photo, large or alpha, got "${options.only}"`);

const settings = Object.fromEntries(options.env.map((entry) => entry.split(/=(.*)/s, 2)));
const SIDES = options.bare ? ['bare', 'loop'] : ['ours', 'bare', 'loop'];

boundMinutes(15);
printHead('bench:cold');
const files = {};
for (const job of JOBS) {
  for (const photo of PHOTOS) files[`${job.name}-${photo}`] = job.spec(photo);
}
const corpus = await pictures(files);
print(
  `pictures: ${corpusOrigin}; ${options.clients} in flight, ${options.rounds} rounds of ${options.seconds} s each`,
);
for (const job of JOBS) {
  print(
    `  ${job.title}: ${PHOTOS.map((photo) => Math.round(corpus[`${job.name}-${photo}`].bytes / 1_000)).join(', ')} kB`,
  );
}
print();

const origin = await startOrigin(corpus);
const start = (side) =>
  side === 'ours' ? startPlimsoll({ originPorts: [origin.port], env: settings }) : startBareServer();
const sourceName = (job, n) => `${job.name}-${PHOTOS[n % PHOTOS.length]}`;
const pathOf = (job, n) => imagePath(origin.urlOf(sourceName(job, n), n), job.width, job.format);

/** Both sides must answer the same pictures before any speed counts. */
async function checkAnswers() {
  const answers = {};
  for (const side of SIDES.filter((name) => name !== 'loop')) {
    const server = await start(side);
    const agent = keepAliveAgent();
    for (const job of JOBS) {
      for (const photo of PHOTOS) {
        const answer = await ask({ port: server.port, path: pathOf(job, photo), agent, keepBody: true });
        if (answer.status !== 200)
          throw new Error(
            `${side}: ${job.title} was answered ${answer.status} ${answer.body ?? answer.fault}`,
          );
        if (answer.headers['content-type'] !== `image/${job.format}`) {
          throw new Error(`${side}: ${job.title} came as ${answer.headers['content-type']}`);
        }
        answers[`${side} ${job.name} ${photo}`] = answer.body;
      }
    }
    agent.destroy();
    await server.stop();
  }
  if (!SIDES.includes('ours')) return answers;
  for (const job of JOBS) {
    for (const photo of PHOTOS) {
      const difference = await pictureDifference(
        answers[`ours ${job.name} ${photo}`],
        answers[`bare ${job.name} ${photo}`],
      );
      if (difference !== null)
        throw new Error(`${job.title}: our answer is not the bare server's: ${difference}`);
    }
    const length = (side) =>
      PHOTOS.reduce((sum, photo) => sum + answers[`${side} ${job.name} ${photo}`].length, 0);
    print(
      `checked: ${job.title}, same format, size and picture; ${ratio(length('ours') / length('bare'))} of the bare bytes`,
    );
  }
  print();
  return answers;
}

async function measure(side, job) {
  if (side === 'loop') {
    const list = PHOTOS.map((photo) => ({
      path: corpus[`${job.name}-${photo}`].path,
      width: job.width,
      format: job.format,
    }));
    const { count, perSecond, cpuMs } = await runLoop({
      jobs: availableParallelism(),
      seconds: options.seconds,
      warmupCount: job.warmupCount,
      inMemory: true,
      list,
    });
    return { perSecond, cpuMsEach: cpuMs / count, peakBytes: Number.NaN };
  }
  const server = await start(side);
  try {
    await origin.reset();
    const measured = await closedLoop({
      port: server.port,
      inFlight: options.clients,
      warmupCount: job.warmupCount,
      seconds: options.seconds,
      next: (n) => ({
        path: pathOf(job, n),
        expectBytes: answers[`${side} ${job.name} ${PHOTOS[n % PHOTOS.length]}`].length,
      }),
      cpuMs: () => cpuMsOf(server.pid),
    });
    const { mostOfOneUrl } = await origin.counts();
    if (mostOfOneUrl !== 1) throw new Error(`${side} fetched one URL ${mostOfOneUrl} times`);
    return { ...measured, peakBytes: memoryOf(server.pid).highWaterBytes };
  } finally {
    await server.stop();
    if (side === 'ours') await sleep(PAUSE_AFTER_REMOVAL_MS);
  }
}

const answers = await checkAnswers();
const results = new Map(JOBS.flatMap((job) => SIDES.map((side) => [`${side} ${job.name}`, []])));
for (let round = 0; round < options.rounds; round++) {
  for (const job of JOBS) {
    const order = round % 2 === 0 ? SIDES : SIDES.toReversed();
    for (const side of order) results.get(`${side} ${job.name}`).push(await measure(side, job));
  }
  const shown = JOBS.map((job) =>
    SIDES.map((side) => fixed(results.get(`${side} ${job.name}`).at(-1).perSecond)).join(' / '),
  );
  print(`round ${round + 1}: ${SIDES.join(' / ')} pictures a second: ${shown.join(' · ')}`);
}
origin.stop();
print();

const verdict = new Verdict();
const of = (side, job, figure) => results.get(`${side} ${job.name}`).map((result) => result[figure]);
/** Each round's ratio by itself: what the machine did meanwhile struck both sides. */
const ratios = (side, other, job) =>
  of(side, job, 'perSecond').map((rate, i) => rate / of(other, job, 'perSecond')[i]);

printTable(
  ['job', 'side', 'pictures/s', 'spread %', 'of bare', 'of loop', 'CPU ms each', 'p50 ms', 'peak MiB'],
  JOBS.flatMap((job) =>
    SIDES.map((side) => [
      job.title,
      side,
      fixed(median(of(side, job, 'perSecond'))),
      fixed(spreadPercent(of(side, job, 'perSecond')), 0),
      side === 'bare' ? '1' : ratio(median(ratios(side, 'bare', job))),
      side === 'loop' ? '1' : ratio(median(ratios(side, 'loop', job))),
      fixed(median(of(side, job, 'cpuMsEach'))),
      side === 'loop'
        ? '–'
        : fixed(median(results.get(`${side} ${job.name}`).map(({ latenciesMs }) => median(latenciesMs))), 0),
      side === 'loop' ? '–' : mib(median(of(side, job, 'peakBytes'))),
    ]),
  ),
);
for (const job of JOBS) {
  if (options.bare) {
    verdict.skip(`${job.title}: our server did not take part (--bare)`);
    continue;
  }
  const shares = ratios('ours', 'bare', job);
  verdict.require(
    median(shares) >= 1,
    `${job.title}: ${ratio(median(shares))} of the bare server (${shares.map(ratio).join(', ')}), at least 1.000`,
  );
}
verdict.end();
