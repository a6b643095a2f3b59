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
import { openCorpus, USUAL_WORDS } from './support/search-corpus.mjs';
import { openSearch } from './support/search-rooms.mjs';
import { plainEnvironment } from './support/start-server.mjs';
import { median, spreadPercent } from './support/statistics.mjs';

const options = readArguments('Searching bookmarks: in memory, with MiniSearch as it comes, in SQLite', {
  documents: { default: 50_000, about: 'bookmarks of the memory side' },
  large: { default: 500_000, about: 'bookmarks of the large database; 0 leaves it out' },
  words: { default: USUAL_WORDS, about: 'words that the texts are made of; fewer are more alike' },
  queries: { default: 300, about: 'searches of each kind' },
  rounds: { default: 3, about: 'processes of each side' },
  prepare: { default: false, about: 'only make the databases; they are kept in the temporary folder' },
  seconds: { default: 3_600, about: 'stop preparing after this long; the next run goes on' },
});

const MOST_TYPO_P95_MS = 30;
const MOST_LARGE_P95_MS = 60;
const MOST_BLOCK_MS = 20;
const MOST_CREATED_P95_MS = 50;
/** Of searches that name a bookmark's own words: two typos of distance at once, or a typo that is another word, may miss. */
const LEAST_FOUND_RATIO = 0.97;
/** Between the bytes that the index says it has and those that appear in the process. */
const ACCOUNT_RATIOS = [0.85, 1.3];
const BATCH = 500;
const TIMEOUT_MS = 300_000;

const script = fileURLToPath(new URL('./support/measure-search.mjs', import.meta.url));
const run = promisify(execFile);
const corpus = openCorpus(options.words);
const suffix = options.words === USUAL_WORDS ? '' : `-${options.words}`;
const folderOf = (documents) => join(tmpdir(), `plimsoll-bench-search-v2-${documents}${suffix}`);

/** Fills a database once; resumed where an earlier run stopped. @returns whether it is complete */
async function prepare(documents, endMs) {
  await mkdir(folderOf(documents), { recursive: true });
  const rooms = await openSearch(folderOf(documents), { SEARCH_ENGINE: 'database' });
  try {
    for (let have = await rooms.store.count({}); have < documents; have += BATCH) {
      const drafts = Array.from({ length: Math.min(BATCH, documents - have) }, (_, n) =>
        corpus.draftOf(have + n),
      );
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
  const task = JSON.stringify({
    side,
    documents,
    queries,
    words: options.words,
    folder: folderOf(documents),
  });
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
  { name: 'MiniSearch', side: 'minisearch', documents: options.documents },
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

/** One row for each way of asking a side. */
const WAYS = [
  { name: 'index in memory', at: 0, read: (result) => result },
  { name: 'MiniSearch, typos when nothing was found', at: 1, read: (result) => result },
  { name: 'MiniSearch, typos always', at: 1, read: ({ always }) => always },
  ...SIDES.slice(2).map(({ name }, n) => ({ name, at: n + 2, read: (result) => result })),
];
const percent = (value) => fixed(100 * value, 1);
const cell = (way, read) =>
  fixed(
    of(way.at, (result) => read(way.read(result)) ?? Number.NaN),
    2,
  );

print('Searches, ms without the time for which others had the processor; "wall" with it');
print();
printTable(
  [
    'side',
    'bookmarks',
    'typo p50',
    'typo p95',
    'wall p95',
    'spread %',
    'found %',
    'plain p50',
    'plain p95',
    'operators p50',
    'operators p95',
  ],
  WAYS.map((way) => [
    way.name,
    SIDES[way.at].documents,
    cell(way, ({ typo }) => typo.p50Ms),
    cell(way, ({ typo }) => typo.p95Ms),
    cell(way, ({ typo }) => typo.wallP95Ms),
    fixed(spreadPercent(results[way.at].map((result) => way.read(result).typo.p95Ms)), 0),
    percent(of(way.at, (result) => way.read(result).typo.foundRatio)),
    cell(way, ({ plain }) => plain.p50Ms),
    cell(way, ({ plain }) => plain.p95Ms),
    cell(way, ({ operators }) => operators?.p50Ms),
    cell(way, ({ operators }) => operators?.p95Ms),
  ]),
);
print('The index: built once, held in memory');
print();
printTable(
  ['side', 'bookmarks', 'words', 'build s', 'says MiB', 'held MiB', 'held bytes per bookmark'],
  [0, 1].map((at) => [
    SIDES[at].name,
    SIDES[at].documents,
    of(at, ({ terms }) => terms),
    fixed(of(at, ({ buildMs }) => buildMs) / 1_000),
    at === 0 ? fixed(of(at, ({ usedBytes }) => usedBytes) / MIB) : '–',
    fixed(of(at, ({ heldBytes }) => heldBytes) / MIB),
    fixed(of(at, ({ heldBytes }) => heldBytes) / SIDES[at].documents, 0),
  ]),
);
print(
  'The longest turn of the event loop in any round, ms: computed by its thread (in brackets without the wait for a processor, and by the clock)',
);
print('and from the creation of a bookmark to the answer that finds it');
print();
const turn = (at, read) =>
  results[at].every((result) => read(result) !== undefined)
    ? `${fixed(worst(at, (result) => read(result).computedMs))} (${fixed(worst(at, (result) => read(result).ownMs))}, ${fixed(worst(at, (result) => read(result).wallMs))})`
    : '–';
const OURS = SIDES.map((_, at) => at).filter((at) => SIDES[at].side !== 'minisearch');
printTable(
  ['side', 'bookmarks', 'build', 'words and typos', 'operators', 'created p50 ms', 'created p95 ms'],
  OURS.map((at) => [
    SIDES[at].name,
    SIDES[at].documents,
    turn(at, ({ build }) => build),
    turn(at, ({ turns }) => turns),
    turn(at, ({ operatorTurns }) => operatorTurns),
    fixed(of(at, ({ created }) => created.p50Ms)),
    fixed(of(at, ({ created }) => created.p95Ms)),
  ]),
);

const verdict = new Verdict();
const memoryP95 = of(0, ({ typo }) => typo.p95Ms);
const account = of(0, ({ usedBytes, heldBytes }) => usedBytes / heldBytes);
const { budgetBytes, usedBytes } = results[0][0];
for (const at of OURS) {
  const side = `${SIDES[at].name}, ${SIDES[at].documents}`;
  const found = of(at, ({ typo }) => typo.foundRatio);
  verdict.require(
    found >= LEAST_FOUND_RATIO,
    `${side}: ${percent(found)} % of searches with a typo find something, at least ${100 * LEAST_FOUND_RATIO} %`,
  );
  const { foundRatio } = results[at][0].created;
  const createdMs = of(at, ({ created }) => created.p95Ms);
  verdict.require(
    foundRatio === 1 && createdMs < MOST_CREATED_P95_MS,
    `${side}: created and found p95 ${fixed(createdMs)} ms (${percent(foundRatio)} % found), less than ${MOST_CREATED_P95_MS}`,
  );
}
verdict.require(
  memoryP95 < MOST_TYPO_P95_MS,
  `in memory p95 ${fixed(memoryP95, 2)} ms with a typo, less than ${MOST_TYPO_P95_MS}`,
);
verdict.require(
  usedBytes <= budgetBytes,
  `the index says ${fixed(usedBytes / MIB)} MiB, budget ${fixed(budgetBytes / MIB)} MiB`,
);
verdict.require(
  account >= ACCOUNT_RATIOS[0] && account <= ACCOUNT_RATIOS[1],
  `it says ${fixed(account, 2)} of what the process holds more, between ${ACCOUNT_RATIOS.join(' and ')}`,
);
for (const [what, read] of [
  ['building', ({ build }) => build],
  ['searching in memory for words and typos', ({ turns }) => turns],
  ['searching in memory with operators', ({ operatorTurns }) => operatorTurns],
]) {
  const blockMs = worst(0, (result) => read(result).computedMs);
  verdict.require(
    blockMs < MOST_BLOCK_MS,
    `${what} holds the event loop for ${fixed(blockMs)} ms at most, less than ${MOST_BLOCK_MS}`,
  );
}
if (options.large > 0) {
  const largeP95 = of(3, ({ typo }) => typo.p95Ms);
  verdict.require(
    largeP95 < MOST_LARGE_P95_MS,
    `SQLite with ${options.large} bookmarks p95 ${fixed(largeP95, 2)} ms with a typo, less than ${MOST_LARGE_P95_MS}`,
  );
} else verdict.skip('the large database was left out');
print();
const times = (at, read) => `${fixed(of(at, read) / memoryP95)}×`;
const bytes = of(1, ({ heldBytes }) => heldBytes) / of(0, ({ heldBytes }) => heldBytes);
print(
  `p95 with a typo on ${options.documents} bookmarks, by ours in memory: MiniSearch ${times(1, ({ typo }) => typo.p95Ms)} (typos always ${times(1, ({ always }) => always.typo.p95Ms)}), SQLite ${times(2, ({ typo }) => typo.p95Ms)}; memory of MiniSearch ${fixed(bytes)}×`,
);
verdict.end();
