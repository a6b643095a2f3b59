// From exec of the launcher to the first 200 of /readyz, and what the idle process weighs.
import { setTimeout as sleep } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { pictures } from './support/corpus.mjs';
import { boundMinutes } from './support/life.mjs';
import { ask, imagePath, keepAliveAgent } from './support/load-client.mjs';
import { cpuMsOf, memoryOf } from './support/process-figures.mjs';
import { fixed, MB, mib, print, printHead, printTable, Verdict } from './support/report.mjs';
import { startBareServer } from './support/start-bare.mjs';
import { startOrigin } from './support/start-origin.mjs';
import { startPlimsoll } from './support/start-plimsoll.mjs';
import { median, spreadPercent } from './support/statistics.mjs';

const options = readArguments('Time to ready and idle memory.', {
  rounds: { default: 5, about: 'starts of each side, alternating' },
  'idle-seconds': { default: 4, about: 'wait before idle memory is read' },
  bare: { default: false, about: 'without our server: the bare side alone' },
});
const MOST_READY_MS = 1_500;
const MOST_IDLE_BYTES = 140 * MB;

boundMinutes(10);
printHead('bench:start');
const corpus = await pictures({
  photo: { width: 2_000, height: 1_500, photo: 1, format: 'jpeg', grain: true, quality: 85 },
});
const origin = await startOrigin(corpus);

async function measure(side, n) {
  const server =
    side === 'ours' ? await startPlimsoll({ originPorts: [origin.port] }) : await startBareServer();
  const readyCpuMs = cpuMsOf(server.pid);
  try {
    await sleep(options['idle-seconds'] * 1_000);
    const idle = memoryOf(server.pid);
    const agent = keepAliveAgent();
    const first = await ask({
      port: server.port,
      path: imagePath(origin.urlOf('photo', n), 640, 'webp'),
      agent,
    });
    agent.destroy();
    if (first.status !== 200) throw new Error(`the first picture was answered ${first.status}`);
    return { readyMs: server.readyMs, readyCpuMs, firstPictureMs: first.ms, ...idle };
  } finally {
    await server.stop();
  }
}

const SIDES = options.bare ? ['bare'] : ['ours', 'bare'];
const results = Object.fromEntries(SIDES.map((side) => [side, []]));
for (let round = 0; round < options.rounds; round++) {
  for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed())
    results[side].push(await measure(side, round));
}
origin.stop();

const of = (side, figure) => results[side].map((result) => result[figure]);
printTable(
  [
    'side',
    'ready ms',
    'spread %',
    'CPU ms',
    'first picture ms',
    'idle RSS MiB',
    'anonymous MiB',
    'of files MiB',
  ],
  SIDES.map((side) => [
    side,
    fixed(median(of(side, 'readyMs')), 0),
    fixed(spreadPercent(of(side, 'readyMs')), 0),
    fixed(median(of(side, 'readyCpuMs')), 0),
    fixed(median(of(side, 'firstPictureMs')), 0),
    mib(median(of(side, 'rssBytes'))),
    mib(median(of(side, 'anonymousBytes'))),
    mib(median(of(side, 'fileBytes'))),
  ]),
);
print(
  `medians of ${options.rounds} fresh processes; idle memory ${options['idle-seconds']} s after ready, no request yet`,
);
print();
const verdict = new Verdict();
if (options.bare) verdict.skip('our server did not take part (--bare)');
else {
  const readyMs = median(of('ours', 'readyMs'));
  const idleBytes = median(of('ours', 'rssBytes'));
  verdict.require(readyMs <= MOST_READY_MS, `ready after ${fixed(readyMs, 0)} ms, at most ${MOST_READY_MS}`);
  verdict.require(
    idleBytes < MOST_IDLE_BYTES,
    `idle RSS ${fixed(idleBytes / MB, 0)} MB (${mib(idleBytes)} MiB), under ${MOST_IDLE_BYTES / MB} MB`,
  );
}
verdict.end();
