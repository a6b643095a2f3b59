// Facts of 200 stored pages: our extractor beside open-graph-scraper and metascraper, in time, memory and accuracy.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArguments } from './support/arguments.mjs';
import { installLibraries } from './support/extract-libraries.mjs';
import { FIELDS, judge, scoreOf, shareOf } from './support/field-score.mjs';
import { ownFolder, removeFolder } from './support/life.mjs';
import { MIB, fixed, mib, print, printHead, printTable, Verdict } from './support/report.mjs';
import { median, spreadPercent } from './support/statistics.mjs';
import { readMarkedPages, storePages } from './support/stored-pages.mjs';

const options = readArguments('Facts of stored pages, beside two libraries.', {
  pages: { default: 200, about: 'stored pages' },
  rounds: { default: 3, about: 'rounds; each side runs once in each, in a process of its own' },
  bare: { default: false, about: 'without the libraries' },
  minutes: { default: 20, about: 'the bound of all of it' },
});
const LEAST_SPEED_RATIO = 10;
const MOST_MEMORY_RATIO = 0.25;
const MOST_BLOCKED_MS = 20;
const BLOCKING_PAGE_BYTES = 2 * MIB;

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const built = join(dist, 'bookmarks/extract/page-extractor.js');
const child = fileURLToPath(new URL('./support/extract-side.mjs', import.meta.url));
const blocking = fileURLToPath(new URL('./support/extract-blocking.mjs', import.meta.url));
if (!existsSync(built)) throw new Error('The server is not built: run "npm run build" first.');

const endsAtMs = performance.now() + options.minutes * 60_000;
printHead('bench:extract');
const marked = readMarkedPages();
const isWall = ({ expected }) => typeof expected.wall === 'string';
const isHard = ({ fill }) => fill !== undefined;
const pages = marked.filter((page) => !isWall(page) && !isHard(page));
const byName = new Map(marked.map((page) => [page.name, page]));
const libraries = options.bare ? { reason: 'left out (--bare)' } : installLibraries();
if (libraries.folder === undefined)
  print(`without open-graph-scraper and metascraper: ${libraries.reason}\n`);

const folder = ownFolder(mkdtempSync(join(tmpdir(), 'plimsoll-extract-')));
const stored = storePages(pages, options.pages, folder);
const list = join(folder, 'list.json');
writeFileSync(list, JSON.stringify(stored));
const sizes = stored.map(({ bytes }) => bytes);
const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
print(
  `${stored.length} stored pages made from ${pages.length} marked ones, ${fixed(total / 1e6, 1)} MB in all, ` +
    `${fixed(Math.min(...sizes) / 1e3, 0)} KB to ${fixed(Math.max(...sizes) / 1e6, 2)} MB, median ${fixed(median(sizes) / 1e3, 0)} KB.`,
);
print(
  'The libraries get each page decoded already and read it whole; ours gets raw bytes in chunks of 64 KiB.',
);
print(
  'The marked pages are our own, written beside our extractor: read the misses, not the percentages alone.',
);
print(
  'Times and memory are medians over the rounds. Peak RSS is that of the whole process; the requirement compares',
);
print(
  'what is left of it without a bare Node process, which every side needs. CPU time is that of all threads.\n',
);

const sides =
  libraries.folder === undefined ? ['plimsoll'] : ['plimsoll', 'open-graph-scraper', 'metascraper'];
const runs = new Map(sides.map((side) => [side, []]));
/** Children run while this process waits for them: its own timers would not end a bench that takes too long. */
function run(script, argument) {
  try {
    const output = execFileSync(process.execPath, [script, JSON.stringify(argument)], {
      maxBuffer: 64 * MIB,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: Math.max(1, Math.round(endsAtMs - performance.now())),
    });
    return JSON.parse(output);
  } catch (error) {
    if (error.code !== 'ETIMEDOUT') throw error;
    process.stderr.write(`stopped: longer than ${options.minutes} minutes\n`);
    process.exit(3);
  }
}
const runSide = (side, file, more = {}) =>
  run(child, { side, list: file, libraries: libraries.folder, built, ...more });
const bareBytes = median(Array.from({ length: options.rounds }, () => runSide('node', list).peakBytes));
for (let round = 0; round < options.rounds; round++) {
  const order = round % 2 === 0 ? sides : [...sides].reverse();
  for (const side of order) runs.get(side).push(runSide(side, list));
}

const figures = new Map();
for (const [side, results] of runs) {
  figures.set(side, {
    wallMs: median(results.map(({ wallMs }) => wallMs)),
    cpuMs: median(results.map(({ cpuMs }) => cpuMs)),
    spread: spreadPercent(results.map(({ wallMs }) => wallMs)),
    peakBytes: median(results.map(({ peakBytes }) => peakBytes)),
    loadedBytes: median(results.map(({ loadedBytes }) => loadedBytes)),
    ownBytes: median(results.map(({ peakBytes }) => peakBytes)) - bareBytes,
  });
}
const ours = figures.get('plimsoll');
const ofOurs = (side, figure) => (side === 'plimsoll' ? '–' : fixed(figure, 2));
printTable(
  [
    ...[
      'side',
      'ms',
      'spread %',
      'ms a page',
      'our speed ×',
      'CPU ms',
      'by CPU ×',
      'peak RSS MiB',
      'with modules loaded',
      'over bare Node',
    ],
    ...['our peak ×', 'our own ×'],
  ],
  sides.map((side) => {
    const { wallMs, cpuMs, spread, peakBytes, loadedBytes, ownBytes } = figures.get(side);
    return [
      side,
      fixed(wallMs, 0),
      fixed(spread, 0),
      fixed(wallMs / stored.length, 2),
      ofOurs(side, wallMs / ours.wallMs),
      fixed(cpuMs, 0),
      ofOurs(side, cpuMs / ours.cpuMs),
      mib(peakBytes),
      mib(loadedBytes),
      mib(ownBytes),
      ofOurs(side, ours.peakBytes / peakBytes),
      ofOurs(side, ours.ownBytes / ownBytes),
    ];
  }),
);
print(`A bare Node process peaks at ${mib(bareBytes)} MiB.`);
const { bytesRead } = runs.get('plimsoll')[0];
print(
  `Ours stopped early where it could: it read ${fixed(bytesRead / 1e6, 1)} of ${fixed(total / 1e6, 1)} MB.\n`,
);

const scores = new Map(sides.map((side) => [side, scoreOf(runs.get(side)[0].results, byName)]));
const percent = (value) => `${fixed(100 * value, 1)} %`;
printTable(
  ['field', 'asked', ...sides],
  [
    ...FIELDS.map((field) => [
      field,
      scores.get('plimsoll')[field].asked,
      ...sides.map((side) => percent(shareOf(scores.get(side), [field]))),
    ]),
    [
      'all',
      FIELDS.reduce((sum, field) => sum + scores.get('plimsoll')[field].asked, 0),
      ...sides.map((side) => percent(shareOf(scores.get(side), FIELDS))),
    ],
  ],
);
print(
  'Misses by field: nothing found (missed), another value (wrong), a value where the page has none (false).',
);
for (const side of sides) {
  for (const field of FIELDS) {
    const { misses } = scores.get(side)[field];
    if (misses.size > 0) {
      print(`- ${side}, ${field}: ${[...misses].map(([miss, times]) => `${miss} ×${times}`).join(', ')}`);
    }
  }
}
print();

// Walls are not in the race: the libraries do not know them.
const walls = marked.filter(isWall);
const wallList = join(folder, 'walls.json');
writeFileSync(
  wallList,
  JSON.stringify(storePages(walls, walls.length, join(folder, 'walls'), { grown: false })),
);
const wallFacts = runSide('plimsoll', wallList).results;
const recognised = wallFacts.filter(
  ({ name, facts }) => facts.wall === byName.get(name).expected.wall,
).length;
const mistaken = runs.get('plimsoll')[0].results.filter(({ facts }) => facts.wall !== undefined);

// Nor are the pages that are there for their size and depth.
const hard = marked.filter(isHard);
const hardList = join(folder, 'hard.json');
writeFileSync(
  hardList,
  JSON.stringify(storePages(hard, hard.length, join(folder, 'hard'), { grown: false })),
);
const hardRun = runSide('plimsoll', hardList);
const hardRows = hardRun.results.map(({ name, facts, ms }) => {
  const verdicts = FIELDS.map((field) => judge(field, facts, byName.get(name)));
  const asked = verdicts.filter((field) => field !== undefined);
  return { name, ms, asked: asked.length, right: asked.filter((field) => field === 'right').length };
});
print('Pages that are there for their size and depth, each once, ours alone, in a cold process:\n');
printTable(
  ['page', 'MB', 'ms', 'fields right'],
  hardRows.map(({ name, ms, asked, right }) => [
    name,
    fixed(byName.get(name).bytes.length / 1e6, 1),
    fixed(ms, 0),
    `${right} of ${asked}`,
  ]),
);

// Through the guarded fetch, from an origin in another process: what the event loop of a server would feel.
const turns = run(blocking, { built: dist, bytes: BLOCKING_PAGE_BYTES, times: 3 * options.rounds });
const codings = ['plain', 'gzip'];
const turnOf = (coding, name) => turns.find((row) => row.coding === coding && row.name === name).longest;
print(
  `The longest turn of the event loop while a page of ${mib(BLOCKING_PAGE_BYTES)} MiB is fetched and read, ms: median and ` +
    `largest of ${3 * options.rounds} readings.`,
);
print('The smaller of wall and CPU time: what other work on the machine takes does not count.\n');
printTable(
  ['page of', ...codings.flatMap((coding) => [`${coding}, median`, 'largest'])],
  turns
    .filter(({ coding }) => coding === 'plain')
    .map(({ name }) => [
      name,
      ...codings.flatMap((coding) => [
        fixed(median(turnOf(coding, name)), 1),
        fixed(Math.max(...turnOf(coding, name)), 1),
      ]),
    ]),
);

const verdict = new Verdict();
for (const side of ['open-graph-scraper', 'metascraper']) {
  const other = figures.get(side);
  if (other === undefined) {
    verdict.skip(`${side} took no part: ${libraries.reason}`);
    continue;
  }
  const speed = other.wallMs / ours.wallMs;
  const memory = ours.ownBytes / other.ownBytes;
  const accuracy = [shareOf(scores.get('plimsoll'), FIELDS), shareOf(scores.get(side), FIELDS)];
  verdict.require(
    speed >= LEAST_SPEED_RATIO,
    `${fixed(speed, 1)} times the speed of ${side}, at least ${LEAST_SPEED_RATIO} (by CPU time: ` +
      `${fixed(other.cpuMs / ours.cpuMs, 1)})`,
  );
  verdict.require(
    memory <= MOST_MEMORY_RATIO,
    `${fixed(memory, 2)} of the memory of ${side} over a bare Node process, at most ${MOST_MEMORY_RATIO} ` +
      `(whole process: ${fixed(ours.peakBytes / other.peakBytes, 2)})`,
  );
  verdict.require(
    accuracy[0] >= accuracy[1],
    `${percent(accuracy[0])} of the fields right, ${side} ${percent(accuracy[1])}: the same or better`,
  );
}
verdict.require(recognised === walls.length, `${recognised} of ${walls.length} walls recognised`);
verdict.require(mistaken.length === 0, `${mistaken.length} of ${stored.length} pages taken for a wall, none`);
verdict.require(
  hardRows.every(({ asked, right }) => asked === right),
  `${hardRows.filter(({ asked, right }) => asked === right).length} of ${hardRows.length} pages of size and depth right`,
);
// Runs of their own: asking the clock twice for every chunk costs a quarter of our time.
const calls = Array.from(
  { length: options.rounds },
  () => runSide('plimsoll', list, { timed: true }).longestCallMs,
);
const longestCall = (state) => median(calls.map((longestMs) => longestMs[state]));
verdict.require(
  longestCall('warm') <= MOST_BLOCKED_MS,
  `${fixed(longestCall('warm'), 1)} ms in the longest call with a chunk of 64 KiB, at most ${MOST_BLOCKED_MS} (on the ` +
    `first 40 pages of a process, before V8 has compiled: ${fixed(longestCall('cold'), 1)})`,
);
for (const coding of codings) {
  const worst = Math.max(...turns.filter((row) => row.coding === coding).map((row) => median(row.longest)));
  verdict.require(
    worst <= MOST_BLOCKED_MS,
    `${fixed(worst, 1)} ms in the longest turn of the event loop (median of the worst page, ${coding}), at most ${MOST_BLOCKED_MS}`,
  );
}
removeFolder(folder);
verdict.end();
