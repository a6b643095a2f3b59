import { createWriteStream, mkdtempSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bookmarkClient, isEnriched } from './bookmark-client.mjs';
import { ownFolder, removeFolder } from './life.mjs';
import { fixed, print } from './report.mjs';
import { seededRandom } from './seeded-random.mjs';
import { readState } from './server-state.mjs';

const COMPLETE_MS = 600_000;
const POLL_MS = 1_000;
const WORDS =
  'harbour keel load line draught hull mast rope anchor tide chart buoy ballast freight captain deck sail port storm'.split(
    ' ',
  );

/**
 * Bookmarks as our own export writes them, as if another server had read their pages already: an import of them asks
 * no origin, so that what is enriched during the bench is what the bench has sites for.
 */
async function writeBookmarkLines(path, count) {
  const random = seededRandom(11);
  const words = (least, most) =>
    Array.from({ length: random.integer(least, most) }, () => random.pick(WORDS)).join(' ');
  const file = createWriteStream(path);
  file.write('{"plimsoll":"bookmarks","version":1}\n');
  for (let n = 0; n < count; n++) {
    const line = JSON.stringify({
      url: `https://${n % 997}.bench.example.org/${random.pick(WORDS)}/${n}?id=${n}`,
      tags: [random.pick(WORDS), random.pick(WORDS)],
      note: n % 5 === 0 ? words(10, 40) : null,
      createdAt: new Date(1_600_000_000_000 + n * 60_000).toISOString(),
      fields: {
        title: { page: `${words(3, 9)} ${n}` },
        description: { page: words(10, 40) },
        siteName: { page: words(1, 3) },
      },
      http: { status: 200, checkedAt: 1_700_000_000_000, failingSince: null, deadSince: null },
      enrichment: { state: 'done', attempts: 0, error: null, at: 1_700_000_000_000, refreshAt: null },
    });
    if (!file.write(`${line}\n`)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

/**
 * Starts what bookmarks do in the background: enrichment of `pages` bookmarks from the sites, and an import of
 * `entries`. Returns when both are under way.
 *
 * @returns `stand()`: how far they are now, and the levels that were seen since the start; `complete()` waits until
 *   they have ended by themselves
 */
export async function startBookmarkWork({ port, sites, entries, pages }) {
  const folder = ownFolder(mkdtempSync(join(tmpdir(), 'plimsoll-bench-')));
  const path = join(folder, 'bookmarks.jsonl');
  await writeBookmarkLines(path, entries);
  const client = bookmarkClient(port);
  const levels = new Map();
  const startedMs = performance.now();
  await client.create(Array.from({ length: pages }, (_, n) => sites.pageUrl(n)));
  const operation = await client.upload(path, 'application/x-ndjson');

  let watching = true;
  const watch = (async () => {
    while (watching) {
      const { level } = await readState(port);
      if (level !== undefined) levels.set(level, (levels.get(level) ?? 0) + 1);
      await sleep(POLL_MS);
    }
  })();

  async function stand() {
    const imported = await client.operation(operation);
    const bookmarks = await client.all('&domain=127.0.0.1');
    return {
      importState: imported.state,
      imported: imported.state === 'done' ? imported.result.counts : imported.progress,
      enriched: bookmarks.filter(isEnriched).length,
      pages,
      entries,
      levels: new Map(levels),
      afterMs: performance.now() - startedMs,
    };
  }

  return {
    stand,
    async complete() {
      const untilMs = performance.now() + COMPLETE_MS;
      let now = await stand();
      while (now.importState !== 'done' || now.enriched < pages) {
        if (performance.now() > untilMs || now.importState === 'failed') break;
        await sleep(POLL_MS);
        now = await stand();
      }
      return now;
    },
    async end() {
      watching = false;
      await watch;
      client.close();
      removeFolder(folder);
    },
  };
}

export function describeBookmarkWork({ during, after }) {
  const levelText = [...during.levels].map(([level, count]) => `${level} ${count}`).join(', ');
  print(
    `  bookmarks at the end of the burst (${fixed(during.afterMs / 1_000)} s): import ${during.importState}, ` +
      `${during.enriched} of ${during.pages} enriched; levels seen, once a second: ${levelText}`,
  );
  print(
    `  bookmarks in the end (${fixed(after.afterMs / 1_000)} s): import ${after.importState}, ${after.enriched} of ${after.pages} enriched`,
  );
}

export function judgeBookmarkWork(verdict, name, { after }) {
  const created = after.importState === 'done' ? after.imported.created : 0;
  verdict.require(
    created === after.entries,
    `${name}: the import ended by itself with ${created} of ${after.entries} entries`,
  );
  verdict.require(
    after.enriched === after.pages,
    `${name}: ${after.enriched} of ${after.pages} bookmarks enriched by themselves`,
  );
}
