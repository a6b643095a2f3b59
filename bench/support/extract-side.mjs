// One side of the extraction bench, in a process of its own: reads the stored pages, extracts, prints figures and facts.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { memoryOf } from './process-figures.mjs';
import { startStopwatch } from './stopwatch.mjs';
import { toCom } from './stored-pages.mjs';

const { side, list, libraries, built, timed } = JSON.parse(process.argv[2]);
const pages = JSON.parse(readFileSync(list, 'utf8'));

/** As bytes come from a socket. */
const CHUNK_BYTES = 64 * 1024;

/** metascraper says what it got. */
const fromCom = (text) => text?.replace(/\.com\b/g, '.example');

const load = async (name) => {
  const path = createRequire(join(libraries, 'package.json')).resolve(name);
  const loaded = await import(pathToFileURL(path).href);
  return loaded.default?.default ?? loaded.default;
};

/** Pages after which V8 has compiled what is used most: until then the same call takes several times as long. */
const COLD_PAGES = 40;

/** What our side read of the pages, and, with `timed`, its longest single calls: so long the event loop stands still. */
let bytesRead = 0;
const longestCallMs = { cold: 0, warm: 0 };

const SIDES = {
  /** What Node needs to read the list and print it: no side's own. */
  async node() {
    return () => ({});
  },
  async plimsoll() {
    const { PageExtractor } = await import(pathToFileURL(built).href);
    const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const watched = (act) => {
      if (!timed) return act();
      const takenMs = startStopwatch();
      const result = act();
      const state = results.length < COLD_PAGES ? 'cold' : 'warm';
      longestCallMs[state] = Math.max(longestCallMs[state], takenMs());
      return result;
    };
    return ({ file, url, requestedUrl, contentType }) => {
      const extractor = new PageExtractor({ url, contentType, ...(requestedUrl && { requestedUrl }) });
      const handle = openSync(`${file}.raw`);
      for (;;) {
        const bytes = readSync(handle, chunk, 0, CHUNK_BYTES, null);
        if (bytes === 0 || watched(() => extractor.push(chunk.subarray(0, bytes))) === 'enough') break;
      }
      closeSync(handle);
      const facts = watched(() => extractor.finish());
      bytesRead += facts.bytesRead;
      return {
        title: facts.title,
        description: facts.description,
        image: facts.images[0]?.url,
        author: facts.author,
        publishedAt: facts.publishedAt,
        publisher: facts.publisher,
        canonicalUrl: facts.canonicalUrl,
        language: facts.language,
        wall: facts.wall,
      };
    };
  },
  async 'open-graph-scraper'() {
    const scrape = await load('open-graph-scraper');
    return async ({ file }) => {
      const { result = {} } = await scrape({ html: readFileSync(`${file}.utf8`, 'utf8') }).catch(() => ({}));
      return {
        title: result.ogTitle ?? result.twitterTitle ?? result.dcTitle,
        description: result.ogDescription ?? result.twitterDescription ?? result.dcDescription,
        image: result.ogImage?.[0]?.url ?? result.twitterImage?.[0]?.url,
        author: result.articleAuthor ?? result.author ?? result.dcCreator ?? result.bookAuthor,
        publishedAt:
          result.articlePublishedTime ??
          result.ogDate ??
          result.ogArticlePublishedTime ??
          result.dcDateIssued ??
          result.dcDate,
        publisher: result.ogSiteName ?? result.articlePublisher ?? result.dcPublisher,
        canonicalUrl: result.ogUrl,
        language: result.ogLocale ?? result.inLanguage,
      };
    };
  },
  async metascraper() {
    const rules = ['title', 'description', 'image', 'author', 'date', 'publisher', 'url', 'logo', 'lang'];
    const metascraper = (await load('metascraper'))(
      // `date` alone gives the day of the last change where there is one.
      await Promise.all(
        rules.map(async (rule) =>
          (await load(`metascraper-${rule}`))(rule === 'date' ? { datePublished: true } : undefined),
        ),
      ),
    );
    return async ({ file, url }) => {
      const facts = await metascraper({ html: readFileSync(`${file}.com`, 'utf8'), url: toCom(url) });
      return {
        title: facts.title,
        description: facts.description,
        image: fromCom(facts.image),
        author: facts.author,
        publishedAt: facts.datePublished ?? facts.date,
        publisher: facts.publisher,
        canonicalUrl: fromCom(facts.url),
        language: facts.lang,
      };
    };
  },
};

const results = [];
const extract = await SIDES[side]();
const loadedBytes = memoryOf(process.pid).rssBytes;
const startedMs = performance.now();
const startedCpu = process.cpuUsage();
for (const page of pages) {
  const fromMs = performance.now();
  const facts = await extract(page);
  results.push({ name: page.name, facts, ms: performance.now() - fromMs });
}
const wallMs = performance.now() - startedMs;
const { user, system } = process.cpuUsage(startedCpu);
process.stdout.write(
  JSON.stringify({
    wallMs,
    cpuMs: (user + system) / 1_000,
    loadedBytes,
    peakBytes: memoryOf(process.pid).highWaterBytes,
    bytesRead,
    longestCallMs,
    results,
  }),
);
