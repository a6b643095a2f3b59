// Two-word searches with a typo in one word: our index in memory, MiniSearch as it comes, and SQLite's full text, on
// the same generated bookmarks. Every side in a process of its own, in turns.
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readArguments } from './support/arguments.mjs';
import { boundMinutes, ownProcess } from './support/life.mjs';
import { fixed, MIB, print, printHead, printTable, Verdict } from './support/report.mjs';
import { draftOf } from './support/search-corpus.mjs';
import { openSearch } from './support/search-rooms.mjs';
import { plainEnvironment } from './support/start-server.mjs';
import { median, spreadPercent } from './support/statistics.mjs';

const options = readArguments('Searching bookmarks: in memory, with MiniSearch as it comes, in SQLite', {
  documents: { default: 50_000, about: 'bookmarks of the memory side' },
  large: { default: 500_000, about: 'bookmarks of the large database; 0 leaves it out' },
  queries: { default: 300, about: 'searches of each kind' },
  rounds: { default: 3, about: 'processes of each side' },
  prepare: { default: false, about: 'only make the databases; they are kept in the temporary folder' },
  seconds: { default: 3_600, about: 'stop preparing after this long; the next run goes on' },
});

const MOST_TYPO_P95_MS = 30;
const MOST_LARGE_P95_MS = 60;
const MOST_BLOCK_MS = 20;
/** Of searches that name a bookmark's own words: two typos of distance at once, or a typo that is another word, may miss. */
const LEAST_FOUND_RATIO = 0.97;
/** Between the bytes that the index says it has and those that appear in the process. */
const ACCOUNT_RATIOS = [0.85, 1.3];
const BATCH = 500;
const TIMEOUT_MS = 300_000;

const script = fileURLToPath(new URL('./support/measure-search.mjs', import.meta.url));
const run = promisify(execFile);
const folderOf = (documents) => join(tmpdir(), `plimsoll-bench-search-v2-${documents}`);

/** Fills a database once; resumed where an earlier run stopped. @returns whether it is complete */
async function prepare(documents, endMs) {
  await mkdir(folderOf(documents), { recursive: true });
  const rooms = await openSearch(folderOf(documents), { SEARCH_ENGINE: 'database' });
  try {
    for (let have = await rooms.store.count({}); have < documents; have += BATCH) {
      const drafts = Array.from({ length: Math.min(BATCH, documents - have) }, (_, n) => draftOf(have + n));
      await rooms.store.insert(drafts, 'keep');
      if (performance.now() > endMs) return false;
    }
    return await rooms.index.followToEnd(() => performance.now() > endMs);
  } finally {
    await rooms.close();
  }
}

async function measure(side, documents) {
  // The slow side gets fewer: its searches take up to a second.
  const queries = side === 'minisearch' ? Math.ceil(options.queries / 5) : options.queries;
  const task = JSON.stringify({ side, documents, queries, folder: folderOf(documents) });
  const child = run(process.execPath, ['--expose-gc', '--max-old-space-size=1024', script, task], {
    env: { ...plainEnvironment(), ...(process.env.BENCH_DIST ? { BENCH_DIST: process.env.BENCH_DIST } : {}) },
    timeout: TIMEOUT_MS,
  });
  ownProcess(child.child);
  const { stdout } = await child;
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

boundMinutes(60);
printHead('bench:search');
const sizes = [options.documents, options.large].filter((documents) => documents > 0);
const endMs = performance.now() + options.seconds * 1_000;
for (const documents of sizes) {
  const isComplete = await prepare(documents, endMs);
  print(`${documents} bookmarks in ${folderOf(documents)}: ${isComplete ? 'complete' : 'not complete yet'}`);
  if (!isComplete) process.exit(options.prepare ? 0 : 1);
}
if (options.prepare) process.exit(0);
print(
  `${options.queries} searches of two words of a title, one mistyped, then as many without a typo; a fifth of them for MiniSearch`,
);
print();

const SIDES = [
  { name: 'index in memory', side: 'memory', documents: options.documents },
  { name: 'MiniSearch 7.2', side: 'minisearch', documents: options.documents },
  { name: 'SQLite FTS5', side: 'sqlite', documents: options.documents },
  ...(options.large > 0 ? [{ name: 'SQLite FTS5', side: 'sqlite', documents: options.large }] : []),
];
const results = SIDES.map(() => []);
for (let round = 0; round < options.rounds; round++) {
  // The order turns, so that no side always has the warm machine.
  for (let n = 0; n < SIDES.length; n++) {
    const at = (n + round) % SIDES.length;
    results[at].push(await measure(SIDES[at].side, SIDES[at].documents));
  }
}
const of = (at, read) => median(results[at].map(read));
const worst = (at, read) => Math.max(...results[at].map(read));

printTable(
  ['side', 'bookmarks', 'typo p50 ms', 'typo p95 ms', 'spread %', 'plain p50 ms', 'plain p95 ms', 'found %'],
  SIDES.map(({ name, documents }, at) => [
    name,
    documents,
    fixed(
      of(at, ({ typo }) => typo.p50Ms),
      2,
    ),
    fixed(
      of(at, ({ typo }) => typo.p95Ms),
      2,
    ),
    fixed(spreadPercent(results[at].map(({ typo }) => typo.p95Ms)), 0),
    fixed(
      of(at, ({ plain }) => plain.p50Ms),
      2,
    ),
    fixed(
      of(at, ({ plain }) => plain.p95Ms),
      2,
    ),
    fixed(100 * of(at, ({ typo }) => typo.found / (typo.found + typo.empty)), 1),
  ]),
);
printTable(
  ['side', 'bookmarks', 'build s', 'words', 'says MiB', 'held MiB', 'longest block ms', 'p99 block ms'],
  [0, 1].map((at) => [
    SIDES[at].name,
    SIDES[at].documents,
    fixed(of(at, ({ buildMs }) => buildMs) / 1_000),
    of(at, ({ terms }) => terms),
    at === 0 ? fixed(of(at, ({ usedBytes }) => usedBytes) / MIB) : '–',
    fixed(of(at, ({ heldBytes }) => heldBytes) / MIB),
    at === 0 ? fixed(worst(at, ({ longestBlockMs }) => longestBlockMs)) : '–',
    at === 0 ? fixed(of(at, ({ p99BlockMs }) => p99BlockMs)) : '–',
  ]),
);

const verdict = new Verdict();
const memoryP95 = of(0, ({ typo }) => typo.p95Ms);
const account = of(0, ({ usedBytes, heldBytes }) => usedBytes / heldBytes);
const { budgetBytes, usedBytes } = results[0][0];
SIDES.forEach(({ name, documents, side }, at) => {
  if (side === 'minisearch') return;
  const found = of(at, ({ typo }) => typo.found / (typo.found + typo.empty));
  verdict.require(
    found >= LEAST_FOUND_RATIO,
    `${name}, ${documents}: ${fixed(100 * found)} % of searches with a typo find something, at least ${100 * LEAST_FOUND_RATIO} %`,
  );
});
verdict.require(
  memoryP95 <= MOST_TYPO_P95_MS,
  `in memory p95 ${fixed(memoryP95, 2)} ms with a typo, at most ${MOST_TYPO_P95_MS}`,
);
verdict.require(
  usedBytes <= budgetBytes,
  `the index says ${fixed(usedBytes / MIB)} MiB, budget ${fixed(budgetBytes / MIB)} MiB`,
);
verdict.require(
  account >= ACCOUNT_RATIOS[0] && account <= ACCOUNT_RATIOS[1],
  `it says ${fixed(account, 2)} of what the process holds more, between ${ACCOUNT_RATIOS.join(' and ')}`,
);
const blockMs = worst(0, ({ longestBlockMs }) => longestBlockMs);
verdict.require(
  blockMs < MOST_BLOCK_MS,
  `building holds the event loop for ${fixed(blockMs)} ms at most, less than ${MOST_BLOCK_MS}`,
);
if (options.large > 0) {
  const largeP95 = of(3, ({ typo }) => typo.p95Ms);
  verdict.require(
    largeP95 <= MOST_LARGE_P95_MS,
    `SQLite with ${options.large} bookmarks p95 ${fixed(largeP95, 2)} ms with a typo, at most ${MOST_LARGE_P95_MS}`,
  );
} else verdict.skip('the large database was left out');
print();
print(
  `p95 with a typo on ${options.documents} bookmarks, by ours in memory: MiniSearch ${fixed(of(1, ({ typo }) => typo.p95Ms) / memoryP95)}×, SQLite ${fixed(of(2, ({ typo }) => typo.p95Ms) / memoryP95)}×`,
);
verdict.end();
