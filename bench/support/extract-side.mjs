// One side of the extraction bench, in a process of its own: reads the stored pages, extracts, prints figures and facts.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { memoryOf } from './process-figures.mjs';

const { side, list, libraries, built } = JSON.parse(process.argv[2]);
const pages = JSON.parse(readFileSync(list, 'utf8'));

/** As bytes come from a socket. */
const CHUNK_BYTES = 64 * 1024;

/** metascraper takes no address under .example, the domain of the marked pages: it gets, and says, another. */
const toCom = (text) => text.replace(/\.example\b/g, '.com');
const fromCom = (text) => text?.replace(/\.com\b/g, '.example');

const load = async (name) => {
  const path = createRequire(join(libraries, 'package.json')).resolve(name);
  const loaded = await import(pathToFileURL(path).href);
  return loaded.default?.default ?? loaded.default;
};

const SIDES = {
  /** What Node needs to read the list and print it: no side's own. */
  async node() {
    return () => ({});
  },
  async plimsoll() {
    const { PageExtractor } = await import(pathToFileURL(built).href);
    const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    return ({ file, url, requestedUrl, contentType }) => {
      const extractor = new PageExtractor({ url, contentType, ...(requestedUrl && { requestedUrl }) });
      const handle = openSync(`${file}.raw`);
      for (;;) {
        const bytes = readSync(handle, chunk, 0, CHUNK_BYTES, null);
        if (bytes === 0 || extractor.push(chunk.subarray(0, bytes)) === 'enough') break;
      }
      closeSync(handle);
      const facts = extractor.finish();
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
      const facts = await metascraper({ html: toCom(readFileSync(`${file}.utf8`, 'utf8')), url: toCom(url) });
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

const extract = await SIDES[side]();
const loadedBytes = memoryOf(process.pid).rssBytes;
const results = [];
const startedMs = performance.now();
for (const page of pages) results.push({ name: page.name, facts: await extract(page) });
const wallMs = performance.now() - startedMs;
process.stdout.write(
  JSON.stringify({ wallMs, loadedBytes, peakBytes: memoryOf(process.pid).highWaterBytes, results }),
);
