import { afterEach, describe, expect, it } from '@jest/globals';
import { signUrl } from '../../src/http/index.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ask, bookmarksOf, type Json } from './bookmarks.fixture.js';

const TOKEN = 'a-token-that-is-long-enough';
const OTHER_TOKEN = 'another-token-long-enough';
const KEY = 'a-signing-key-of-length';
const BEARER = { Authorization: `Bearer ${TOKEN}` };
const DAY_MS = 86_400_000;

interface Kept {
  readonly app: TestApp;
  readonly id: string;
  /** As the bookmark names it. */
  readonly link: string;
}

const running: TestApp[] = [];

/** A server with one bookmark. */
async function start(settings: Readonly<Record<string, string>>, dataDir?: string): Promise<Kept> {
  const app = await startTestApp(
    { ENRICHMENT: 'off', ...settings },
    dataDir === undefined ? {} : { dataDir },
  );
  running.push(app);
  const { body } = await ask(app, 'POST', '/api/bookmarks', {
    body: { url: 'https://example.org/' },
    headers: BEARER,
  });
  return { app, id: String(body['id']), link: linkOf(body) };
}

const linkOf = (bookmark: Json): string => (bookmark['image'] as { url: string }).url;
const typeOf = (answer: { headers: Headers }): string | null => answer.headers.get('content-type');

describe('the link to the picture of a bookmark', () => {
  afterEach(async () => {
    for (const app of running.splice(0)) await app.close();
  });

  it('is plain where no token is asked for, and opens', async () => {
    const { app, id, link } = await start({});

    expect(link).toBe(`/api/bookmarks/${id}/image`);
    expect((await ask(app, 'GET', link)).status).toBe(200);
  });

  describe('when tokens are asked for', () => {
    it('opens the picture without a token, in any size, by GET and HEAD', async () => {
      const { app, link } = await start({ API_TOKENS: TOKEN });

      const [whole, small, head] = await Promise.all([
        ask(app, 'GET', link),
        ask(app, 'GET', `${link}&w=40&format=webp`),
        ask(app, 'HEAD', link),
      ]);

      expect([whole.status, small.status, head.status]).toEqual([200, 200, 200]);
      expect(typeOf(small)).toBe('image/webp');
      expect(small.headers.get('cache-control')).toMatch(/^private/);
      expect(small.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    });

    it('comes with every form in which a bookmark is shown', async () => {
      const { app, id, link } = await start({ API_TOKENS: TOKEN });
      const get = async (path: string): Promise<Json> =>
        (await ask(app, 'GET', path, { headers: BEARER })).body;

      const [listed] = bookmarksOf(await get('/api/bookmarks'));
      const [found] = bookmarksOf(await get('/api/bookmarks?q=example'));
      const { changes } = await get('/api/bookmarks?modifiedSince=2020-01-01T00:00:00Z');
      const one = await get(`/api/bookmarks/${id}`);
      const patched = await ask(app, 'PATCH', `/api/bookmarks/${id}`, {
        body: { title: 'x' },
        headers: BEARER,
      });

      const shown = [
        listed,
        found,
        (changes as readonly { bookmark: Json }[])[0]?.bookmark,
        one,
        patched.body,
      ];
      expect(shown.map((bookmark) => linkOf(bookmark as Json))).toEqual(shown.map(() => link));
    });

    it('is asked for, or a token is', async () => {
      const { app, id } = await start({ API_TOKENS: TOKEN });
      const path = `/api/bookmarks/${id}/image`;

      expect(await ask(app, 'GET', path)).toMatchObject({ status: 401, body: { code: 'missing-token' } });
      expect((await ask(app, 'GET', path, { headers: BEARER })).status).toBe(200);
    });

    it('stays shut to what was changed in it', async () => {
      const { app, id, link } = await start({ API_TOKENS: TOKEN });
      const other = await ask(app, 'POST', '/api/bookmarks', {
        body: { url: 'https://example.org/other' },
        headers: BEARER,
      });
      const exp = Number(/exp=(\d+)/.exec(link)?.[1]);
      const sig = /sig=([\w-]+)/.exec(link)?.[1] ?? '';

      const refused = [
        link.replace(id, String(other.body['id'])),
        link.replace(`exp=${exp}`, `exp=${exp + 1}`),
        link.replace(`exp=${exp}&`, ''),
        link.replace('/image', '/IMAGE'),
        `${link}&exp=${exp + 1}`,
        `${link}&sig=${sig}`,
        `/api/bookmarks/${id}/image?exp=${exp}&sig=`,
        `/api/bookmarks/${id}/image?exp=${exp}&sig=${'A'.repeat(sig.length)}`,
      ];

      for (const path of refused) {
        const answer = await ask(app, 'GET', path);
        expect([path, answer.status, answer.body['code']]).toEqual([path, 403, 'invalid-signature']);
      }
    });

    it('ends after one to two days, and is the same all day', async () => {
      const { app, id, link } = await start({ API_TOKENS: TOKEN });
      const lifeMs = Number(/exp=(\d+)/.exec(link)?.[1]) * 1_000 - Date.now();

      expect(lifeMs).toBeGreaterThan(DAY_MS);
      expect(lifeMs).toBeLessThanOrEqual(2 * DAY_MS);
      app.skip(lifeMs - 60_000);
      expect((await ask(app, 'GET', link)).status).toBe(200);
      app.skip(60_000);
      expect(await ask(app, 'GET', link)).toMatchObject({ status: 403, body: { code: 'expired-signature' } });

      const fresh = linkOf((await ask(app, 'GET', `/api/bookmarks/${id}`, { headers: BEARER })).body);
      expect(fresh).not.toBe(link);
      expect((await ask(app, 'GET', fresh)).status).toBe(200);
    });

    it('never answers 304 to a bookmark whose link may have ended', async () => {
      const { app, id } = await start({ API_TOKENS: TOKEN });
      const { headers } = await ask(app, 'GET', `/api/bookmarks/${id}`, { headers: BEARER });

      const again = await ask(app, 'GET', `/api/bookmarks/${id}`, {
        headers: { ...BEARER, 'If-None-Match': headers.get('etag') ?? '' },
      });

      expect(again.status).toBe(200);
    });

    it('opens nothing but that picture', async () => {
      const { app, id, link } = await start({ API_TOKENS: TOKEN });
      const query = link.slice(link.indexOf('?'));
      const routes: readonly (readonly [method: string, path: string])[] = [
        ['GET', `/api/bookmarks/${id}`],
        ['GET', '/api/bookmarks'],
        ['GET', '/api/bookmarks/export'],
        ['GET', '/api/tags'],
        ['GET', '/api/operations'],
        ['PATCH', `/api/bookmarks/${id}`],
        ['DELETE', `/api/bookmarks/${id}`],
        ['POST', `/api/bookmarks/${id}/refresh`],
      ];

      for (const [method, path] of routes) {
        const answer = await ask(app, method, `${path}${query}`);
        expect([method, path, answer.status, answer.body['code']]).toEqual([
          method,
          path,
          401,
          'missing-token',
        ]);
      }
    });

    it('does not mend a wrong token, and does not mind what a proxy asked for', async () => {
      const { app, link } = await start({ API_TOKENS: TOKEN });
      const ofProxy = { Authorization: `Basic ${Buffer.from('me:secret').toString('base64')}` };

      expect(await ask(app, 'GET', link, { headers: { Authorization: 'Bearer wrong' } })).toMatchObject({
        status: 403,
        body: { code: 'invalid-token' },
      });
      expect((await ask(app, 'GET', link, { headers: ofProxy })).status).toBe(200);
    });

    it('holds while tokens are rotated, and ends with the token that made it', async () => {
      const { link, app } = await start({ API_TOKENS: TOKEN });
      const rotated = await start({ API_TOKENS: `${OTHER_TOKEN},${TOKEN}` }, app.dataDir);
      const gone = await startTestApp(
        { ENRICHMENT: 'off', API_TOKENS: OTHER_TOKEN },
        { dataDir: app.dataDir },
      );
      running.push(gone);

      expect((await ask(rotated.app, 'GET', link)).status).toBe(200);
      expect((await ask(gone, 'GET', link)).status).toBe(403);
    });

    it('is made by the key for images where there is one, and is no signature of an image URL', async () => {
      const { app, id, link } = await start({ API_TOKENS: TOKEN, IMAGE_URL_SIGNING_KEY: KEY });
      const expiresAtSeconds = Number(/exp=(\d+)/.exec(link)?.[1]);
      const path = `/api/bookmarks/${id}/image`;

      expect((await ask(app, 'GET', link)).status).toBe(200);
      expect((await ask(app, 'GET', signUrl(path, KEY, { expiresAtSeconds }))).status).toBe(403);
      expect((await ask(app, 'GET', signUrl(path, TOKEN, { expiresAtSeconds }))).status).toBe(403);
    });
  });
});
