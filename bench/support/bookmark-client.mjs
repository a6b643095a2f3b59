import { createReadStream } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, keepAliveAgent } from './load-client.mjs';

/** Most operations of one bulk request, and most bookmarks of one page of the list. */
const BULK = 1_000;
const PAGE = 100;

/** Where an answer is 503 the server asks for patience; longer than this nobody is patient, ms. */
const PATIENCE_MS = 120_000;

/** What the benches say to the bookmark routes. Refusals with a `Retry-After` are waited for; all else throws. */
export function bookmarkClient(port) {
  const agent = keepAliveAgent();

  async function json(method, path, body) {
    const startedMs = performance.now();
    for (;;) {
      const answer = await ask({
        port,
        path,
        agent,
        method,
        keepBody: true,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
      });
      if (answer.status >= 200 && answer.status <= 299) return JSON.parse(answer.body.toString());
      const waitMs = Number(answer.headers['retry-after']) * 1_000;
      if (answer.status !== 503 || !(waitMs > 0) || performance.now() - startedMs > PATIENCE_MS) {
        throw new Error(`${method} ${path} was answered ${answer.status} ${answer.fault ?? ''}`);
      }
      await sleep(waitMs);
    }
  }

  return {
    /** Creates bookmarks of these URLs. @returns their ids */
    async create(urls) {
      const ids = [];
      for (let at = 0; at < urls.length; at += BULK) {
        const operations = urls.slice(at, at + BULK).map((url) => ({ op: 'create', url }));
        const { results } = await json('POST', '/api/bookmarks/bulk', { operations });
        for (const { outcome, id } of results) {
          if (outcome !== 'created') throw new Error(`a bookmark was ${outcome}, not created`);
          ids.push(id);
        }
      }
      return ids;
    },

    /** How many there are with this state of enrichment. */
    async count(status) {
      const { meta } = await json('GET', `/api/bookmarks?status=${status}&limit=1&count=true`);
      return meta.total;
    },

    /** All bookmarks that a filter names: `&domain=…`. */
    async all(filter = '') {
      const found = [];
      let cursor;
      do {
        const page = await json(
          'GET',
          `/api/bookmarks?limit=${PAGE}${filter}${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
        );
        found.push(...page.bookmarks);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      return found;
    },

    /** Uploads a file of bookmarks. @returns the path of its operation */
    upload: (path, contentType = 'text/html') =>
      new Promise((resolve, reject) => {
        const asked = request({
          host: '127.0.0.1',
          port,
          path: '/api/bookmarks/import',
          method: 'POST',
          headers: { 'Content-Type': contentType },
          agent: false,
        });
        asked.once('error', reject);
        asked.once('response', (response) => {
          const chunks = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () => {
            const text = Buffer.concat(chunks).toString();
            if (response.statusCode === 202) resolve(JSON.parse(text).operation);
            else reject(new Error(`the upload was answered ${response.statusCode}: ${text}`));
          });
        });
        createReadStream(path).once('error', reject).pipe(asked);
      }),

    /** Operation or job as it stands. */
    operation: (path) => json('GET', path),

    close: () => agent.destroy(),
  };
}

/** What a page of the bench must have brought: its title, its description, its picture. */
export const isEnriched = ({ title, description, image, enrichment }) =>
  enrichment.state === 'done' && title !== null && description !== null && image.source === 'page';
