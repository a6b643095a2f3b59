import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { signUrl } from '../../src/http/index.js';
import { OriginServer } from '../support/origin-server.js';
import { photo } from '../support/pictures.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const KEY = 'the-key-in-use-of-this-server';
const OLD_KEY = 'the-key-that-is-rotated-out';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly code: string | undefined;
  readonly cacheStatus: string | null;
}

describe('signed image URLs', () => {
  let origin: OriginServer;
  let app: TestApp;
  let uploadId: string;
  let otherId: string;
  /** What the test has skipped so far: the server's clock is ahead by it. */
  let skippedMs = 0;

  beforeAll(async () => {
    origin = await new OriginServer().start();
    const picture = await photo(200, 150);
    for (const path of ['/a', '/b', '/metadata', '/memory', '/not-modified', '/lifetime', '/clock']) {
      origin.serve(path, picture, { 'cache-control': 'max-age=86400' });
    }
    app = await startTestApp({
      FETCH_ALLOWED_HOSTS: origin.host,
      IMAGE_URL_SIGNING_KEY: `${KEY},${OLD_KEY}`,
    });
    [uploadId, otherId] = await Promise.all([upload(picture), upload(picture)]);
  });

  afterAll(async () => {
    await app.close();
    await origin.close();
  });

  const upload = async (picture: Buffer): Promise<string> => {
    const response = await fetch(`${app.url}/api/images`, {
      method: 'POST',
      body: new Uint8Array(picture),
      headers: { 'content-type': 'image/jpeg' },
    });
    return ((await response.json()) as { id: string }).id;
  };

  const target = (path: string, query: Record<string, string> = {}): string =>
    `/api/images?${new URLSearchParams({ url: origin.url(path), w: '50', format: 'webp', ...query })}`;

  const ask = async (pathAndQuery: string, headers: Record<string, string> = {}): Promise<Answer> => {
    const response = await fetch(`${app.url}${pathAndQuery}`, { headers });
    const body = Buffer.from(await response.arrayBuffer()).toString('latin1');
    const isProblem = response.headers.get('content-type')?.includes('problem+json') === true;
    return {
      status: response.status,
      headers: response.headers,
      code: isProblem ? (JSON.parse(body) as { code: string }).code : undefined,
      cacheStatus: response.headers.get('cache-status'),
    };
  };

  const expectRefusal = async (pathAndQuery: string, status: number, code: string): Promise<void> => {
    const answer = await ask(pathAndQuery);
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  };

  /** Epoch seconds, `seconds` from the server's now. */
  const expiry = (seconds: number): number => Math.floor((Date.now() + skippedMs) / 1_000) + seconds;
  const skip = (ms: number): void => {
    skippedMs += ms;
    app.skip(ms);
  };

  it('serves what is signed, with the key in use and with the one that is rotated out', async () => {
    const answers = [await ask(signUrl(target('/a'), KEY)), await ask(signUrl(target('/b'), OLD_KEY))];

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  it('refuses unsigned URLs without asking the origin', async () => {
    await expectRefusal(target('/unsigned'), 401, 'missing-signature');

    expect(origin.requests('/unsigned')).toBe(0);
  });

  it('asks for a signature of every image read, and of nothing else', async () => {
    const query = new URLSearchParams({ url: origin.url('/metadata') });
    const reads = [
      `/api/images/metadata?${query}`,
      `/api/images/placeholder?${query}`,
      `/api/images/${uploadId}?w=50`,
      `/api/images/${uploadId}/metadata`,
      `/api/images/${uploadId}/placeholder`,
    ];

    for (const read of reads) await expectRefusal(read, 401, 'missing-signature');
    const signed = await Promise.all(reads.map((read) => ask(signUrl(read, KEY))));
    expect(signed.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect((await ask('/api/health/live')).status).toBe(200);
  });

  it.each([
    ['another parameter value', (url: string) => url.replace('w=50', 'w=51')],
    ['an added parameter', (url: string) => `${url}&q=10`],
    ['a dropped parameter', (url: string) => url.replace('&format=webp', '')],
    ['another source', (url: string) => url.replace('%2Fa', '%2Fb')],
    ['another spelling of the source', (url: string) => url.replace('%2Fa', '/a')],
    ['an added expiry', (url: string) => `${url}&exp=9999999999`],
    [
      'a changed signature',
      (url: string) => url.replace(/sig=./, (part) => (part === 'sig=A' ? 'sig=B' : 'sig=A')),
    ],
    ['a cut signature', (url: string) => url.slice(0, -1)],
    ['an empty signature', (url: string) => url.replace(/sig=.*/, 'sig=')],
    ['a second signature', (url: string) => `${url}&${/sig=.*/.exec(url)?.[0] ?? ''}`],
  ])('refuses %s', async (_what, tamper) => {
    const signed = signUrl(target('/a'), KEY);
    expect((await ask(signed)).status).toBe(200);

    await expectRefusal(tamper(signed), 403, 'invalid-signature');
  });

  it('refuses a signature of a key that it does not know', async () => {
    await expectRefusal(signUrl(target('/a'), 'some-other-key-of-length'), 403, 'invalid-signature');
  });

  it('covers the path: neither another upload nor another route can be read with the same signature', async () => {
    const query = signUrl(`/api/images/${uploadId}?w=40`, KEY).split('?', 2)[1] ?? '';

    expect((await ask(`/api/images/${uploadId}?${query}`)).status).toBe(200);
    await expectRefusal(`/api/images/${otherId}?${query}`, 403, 'invalid-signature');
    await expectRefusal(`/api/images/${uploadId}/metadata?${query}`, 403, 'invalid-signature');
  });

  describe('with an expiry', () => {
    it('refuses an expired URL, and one whose expiry was moved', async () => {
      const expired = signUrl(target('/a'), KEY, { expiresAtSeconds: expiry(-1) });

      await expectRefusal(expired, 403, 'expired-signature');
      await expectRefusal(expired.replace(/exp=\d+/, `exp=${expiry(60)}`), 403, 'invalid-signature');
    });

    it('stops answering from memory when the URL expires', async () => {
      const signed = signUrl(target('/memory'), KEY, { expiresAtSeconds: expiry(60) });

      await ask(signed);
      const hit = await ask(signed);
      skip(61_000);

      expect([hit.status, hit.cacheStatus]).toEqual([200, 'plimsoll; hit; detail=memory']);
      await expectRefusal(signed, 403, 'expired-signature');
      // The picture itself is still there, for whom it is signed anew.
      const renewed = await ask(signUrl(target('/memory'), KEY, { expiresAtSeconds: expiry(60) }));
      expect(renewed.cacheStatus).toBe('plimsoll; hit; detail=memory');
    });

    it('tells nobody by 304 that an expired URL is unchanged', async () => {
      const signed = signUrl(target('/not-modified'), KEY, { expiresAtSeconds: expiry(60) });
      await ask(signed);
      const tag = { 'if-none-match': (await ask(signed)).headers.get('etag') ?? '' };

      const before = await ask(signed, tag);
      skip(61_000);
      const after = await ask(signed, tag);

      expect(before.status).toBe(304);
      expect([after.status, after.code]).toEqual([403, 'expired-signature']);
    });

    it.each([
      ['a remote picture', () => target('/lifetime')],
      ['an upload', () => `/api/images/${uploadId}?w=30`],
      ['metadata', () => `/api/images/${uploadId}/metadata`],
      ['an original', () => `/api/images/${uploadId}?format=original`],
      ['JSON', () => `/api/images/${uploadId}?w=30&delivery=json`],
    ])('lets %s be kept no longer than the URL is good for', async (_what, url) => {
      const signed = signUrl(url(), KEY, { expiresAtSeconds: expiry(120) });

      const made = await ask(signed);
      const again = await ask(signed);
      skip(100_000);
      const late = await ask(signed);

      for (const [answer, most] of [
        [made, 120],
        [again, 120],
        [late, 20],
      ] as const) {
        const cacheControl = answer.headers.get('cache-control') ?? '';
        expect(answer.status).toBe(200);
        // Nothing that lets a cache go on after it, such as stale-while-revalidate.
        expect(cacheControl).toMatch(/^public, max-age=\d+$/);
        expect(Number(cacheControl.split('=')[1])).toBeLessThanOrEqual(most);
      }
    });

    it('keeps an answer longer that is signed without an end', async () => {
      const answer = await ask(signUrl(target('/clock'), KEY));

      expect(answer.headers.get('cache-control')).toMatch(
        /^public, max-age=86\d{3}, stale-while-revalidate=/,
      );
    });
  });
});
