// Facts of 200 stored pages: our extractor beside open-graph-scraper and metascraper, in time, memory and accuracy.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArguments } from './support/arguments.mjs';
import { installLibraries } from './support/extract-libraries.mjs';
import { FIELDS, judge } from './support/field-score.mjs';
import { boundMinutes, ownFolder, removeFolder } from './support/life.mjs';
import { fixed, mib, print, printHead, printTable, Verdict } from './support/report.mjs';
import { median, spreadPercent } from './support/statistics.mjs';
import { readMarkedPages, storePages } from './support/stored-pages.mjs';

const options = readArguments('Facts of stored pages, beside two libraries.', {
  pages: { default: 200, about: 'stored pages' },
  rounds: { default: 3, about: 'rounds; each side runs once in each, in a process of its own' },
  bare: { default: false, about: 'without the libraries' },
});
const LEAST_SPEED_RATIO = 10;
const MOST_MEMORY_RATIO = 0.25;

const built = fileURLToPath(new URL('../dist/bookmarks/extract/page-extractor.js', import.meta.url));
const child = fileURLToPath(new URL('./support/extract-side.mjs', import.meta.url));
if (!existsSync(built)) throw new Error('The server is not built: run "npm run build" first.');

boundMinutes(30);
printHead('bench:extract');
const marked = readMarkedPages();
const isWall = ({ expected }) => typeof expected.wall === 'string';
const pages = marked.filter((page) => !isWall(page));
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
print('what is left of it without a bare Node process, which every side needs.\n');

const sides =
  libraries.folder === undefined ? ['plimsoll'] : ['plimsoll', 'open-graph-scraper', 'metascraper'];
const runs = new Map(sides.map((side) => [side, []]));
function runSide(side, file) {
  const argument = JSON.stringify({ side, list: file, libraries: libraries.folder, built });
  const output = execFileSync(process.execPath, [child, argument], {
    maxBuffer: 64 * 1024 ** 2,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output);
}
const bareBytes = median(Array.from({ length: options.rounds }, () => runSide('node', list).peakBytes));
for (let round = 0; round < options.rounds; round++) {
  const order = round % 2 === 0 ? sides : [...sides].reverse();
  for (const side of order) runs.get(side).push(runSide(side, list));
}

const figures = new Map();
for (const [side, results] of runs) {
  figures.set(side, {
    wallMs: median(results.map(({ wallMs }) => wallMs)),
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
      'peak RSS MiB',
      'with modules loaded',
      'over bare Node',
    ],
    ...['our peak ×', 'our own ×'],
  ],
  sides.map((side) => {
    const { wallMs, spread, peakBytes, loadedBytes, ownBytes } = figures.get(side);
    return [
      side,
      fixed(wallMs, 0),
      fixed(spread, 0),
      fixed(wallMs / stored.length, 2),
      ofOurs(side, wallMs / ours.wallMs),
      mib(peakBytes),
      mib(loadedBytes),
      mib(ownBytes),
      ofOurs(side, ours.peakBytes / peakBytes),
      ofOurs(side, ours.ownBytes / ownBytes),
    ];
  }),
);
print(`A bare Node process peaks at ${mib(bareBytes)} MiB.\n`);

/** What each side found, judged page by page. */
const scores = new Map();
for (const side of sides) {
  const score = Object.fromEntries(FIELDS.map((field) => [field, { asked: 0, right: 0, misses: new Map() }]));
  for (const { name, facts } of runs.get(side)[0].results) {
    for (const field of FIELDS) {
      const verdict = judge(field, facts, byName.get(name));
      if (verdict === undefined) continue;
      score[field].asked += 1;
      if (verdict === 'right') score[field].right += 1;
      else
        score[field].misses.set(
          `${name} (${verdict})`,
          (score[field].misses.get(`${name} (${verdict})`) ?? 0) + 1,
        );
    }
  }
  scores.set(side, score);
}
const share = (score, fields) => {
  const sum = (figure) => fields.reduce((all, field) => all + score[field][figure], 0);
  return sum('right') / sum('asked');
};
const percent = (value) => `${fixed(100 * value, 1)} %`;
printTable(
  ['field', 'asked', ...sides],
  [
    ...FIELDS.map((field) => [
      field,
      scores.get('plimsoll')[field].asked,
      ...sides.map((side) => percent(share(scores.get(side), [field]))),
    ]),
    [
      'all',
      FIELDS.reduce((sum, field) => sum + scores.get('plimsoll')[field].asked, 0),
      ...sides.map((side) => percent(share(scores.get(side), FIELDS))),
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

const verdict = new Verdict();
for (const side of ['open-graph-scraper', 'metascraper']) {
  const other = figures.get(side);
  if (other === undefined) {
    verdict.skip(`${side} took no part: ${libraries.reason}`);
    continue;
  }
  const speed = other.wallMs / ours.wallMs;
  const memory = ours.ownBytes / other.ownBytes;
  const accuracy = [share(scores.get('plimsoll'), FIELDS), share(scores.get(side), FIELDS)];
  verdict.require(
    speed >= LEAST_SPEED_RATIO,
    `${fixed(speed, 1)} times the speed of ${side}, at least ${LEAST_SPEED_RATIO}`,
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
removeFolder(folder);
verdict.end();
