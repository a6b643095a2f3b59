// 200 requests at once for one cold URL, and four sizes of one picture at once: how often is the origin asked, how
// often is the picture made? The bare server beside it.
import { readArguments } from './support/arguments.mjs';
import { pictures } from './support/corpus.mjs';
import { boundMinutes } from './support/life.mjs';
import { ask, imagePath, keepAliveAgent } from './support/load-client.mjs';
import { fixed, print, printHead, printTable, Verdict } from './support/report.mjs';
import { startBareServer } from './support/start-bare.mjs';
import { startOrigin } from './support/start-origin.mjs';
import { startPlimsoll } from './support/start-plimsoll.mjs';
import { median } from './support/statistics.mjs';

const options = readArguments('One cold URL asked many times at once.', {
  rounds: { default: 5, about: 'rounds, each with another URL' },
  requests: { default: 200, about: 'requests at once' },
  bare: { default: false, about: 'without our server: the bare side alone' },
});
const SIZES = [320, 480, 640, 800];

boundMinutes(10);
printHead('bench:coalesce');
const corpus = await pictures({
  large: { width: 6_000, height: 4_000, photo: 1, format: 'jpeg', grain: true, quality: 85 },
  photo: { width: 2_000, height: 1_500, photo: 1, format: 'jpeg', grain: true, quality: 85 },
});
const origin = await startOrigin(corpus);

/** What `Cache-Status` says of an answer; the bare server says nothing and makes every picture. */
function kindOf(answer) {
  const status = answer.headers['cache-status'];
  if (status === undefined) return 'made';
  if (/collapsed/.test(status)) return 'collapsed';
  return /; hit/.test(status) ? 'hit' : 'made';
}

/** Opens all requests in one turn of the loop and counts what they caused. */
async function atOnce(server, paths) {
  await origin.reset();
  const agent = keepAliveAgent();
  const startedMs = performance.now();
  const answers = await Promise.all(
    paths.map((path) => ask({ port: server.port, path, agent, keepBody: true })),
  );
  const wallMs = performance.now() - startedMs;
  agent.destroy();
  const failed = answers.find(({ status }) => status !== 200);
  if (failed !== undefined) throw new Error(`answered ${failed.status}: ${failed.body ?? failed.fault}`);
  const kinds = answers.map(kindOf);
  const { requests } = await origin.counts();
  return {
    wallMs,
    originFetches: requests,
    transforms: kinds.filter((kind) => kind === 'made').length,
    collapsed: kinds.filter((kind) => kind === 'collapsed').length,
    hits: kinds.filter((kind) => kind === 'hit').length,
    different: new Set(answers.map(({ body }) => body.toString('latin1'))).size,
  };
}

const CASES = [
  {
    name: `${options.requests} × 24 MP JPEG → 800 WebP`,
    paths: (n) =>
      Array.from({ length: options.requests }, () => imagePath(origin.urlOf('large', n), 800, 'webp')),
    pictures: 1,
  },
  {
    name: `${options.requests} × 3 MP JPEG → 640 WebP, origin answers after 200 ms`,
    delayMs: 200,
    paths: (n) =>
      Array.from({ length: options.requests }, () => imagePath(origin.urlOf('photo', n), 640, 'webp')),
    pictures: 1,
  },
  {
    name: `${SIZES.length} sizes of one 3 MP JPEG`,
    paths: (n) => SIZES.map((width) => imagePath(origin.urlOf('photo', 1_000 + n), width, 'webp')),
    pictures: SIZES.length,
  },
];

const rows = [];
const verdict = new Verdict();
for (const side of options.bare ? ['bare'] : ['ours', 'bare']) {
  // the bare server does the same every time: once is enough to see it
  const rounds = side === 'ours' ? options.rounds : 1;
  const server =
    side === 'ours' ? await startPlimsoll({ originPorts: [origin.port] }) : await startBareServer();
  for (const { name, paths, pictures: wanted, delayMs = 0 } of CASES) {
    await origin.setDelayMs(delayMs);
    const results = [];
    for (let round = 0; round < rounds; round++) results.push(await atOnce(server, paths(round)));
    const worst = (figure) => Math.max(...results.map((result) => result[figure]));
    rows.push([
      name,
      side,
      worst('originFetches'),
      worst('transforms'),
      results.at(-1).collapsed,
      results.at(-1).hits,
      fixed(median(results.map(({ wallMs }) => wallMs)), 0),
    ]);
    if (worst('different') !== wanted)
      throw new Error(`${side}: ${worst('different')} different bodies, expected ${wanted}`);
    if (side === 'bare') continue;
    verdict.require(
      worst('originFetches') === 1,
      `${name}: ${worst('originFetches')} origin fetch in the worst of ${rounds} rounds, exactly 1`,
    );
    verdict.require(
      worst('transforms') === wanted,
      `${name}: ${worst('transforms')} transforms in the worst round, exactly ${wanted}`,
    );
  }
  await server.stop();
}
origin.stop();
if (options.bare) verdict.skip('our server did not take part (--bare)');
print();
printTable(['case', 'side', 'origin fetches', 'transforms', 'collapsed', 'hits', 'wall ms'], rows);
verdict.end();
