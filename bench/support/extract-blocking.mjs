// How long one turn of the event loop lasts at most while a page is fetched and read, in a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { startStopwatch } from './stopwatch.mjs';

const { built, bytes, times } = JSON.parse(process.argv[2]);
const load = (path) => import(pathToFileURL(join(built, path)).href);

const GIB = 1024 ** 3;

/** The pages that cost most: nothing in the head, so that all is read, and each in another kind of markup. */
const FILLINGS = {
  paragraphs:
    '<p class="text">tide &amp; harbour, see <a href="/n/1" title="more">more &auml; more</a></p>\n',
  tags: '<i><b class=x>y</b></i>',
  metas: '<meta name="unused" content="nothing of use, again and again">',
  headings: '<span itemprop="author"><img src="/icon.png" width="9">',
  entities: '&amp;&#x41;&eacute;&',
  text: 'tide harbour anchor rope wind keel hull chart buoy ',
  json: '<script type="application/ld+json">{"@graph":[{"@type":"Article","headline":"Tide"},{"@type":"Article"}]}</script>',
};

/** An origin in another process, so that only reading is measured here. */
const ORIGIN = `
const { createServer } = require('node:http');
const { gzipSync } = require('node:zlib');
const { fillings, bytes } = JSON.parse(process.argv[1]);
const head = '<!doctype html><html><head><meta charset="utf-8"><title>Tide</title></head><body>';
const server = createServer((request, response) => {
  const [, coding, name] = request.url.split('/');
  const page = Buffer.alloc(bytes, fillings[name]);
  page.set(Buffer.from(head));
  const body = coding === 'gzip' ? gzipSync(page) : page;
  response.writeHead(200, { 'content-type': 'text/html', ...(coding === 'gzip' && { 'content-encoding': 'gzip' }) });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
`;

const { SystemClock } = await load('clock/index.js');
const { loadSettings } = await load('config/index.js');
const { ByteAccounts } = await load('process-memory/index.js');
const { RemoteFetcher } = await load('remote-fetch/index.js');
const { RemotePageReader } = await load('bookmarks/enrichment/page/remote-page-reader.js');

const origin = spawn(process.execPath, ['-e', ORIGIN, JSON.stringify({ fillings: FILLINGS, bytes })], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const port = Number(await once(origin.stdout, 'data'));
const settings = loadSettings(
  { NODE_ENV: 'test', FETCH_ALLOWED_HOSTS: `127.0.0.1:${port}`, ENRICHMENT_PAGE_BYTES: String(bytes) },
  { containerLimitBytes: null, totalMemoryBytes: 16 * GIB, heapLimitBytes: GIB },
);
const resolver = { resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) };
const fetcher = new RemoteFetcher(settings, new SystemClock(), resolver, new ByteAccounts());
const reader = new RemotePageReader(settings, fetcher);

/** The longest turn of the loop while `work` runs: one check a turn, so none hides behind another. */
async function longestTurnMs(work) {
  let longest = 0;
  let takenMs = startStopwatch();
  let running = true;
  const look = () => {
    longest = Math.max(longest, takenMs());
    takenMs = startStopwatch();
    if (running) setImmediate(look);
  };
  setImmediate(look);
  const result = await work();
  running = false;
  look();
  return { longest, result };
}

const rows = [];
for (const coding of ['plain', 'gzip']) {
  for (const name of Object.keys(FILLINGS)) {
    const longest = [];
    let bytesRead = 0;
    for (let time = 0; time <= times; time += 1) {
      const url = `http://127.0.0.1:${port}/${coding}/${name}/${time}`;
      const turn = await longestTurnMs(() => reader.read(url, new AbortController().signal));
      bytesRead = turn.result.facts.bytesRead;
      // The first run compiles.
      if (time > 0) longest.push(turn.longest);
    }
    rows.push({ coding, name, bytesRead, longest });
  }
}
await fetcher.onApplicationShutdown();
origin.stdin.end();
process.stdout.write(JSON.stringify(rows));
