// 100 000 bookmarks in a Netscape file of 78 MB, into a fresh server on SQLite, while it serves image hits: how fast,
// how far does RSS rise, and what do the hits feel of it? Then the same file again, which must change nothing.
import { createReadStream, mkdtempSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { writeBookmarkFile } from './support/bookmark-file.mjs';
import { pictures } from './support/corpus.mjs';
import { boundMinutes, ownFolder } from './support/life.mjs';
import { ask, imagePath, keepAliveAgent } from './support/load-client.mjs';
import { probeSteadily } from './support/probe-steadily.mjs';
import { cpuMsOf, memoryOf } from './support/process-figures.mjs';
import { fixed, MB, mib, print, printHead, printTable, Verdict } from './support/report.mjs';
import { sampleRss } from './support/sample-rss.mjs';
import { startOrigin } from './support/start-origin.mjs';
import { startPlimsoll } from './support/start-plimsoll.mjs';
import { median, quantile } from './support/statistics.mjs';

const options = readArguments('Import of a large bookmark file while image hits are served.', {
  rounds: { default: 3, about: 'imports, each into a fresh server' },
  count: { default: 100_000, about: 'bookmarks in the file' },
  'probe-ms': { default: 5, about: 'one image hit in this many ms' },
  env: { default: [], about: 'more settings for the server, NAME=value, repeatable' },
});
const settings = Object.fromEntries(options.env.map((entry) => entry.split(/=(.*)/s, 2)));
/** Requirements of the issue, "Speed and memory". */
const MOST_RISE_BYTES = 64 * MB;
const LEAST_PER_SECOND = 3_000;
const MOST_P99_MS = 50;
/** Rarely: each poll costs the server a millisecond. */
const POLL_MS = 200;

boundMinutes(15);
printHead('bench:import');
const corpus = await pictures({
  photo: { width: 800, height: 600, photo: 1, format: 'jpeg', grain: true, quality: 85 },
});
const origin = await startOrigin(corpus);
const hitPath = imagePath(origin.urlOf('photo', 1), 320, 'webp');
const folder = ownFolder(mkdtempSync(join(tmpdir(), 'plimsoll-bench-')));
const large = join(folder, 'large.html');
const small = join(folder, 'small.html');
const bytes = await writeBookmarkFile(large, { count: options.count });
await writeBookmarkFile(small, { count: 500, seed: 2, host: 'warm.example.org' });
print(
  `file: ${options.count} bookmarks, ${(bytes / MB).toFixed(1)} MB; one hit each ${options['probe-ms']} ms; ` +
    `enrichment ${settings['ENRICHMENT'] ?? 'off'}`,
);

function upload(port, path) {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      path: '/api/bookmarks/import',
      method: 'POST',
      headers: { 'Content-Type': 'text/html' },
      agent: false,
    });
    asked.once('error', reject);
    asked.once('response', (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 202) resolve(JSON.parse(text));
        else reject(new Error(`the upload was answered ${response.statusCode}: ${text}`));
      });
    });
    createReadStream(path).once('error', reject).pipe(asked);
  });
}

/** Uploads and waits for the end of the operation. */
async function importFile(port, agent, path) {
  const startedMs = performance.now();
  const { operation } = await upload(port, path);
  const receivedMs = performance.now();
  for (;;) {
    const answer = await ask({ port, path: operation, agent, keepBody: true });
    const view = JSON.parse(answer.body.toString());
    if (view.state === 'done') {
      return {
        counts: view.result.counts,
        uploadMs: receivedMs - startedMs,
        wallMs: performance.now() - startedMs,
      };
    }
    if (view.state === 'failed' || view.state === 'cancelled')
      throw new Error(`the import ended: ${JSON.stringify(view)}`);
    await sleep(POLL_MS);
  }
}

async function measure() {
  const server = await startPlimsoll({
    originPorts: [origin.port],
    env: { ENRICHMENT: 'off', ...settings },
  });
  const agent = keepAliveAgent();
  try {
    for (let i = 0; i < 20; i++) {
      const { status } = await ask({ port: server.port, path: hitPath, agent });
      if (status !== 200) throw new Error(`the picture was answered ${status}`);
    }
    // what is loaded at first use is not what is measured
    await importFile(server.port, agent, small);
    await sleep(2_000);
    const idle = await probeSteadily({
      port: server.port,
      pathPattern: hitPath,
      everyMs: options['probe-ms'],
    });
    await sleep(2_000);
    const quiet = await idle.end();
    const sampler = await sampleRss(server.pid);
    const beforeBytes = memoryOf(server.pid).rssBytes;
    const cpuBeforeMs = cpuMsOf(server.pid);
    const probe = await probeSteadily({
      port: server.port,
      pathPattern: hitPath,
      everyMs: options['probe-ms'],
    });
    const first = await importFile(server.port, agent, large);
    const answers = await probe.end();
    const { peakBytes } = await sampler.mark();
    const cpuMs = cpuMsOf(server.pid) - cpuBeforeMs;
    if (first.counts.created !== options.count)
      throw new Error(`created ${first.counts.created} of ${options.count}`);
    const wrong = answers.filter(({ status }) => status !== 200);
    const second = await importFile(server.port, agent, large);
    if (second.counts.created !== 0 || second.counts.unchanged !== options.count)
      throw new Error(`the second import changed something: ${JSON.stringify(second.counts)}`);
    const secondPeakBytes = (await sampler.mark()).peakBytes;
    sampler.stop();
    const ms = answers.map((answer) => answer.ms);
    return {
      perSecond: (options.count / first.wallMs) * 1_000,
      againPerSecond: (options.count / second.wallMs) * 1_000,
      uploadMs: first.uploadMs,
      riseBytes: peakBytes - beforeBytes,
      againRiseBytes: secondPeakBytes - beforeBytes,
      beforeBytes,
      cpuMs,
      hits: ms.length,
      wrong: wrong.length,
      p50Ms: median(ms),
      p99Ms: quantile(ms, 0.99),
      maxMs: Math.max(...ms),
      quietP99Ms: quantile(
        quiet.map((answer) => answer.ms),
        0.99,
      ),
    };
  } finally {
    agent.destroy();
    await server.stop();
  }
}

const rounds = [];
for (let round = 0; round < options.rounds; round++) {
  const result = await measure();
  rounds.push(result);
  print(
    `round ${round + 1}: ${fixed(result.perSecond, 0)} a second (again ${fixed(result.againPerSecond, 0)}), ` +
      `RSS +${fixed(result.riseBytes / MB)} MB, hits p99 ${fixed(result.p99Ms)} ms`,
  );
}
origin.stop();
print();

const row = (name, figure, show) => [
  name,
  ...[median, (v) => Math.min(...v), (v) => Math.max(...v)].map((of) => show(of(rounds.map(figure)))),
];
printTable(
  ['figure', 'median', 'least', 'most'],
  [
    row(
      'bookmarks a second, upload included',
      (r) => r.perSecond,
      (v) => fixed(v, 0),
    ),
    row(
      'the same file again, a second',
      (r) => r.againPerSecond,
      (v) => fixed(v, 0),
    ),
    row(
      'upload until 202, ms',
      (r) => r.uploadMs,
      (v) => fixed(v, 0),
    ),
    row('RSS before, MiB', (r) => r.beforeBytes, mib),
    row('RSS rise, MB', (r) => r.riseBytes / MB, fixed),
    row('RSS rise with the second import, MB', (r) => r.againRiseBytes / MB, fixed),
    row(
      'CPU of the server, ms',
      (r) => r.cpuMs,
      (v) => fixed(v, 0),
    ),
    row('hits meanwhile', (r) => r.hits, String),
    row('hit p50, ms', (r) => r.p50Ms, fixed),
    row('hit p99, ms', (r) => r.p99Ms, fixed),
    row('hit slowest, ms', (r) => r.maxMs, fixed),
    row('hit p99 without an import, ms', (r) => r.quietP99Ms, fixed),
  ],
);
const verdict = new Verdict();
const all = (figure) => rounds.map(figure);
verdict.require(
  median(all((r) => r.perSecond)) >= LEAST_PER_SECOND,
  `${fixed(median(all((r) => r.perSecond)), 0)} bookmarks a second, at least ${LEAST_PER_SECOND}`,
);
verdict.require(
  Math.max(...all((r) => r.riseBytes)) < MOST_RISE_BYTES,
  `RSS rises by ${fixed(Math.max(...all((r) => r.riseBytes)) / MB)} MB, under ${MOST_RISE_BYTES / MB}`,
);
verdict.require(
  Math.max(...all((r) => r.p99Ms)) < MOST_P99_MS,
  `hits: p99 ${fixed(Math.max(...all((r) => r.p99Ms)))} ms, under ${MOST_P99_MS}`,
);
verdict.require(
  all((r) => r.wrong).every((count) => count === 0),
  'every hit was answered 200',
);
verdict.end();
