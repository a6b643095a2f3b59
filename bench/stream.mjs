// A 45 MB upload and a 45 MB stored original read back: how far does RSS rise? Bytes must pass through, not pile up.
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { noisePng, picture } from './support/corpus.mjs';
import { boundMinutes, ownFolder, removeFolder } from './support/life.mjs';
import { memoryOf } from './support/process-figures.mjs';
import { fixed, MB, mib, print, printHead, printTable, Verdict } from './support/report.mjs';
import { sampleRss } from './support/sample-rss.mjs';
import { startBareStream } from './support/start-bare.mjs';
import { startPlimsoll } from './support/start-plimsoll.mjs';
import { median } from './support/statistics.mjs';

const options = readArguments('Memory while a large file passes through.', {
  rounds: { default: 3, about: 'uploads and downloads, each in a fresh process' },
  width: { default: 1_500, about: 'width of the picture; its decoder holds rows, so a wide one needs more' },
  bare: { default: false, about: 'without our server: node:http piping files alone' },
  env: { default: [], about: 'more settings for the server, NAME=value, repeatable' },
});
const MOST_RISE_BYTES = 16 * MB;
const WANTED_BYTES = 45 * MB;
const DEFLATE_GROWTH = 1.055;
const settings = Object.fromEntries(options.env.map((entry) => entry.split(/=(.*)/s, 2)));

boundMinutes(10);
printHead('bench:stream');
// deflate makes noise a twentieth longer
const large = await noisePng({
  width: options.width,
  height: Math.round(WANTED_BYTES / DEFLATE_GROWTH / 3 / options.width),
});
const small = await picture({ width: 320, height: 240, photo: 1, format: 'jpeg' });
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const expected = sha256(readFileSync(large.path));
print(
  `upload: ${large.width}×${large.height} PNG of noise, ${(large.bytes / MB).toFixed(1)} MB; RSS every 5 ms, rise over the value before`,
);
print();

/** Streams a file up; `onSent` is called when the last byte has left. */
function upload(port, { path, type, bytes }, onSent = () => {}) {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': type, 'Content-Length': bytes };
    const asked = request({
      host: '127.0.0.1',
      port,
      path: '/api/images',
      method: 'POST',
      headers,
      agent: false,
    });
    asked.once('error', reject);
    asked.once('finish', onSent);
    asked.once('response', (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 201) resolve(JSON.parse(text).id);
        else reject(new Error(`an upload was answered ${response.statusCode}: ${text}`));
      });
    });
    createReadStream(path).once('error', reject).pipe(asked);
  });
}

/** Reads an original back, hashing as it comes. */
function download(port, id) {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path: `/api/images/${id}?format=original`, agent: false },
      (response) => {
        const hash = createHash('sha256');
        let bytes = 0;
        response.on('data', (chunk) => {
          hash.update(chunk);
          bytes += chunk.length;
        });
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode, bytes, sha256: hash.digest('hex') }),
        );
      },
    );
    asked.once('error', reject);
    asked.end();
  });
}

async function withServer(side, dataFolder, use) {
  const server =
    side === 'ours'
      ? await startPlimsoll({ env: { ...settings, DATA_DIR: dataFolder } })
      : await startBareStream(dataFolder);
  try {
    // what is loaded at first use is not what is measured
    const id = await upload(server.port, small);
    await download(server.port, id);
    await sleep(2_000);
    const sampler = await sampleRss(server.pid);
    const beforeBytes = memoryOf(server.pid).rssBytes;
    const result = await use(server, sampler);
    sampler.stop();
    return { ...result, beforeBytes };
  } finally {
    await server.stop();
  }
}

async function measureUpload(side, dataFolder) {
  return withServer(side, dataFolder, async (server, sampler) => {
    let receiving;
    const startedMs = performance.now();
    const id = await upload(server.port, large, () => {
      receiving = sampler.mark();
    });
    const wallMs = performance.now() - startedMs;
    const received = await receiving;
    const checked = await sampler.mark();
    const untilDone = Math.max(received.peakBytes, checked.peakBytes);
    return { id, wallMs, receivingBytes: received.peakBytes, peakBytes: untilDone };
  });
}

async function measureDownload(side, dataFolder, id) {
  return withServer(side, dataFolder, async (server, sampler) => {
    const startedMs = performance.now();
    const got = await download(server.port, id);
    const wallMs = performance.now() - startedMs;
    if (got.status !== 200 || got.sha256 !== expected) {
      throw new Error(
        `${side}, read back: status ${got.status}, ${got.bytes} bytes, ${got.sha256 === expected ? 'same' : 'other'} content`,
      );
    }
    return { wallMs, peakBytes: (await sampler.mark()).peakBytes };
  });
}

const SIDES = options.bare ? ['bare'] : ['ours', 'bare'];
const uploads = Object.fromEntries(SIDES.map((side) => [side, []]));
const downloads = Object.fromEntries(SIDES.map((side) => [side, []]));
for (let round = 0; round < options.rounds; round++) {
  for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed()) {
    const dataFolder = ownFolder(mkdtempSync(join(tmpdir(), 'plimsoll-bench-data-')));
    const sent = await measureUpload(side, dataFolder);
    uploads[side].push(sent);
    downloads[side].push(await measureDownload(side, dataFolder, sent.id));
    removeFolder(dataFolder);
  }
}

const PHASES = [
  { name: 'upload, while receiving', results: uploads, figure: 'receivingBytes' },
  { name: 'upload, until 201 (ours: decoded and durable)', results: uploads, figure: 'peakBytes' },
  { name: 'stored original read back', results: downloads, figure: 'peakBytes' },
];
const rises = ({ results, figure }, side) =>
  results[side].map((result) => result[figure] - result.beforeBytes);
printTable(
  ['phase', 'side', 'RSS before MiB', 'rise MB, median', 'rise MB, largest', 'wall ms'],
  PHASES.flatMap((phase) =>
    SIDES.map((side) => [
      phase.name,
      side,
      mib(median(phase.results[side].map(({ beforeBytes }) => beforeBytes))),
      fixed(median(rises(phase, side)) / MB),
      fixed(Math.max(...rises(phase, side)) / MB),
      fixed(median(phase.results[side].map(({ wallMs }) => wallMs)), 0),
    ]),
  ),
);
const verdict = new Verdict();
if (options.bare) verdict.skip('our server did not take part (--bare)');
else {
  for (const phase of PHASES) {
    const most = Math.max(...rises(phase, 'ours'));
    verdict.require(
      most < MOST_RISE_BYTES,
      `${phase.name}: RSS rises by ${fixed(most / MB)} MB, under ${MOST_RISE_BYTES / MB}`,
    );
  }
}
verdict.end();
