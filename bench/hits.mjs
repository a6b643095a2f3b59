// Hits from memory: a 28 KB variant, GET 200 and 304, 64 keep-alive clients, against a bare node:http server that
// sends the same buffer and the same headers. Fresh processes, alternating.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readArguments } from './support/arguments.mjs';
import { pictures } from './support/corpus.mjs';
import { hammer, loadTool } from './support/hit-load.mjs';
import { boundMinutes, ownFolder } from './support/life.mjs';
import { ask, imagePath, keepAliveAgent } from './support/load-client.mjs';
import { cpuMsOf } from './support/process-figures.mjs';
import { fixed, print, printHead, printTable, ratio, Verdict } from './support/report.mjs';
import { transform } from './support/sharp-operation.mjs';
import { startBareHits } from './support/start-bare.mjs';
import { startOrigin } from './support/start-origin.mjs';
import { startPlimsoll } from './support/start-plimsoll.mjs';
import { median, spreadPercent } from './support/statistics.mjs';

const options = readArguments('Memory hits against bare node:http with the same buffer and headers.', {
  rounds: { default: 5, about: 'alternating rounds' },
  seconds: { default: 3, about: 'length of each measurement, whole seconds' },
  clients: { default: 64, about: 'keep-alive connections' },
  tool: { default: loadTool, about: 'wrk or "own client"' },
  bare: { default: false, about: 'without our server: the bare side alone' },
});

const WANTED_BYTES = 28_000;
/** Required share of bare node:http, for 200 and for 304 (issue "Speed"). */
const LEAST_RATIO = 0.9;
const KINDS = ['200', '304'];
const FORMAT = 'webp';
/** node:http writes these itself, on both sides. */
const WRITTEN_BY_NODE = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding']);

boundMinutes(10);
printHead('bench:hits');
const corpus = await pictures({
  photo: { width: 2_000, height: 1_500, photo: 1, format: 'jpeg', grain: true, quality: 85 },
});
const origin = await startOrigin(corpus);

/** The width whose variant is about 28 KB. */
async function findWidth() {
  let low = 100;
  let high = 1_600;
  while (high - low > 8) {
    const width = Math.round((low + high) / 2);
    const { length } = await transform(corpus.photo.path, { width, format: FORMAT });
    if (length < WANTED_BYTES) low = width;
    else high = width;
  }
  return low;
}

const path = imagePath(origin.urlOf('photo', 1), await findWidth(), FORMAT);
const folder = ownFolder(mkdtempSync(join(tmpdir(), 'plimsoll-bench-')));
const answerPath = join(folder, 'answer.json');

/** Header list as node:http sends it, without what it adds. */
function ownHeaders(rawHeaders) {
  const kept = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!WRITTEN_BY_NODE.has(rawHeaders[i].toLowerCase())) kept.push(rawHeaders[i], rawHeaders[i + 1]);
  }
  return kept;
}

/** Asks until the answer comes from memory; the first makes it, the next ones make it known to the fast path. */
async function warm(port) {
  const agent = keepAliveAgent();
  let answer;
  for (let i = 0; i < 5; i++) answer = await ask({ port, path, agent, keepBody: true });
  if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${answer.body ?? answer.fault}`);
  const { etag } = answer.headers;
  const again = await ask({ port, path, agent, headers: { 'If-None-Match': etag } });
  if (again.status !== 304 || again.bytes !== 0 || again.headers.etag !== etag) {
    throw new Error(`If-None-Match was answered ${again.status} with ${again.bytes} bytes`);
  }
  agent.destroy();
  return { answer, again, etag };
}

/** What the bare side sends: our own answer, or without our server one of the same shape. */
async function prepareAnswer() {
  if (options.bare) {
    const body = await transform(corpus.photo.path, { width: await findWidth(), format: FORMAT });
    const etag = '"0123456789abcdef0123456789abcdef"';
    const common = [
      ['Cache-Control', 'public, max-age=86400, stale-while-revalidate=604800, stale-if-error=604800'],
      ['ETag', etag],
      ['Cache-Status', 'plimsoll; hit; detail=memory'],
      ['Content-Disposition', 'inline'],
      ['X-Content-Type-Options', 'nosniff'],
      ['Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox"],
      ['Cross-Origin-Resource-Policy', 'cross-origin'],
      ['Timing-Allow-Origin', '*'],
      ['X-System-Status', 'HEALTHY'],
    ].flat();
    const headers = ['Content-Type', 'image/webp', 'Content-Length', String(body.length), ...common];
    return { headers, notModifiedHeaders: common, etag, body: body.toString('base64') };
  }
  const server = await startPlimsoll({ originPorts: [origin.port] });
  const { answer, again, etag } = await warm(server.port);
  await server.stop();
  if (!/hit; detail=memory/.test(answer.headers['cache-status'] ?? '')) {
    throw new Error(`the fifth answer was no memory hit: ${answer.headers['cache-status']}`);
  }
  return {
    headers: ownHeaders(answer.rawHeaders),
    notModifiedHeaders: ownHeaders(again.rawHeaders),
    etag,
    body: answer.body.toString('base64'),
  };
}

const answer = await prepareAnswer();
writeFileSync(answerPath, JSON.stringify(answer));
print(
  `variant: ${Buffer.from(answer.body, 'base64').length} bytes, ${answer.headers.length / 2} headers; ${options.clients} keep-alive clients, ` +
    `${options.rounds} rounds of ${options.seconds} s, load by ${options.tool}`,
);

async function measure(side) {
  const server =
    side === 'ours' ? await startPlimsoll({ originPorts: [origin.port] }) : await startBareHits(answerPath);
  try {
    const found = await warm(server.port);
    if (!found.answer.body.equals(Buffer.from(answer.body, 'base64')))
      throw new Error(`${side} sends other bytes`);
    const load = { port: server.port, path, connections: options.clients, tool: options.tool };
    await hammer({ ...load, headers: {}, seconds: 1 });
    const figures = {};
    for (const kind of KINDS) {
      const headers = kind === '304' ? { 'If-None-Match': found.etag } : {};
      const cpuBeforeMs = cpuMsOf(server.pid);
      const { perSecond, p99Ms } = await hammer({ ...load, headers, seconds: options.seconds });
      const count = perSecond * options.seconds;
      figures[kind] = { perSecond, p99Ms, cpuMicros: ((cpuMsOf(server.pid) - cpuBeforeMs) / count) * 1_000 };
    }
    await warm(server.port);
    return figures;
  } finally {
    await server.stop();
  }
}

const SIDES = options.bare ? ['bare'] : ['ours', 'bare'];
const rounds = [];
for (let round = 0; round < options.rounds; round++) {
  const figures = {};
  for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed()) figures[side] = await measure(side);
  rounds.push(figures);
  print(
    `round ${round + 1}: ${SIDES.map((side) => `${side} ${KINDS.map((kind) => fixed(figures[side][kind].perSecond, 0)).join(' / ')}`).join(', ')} requests a second (${KINDS.join(' / ')})`,
  );
}
origin.stop();
print();

const of = (side, kind, figure) => rounds.map((figures) => figures[side][kind][figure]);
const ratios = (kind) => rounds.map(({ ours, bare }) => ours[kind].perSecond / bare[kind].perSecond);
printTable(
  ['answer', 'side', 'requests/s', 'spread %', 'of bare', 'p99 ms', 'CPU µs each'],
  KINDS.flatMap((kind) =>
    SIDES.map((side) => [
      kind,
      side,
      fixed(median(of(side, kind, 'perSecond')), 0),
      fixed(spreadPercent(of(side, kind, 'perSecond')), 0),
      side === 'bare' ? '1' : ratio(median(ratios(kind))),
      of(side, kind, 'p99Ms').includes(null) ? '–' : fixed(median(of(side, kind, 'p99Ms')), 2),
      fixed(median(of(side, kind, 'cpuMicros'))),
    ]),
  ),
);
const verdict = new Verdict();
for (const kind of KINDS) {
  if (options.bare) verdict.skip(`${kind}: our server did not take part (--bare)`);
  else {
    const shares = ratios(kind);
    verdict.require(
      median(shares) >= LEAST_RATIO,
      `${kind}: ${ratio(median(shares))} of bare node:http (${shares.map(ratio).join(', ')}), at least ${ratio(LEAST_RATIO)}`,
    );
  }
}
verdict.end();
