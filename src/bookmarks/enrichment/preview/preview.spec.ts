import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { until } from '../../../../test/support/fetch-harness.js';
import { leaseClassesOf } from '../../../../test/support/lease-classes.js';
import { photo } from '../../../../test/support/pictures.js';
import { PlimsollError } from '../../../errors/index.js';
import { OBJECT_STORE, type ObjectInfo, type ObjectStore } from '../../../object-storage/index.js';
import type { ImageAnswer } from '../../../images/index.js';
import type { Bookmark, PreviewCandidate } from '../../model/bookmark.js';
import { charged, DAY_MS, EnrichmentRooms, MINUTE_MS, SECOND_MS } from '../enrichment.fixture.js';
import { JobPostponed } from '../../../jobs/index.js';
import { HostLines } from '../politeness/host-lines.js';
import { PreviewService } from '../preview-service.js';
import { ASSET_FETCHER, type AssetFetcher } from './asset-fetcher.js';
import { SMALL_PREVIEW } from './picture-check.js';

const PLAIN = {
  dpr: 1,
  fit: 'cover',
  position: 'center',
  format: 'auto',
  flip: false,
  flop: false,
  animated: true,
  enlarge: false,
} as const;

const colour = (side: number, background: object | string): Promise<Buffer> =>
  sharp({ create: { width: side, height: side, channels: 4, background: background as never } })
    .png()
    .toBuffer();

describe('the preview of a bookmark', () => {
  let rooms: EnrichmentRooms;
  let picture: Buffer;
  let asked: string[];
  let asset: () => Promise<Buffer>;

  const assets: AssetFetcher = {
    fetch: (url) => {
      asked.push(url);
      return asset();
    },
  };

  const start = async (environment: Record<string, string> = {}): Promise<void> => {
    rooms = await EnrichmentRooms.start(environment, [{ provide: ASSET_FETCHER, useValue: assets }]);
  };

  beforeEach(async () => {
    picture ??= await photo(600, 400, 'png');
    asked = [];
    asset = () => Promise.reject(new PlimsollError('karakeep-error', 'no'));
    await start();
  });

  afterEach(async () => {
    await rooms.rooms.tasks.settled(MINUTE_MS);
    expect(rooms.rooms.memory.metrics()).toMatchObject({ reservedBytes: 0, leases: 0 });
    await rooms.close();
  });

  const og = (...paths: string[]): string =>
    paths.map((path) => `<meta property="og:image" content="${path}">`).join('');

  const candidate = (path: string, kind: PreviewCandidate['kind']): PreviewCandidate => ({
    url: rooms.origin.url(path),
    kind,
  });

  const enriched = async (head: string, change: object = {}): Promise<Bookmark> => {
    rooms.page('/a', `<title>A page</title>${head}`);
    const { id } = await rooms.create('/a', change);
    await rooms.enrich(id);
    return rooms.find(id);
  };

  const show = (bookmark: Bookmark, parameters: object = {}, accept = 'image/webp'): Promise<ImageAnswer> =>
    rooms.get(PreviewService).get(
      bookmark,
      { ...PLAIN, ...parameters },
      {
        accept,
        clientId: 'a client',
        class: 'interactive',
        signal: new AbortController().signal,
      },
    );

  const bytesOf = async (answer: ImageAnswer): Promise<Buffer> => {
    if (answer.body.kind === 'buffer') return answer.body.buffer;
    const opened = await answer.body.open();
    const chunks: Buffer[] = [];
    for await (const chunk of opened?.stream ?? []) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  };

  const stored = async (prefix: 'originals/' | 'variants/'): Promise<ObjectInfo[]> => {
    await rooms.rooms.tasks.settled(MINUTE_MS);
    const store = rooms.rooms.get(OBJECT_STORE as never) as unknown as ObjectStore;
    const found: ObjectInfo[] = [];
    for await (const info of store.list(prefix)) found.push(info);
    return found;
  };

  describe('is the first candidate that decodes', () => {
    it('and is stored at once, the original and the small variant', async () => {
      rooms.picture('/p.png', picture);

      const bookmark = await enriched(og('/p.png'));

      expect(bookmark.preview.chosen).toEqual(candidate('/p.png', 'page'));
      expect(await stored('originals/')).toMatchObject([{ contentType: 'image/png', bytes: picture.length }]);
      expect(await stored('variants/')).toMatchObject([
        { contentType: 'image/webp', attributes: { width: 480, height: 320 } },
      ]);
      expect(rooms.origin.requests('/p.png')).toBe(1);
      const small = await show(bookmark, SMALL_PREVIEW);
      expect(small.outcome.kind).toBe('store');
      expect(small.variantKey).toBeUndefined();
    });

    it('and takes no room in memory from pictures that somebody has asked for', async () => {
      rooms.picture('/p.png', picture);

      const bookmark = await enriched(og('/p.png'));

      expect(rooms.rooms.memory.metrics().cacheSize).toBe(0);
      await show(bookmark, SMALL_PREVIEW);
      expect(rooms.rooms.memory.metrics().cacheSize).toBe(1);
    });

    it('is made as background work, behind all who wait for an answer, and charged to nobody', async () => {
      rooms.picture('/p.png', picture);
      charged.length = 0;
      const classes = leaseClassesOf(rooms.rooms.memory);

      const bookmark = await enriched(og('/p.png'));

      expect(bookmark.preview.chosen).not.toBeNull();
      expect(new Set(classes)).toEqual(new Set(['background']));
      expect(charged).toEqual([]);
      await show(bookmark, { width: 77 });
      expect(classes.at(-1)).toBe('interactive');
      expect(charged).toEqual(['a client']);
    });

    it('is shown to one who asks while enrichment still waits for memory to make it', async () => {
      rooms.picture('/p.png', picture);
      rooms.page('/a', og('/p.png'));
      const { id } = await rooms.create('/a');
      const { memory } = rooms.rooms;
      const drill = (level: 'coordinate' | 'normal'): void =>
        memory.forceLevel(level, rooms.clock.now() + MINUTE_MS);
      rooms.origin.route('/p.png', (_request, response) => {
        response.writeHead(200, { 'content-type': 'image/png' });
        // From here on background work gets no memory.
        drill('coordinate');
        response.end(picture);
      });
      const enriching = rooms.enrich(id);
      await until(() => memory.metrics().waiting === 1);

      const shown = await show(
        { ...(await rooms.find(id)), preview: { candidates: [], chosen: candidate('/p.png', 'page') } },
        SMALL_PREVIEW,
      );

      expect(shown.facts).toMatchObject({ width: 480, height: 320 });
      expect(memory.metrics().waiting).toBe(1);
      drill('normal');
      await rooms.clock.advanceAsync(SECOND_MS, 100);
      await enriching;
      expect((await rooms.find(id)).preview.chosen).not.toBeNull();
    });

    it.each([
      ['is no image', () => Promise.resolve(Buffer.from('<html>no</html>'))],
      ['is broken', async () => (await photo(600, 400)).subarray(0, 3_000)],
      ['is a tracking pixel', () => colour(1, '#fff')],
      ['is too small to see', () => photo(49, 300, 'png')],
      ['is one colour', () => colour(300, '#336699')],
      ['is transparent', () => colour(300, { r: 255, g: 0, b: 0, alpha: 0 })],
      [
        'has another colour in its noise only',
        () =>
          sharp({
            create: {
              width: 300,
              height: 200,
              channels: 3,
              background: '#808080',
              noise: { type: 'gaussian', mean: 128, sigma: 1 },
            },
          })
            .jpeg()
            .toBuffer(),
      ],
    ])('passing one that %s', async (_what, make) => {
      rooms.picture('/bad', await make());
      rooms.picture('/p.png', picture);

      const { preview } = await enriched(og('/bad', '/p.png'));

      expect(preview.candidates).toHaveLength(2);
      expect(preview.chosen).toEqual(candidate('/p.png', 'page'));
    });

    it.each([
      ['is missing', (path: string) => rooms.origin.status(path, 404)],
      ['fails', (path: string) => rooms.origin.status(path, 500)],
      ['breaks off', (path: string) => rooms.origin.reset(path)],
    ])('passing one whose origin %s', async (_what, serve) => {
      serve('/bad');
      rooms.picture('/p.png', picture);

      expect((await enriched(og('/bad', '/p.png'))).preview.chosen).toEqual(candidate('/p.png', 'page'));
    });

    it('a line of text on one colour included', async () => {
      const text = Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="300"><rect width="600" height="300" fill="#fff"/><rect x="60" y="140" width="300" height="12" fill="#888"/></svg>',
      );
      rooms.picture('/p.png', await sharp(text).png().toBuffer());

      expect((await enriched(og('/p.png'))).preview.chosen).not.toBeNull();
    });

    it('that of a person before all others', async () => {
      rooms.picture('/p.png', picture);
      rooms.picture('/mine.png', picture);
      const mine = candidate('/mine.png', 'user');

      const { preview } = await enriched(og('/p.png'), { preview: { candidates: [mine], chosen: null } });

      expect(preview.candidates).toEqual([mine, candidate('/p.png', 'page')]);
      expect(preview.chosen).toEqual(mine);
    });

    it('a page that is a picture is its own', async () => {
      rooms.picture('/p.png', picture);
      const { id } = await rooms.create('/p.png');

      await rooms.enrich(id);

      expect((await rooms.find(id)).preview.chosen).toEqual(candidate('/p.png', 'page'));
    });

    it('a large icon when the page names no picture', async () => {
      rooms.picture('/icon.png', await photo(180, 180, 'png'));

      const { preview } = await enriched('<link rel="apple-touch-icon" href="/icon.png">');

      expect(preview.chosen).toEqual({ ...candidate('/icon.png', 'icon') });
    });
  });

  describe('is looked for again', () => {
    it('when the page names another picture; the old one stays until the new one decodes', async () => {
      rooms.picture('/p.png', picture);
      const before = await enriched(og('/p.png'));

      rooms.origin.status('/new.png', 500);
      const during = await enriched2(before, og('/new.png'));
      expect(during.preview).toEqual({
        candidates: [candidate('/new.png', 'page')],
        chosen: candidate('/p.png', 'page'),
      });

      rooms.picture('/new.png', await photo(700, 500, 'png'));
      rooms.clock.advance(MINUTE_MS);
      const after = await enriched2(during, og('/new.png'));
      expect(after.preview.chosen).toEqual(candidate('/new.png', 'page'));
    });

    it('not when nothing changed, unless a person forces it', async () => {
      rooms.picture('/p.png', picture);
      const before = await enriched(og('/p.png'));

      await rooms.enrich(before.id);
      expect((await rooms.find(before.id)).revision).toBe(before.revision);
      expect(rooms.origin.requests('/p.png')).toBe(1);

      await rooms.enrich(before.id, { force: true });
      expect((await rooms.find(before.id)).revision).toBe(before.revision);
    });

    const enriched2 = async ({ id }: Bookmark, head: string): Promise<Bookmark> => {
      rooms.page('/a', `<title>A page</title>${head}`);
      await rooms.enrich(id);
      return rooms.find(id);
    };
  });

  describe('when the host of the picture rests', () => {
    it('goes on from there, without reading the page again', async () => {
      await rooms.close();
      await start({ ENRICHMENT_HOST_DELAY_MS: '1s' });
      rooms.picture('/p.png', picture);
      rooms.page('/a', og('/p.png'));
      const { id } = await rooms.create('/a');
      const run = rooms.run(id);

      await expect(run.go()).rejects.toMatchObject({
        name: 'JobPostponed',
        runAt: rooms.clock.now() + SECOND_MS,
      });
      expect((await rooms.find(id)).enrichment.state).toBe('done');
      rooms.clock.advance(SECOND_MS);
      expect(await run.go()).toEqual({ outcome: 'done' });

      expect((await rooms.find(id)).preview.chosen).toEqual(candidate('/p.png', 'page'));
      expect(rooms.origin.requests('/a')).toBe(1);
      expect(rooms.origin.requests('/p.png')).toBe(1);
    });

    it('passes pictures of a host that is broken, but waits for one that is busy', async () => {
      rooms.picture('/p.png', picture);
      const other = `http://localhost:${rooms.origin.port}/x.png`;
      const fault = new PlimsollError('origin-unreachable', 'no');
      const { signal } = new AbortController();
      for (let count = 0; count < 5; count += 1) {
        await rooms
          .get(HostLines)
          .visit(new URL(other).host, () => Promise.reject(fault), { signal })
          .catch(() => undefined);
      }

      const { preview } = await enriched(og(other, '/p.png'));

      expect(preview.chosen).toEqual(candidate('/p.png', 'page'));
      expect(rooms.origin.requests('/x.png')).toBe(0);
    });
  });

  describe('under pressure', () => {
    it('is put off, not given up, and comes when there is memory again', async () => {
      rooms.picture('/p.png', picture);
      rooms.origin.route('/a', (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end(og('/p.png'));
        rooms.rooms.sampleAt(85);
      });
      const { id } = await rooms.create('/a');
      const run = rooms.run(id);

      await expect(run.go()).rejects.toBeInstanceOf(JobPostponed);

      expect((await rooms.find(id)).preview).toEqual({
        candidates: [candidate('/p.png', 'page')],
        chosen: null,
      });
      expect(rooms.origin.requests('/p.png')).toBe(0);
      rooms.rooms.readPercent(20);
      await rooms.clock.advanceAsync(2 * MINUTE_MS, SECOND_MS);
      await run.go();
      expect((await rooms.find(id)).preview.chosen).not.toBeNull();
    });

    it('is refused, never a card, when it would have to be made', async () => {
      const bookmark = await enriched('');
      rooms.rooms.sampleAt(85);

      await expect(show(bookmark)).rejects.toMatchObject({ code: 'memory-pressure' });
      rooms.rooms.readPercent(20);
    });
  });

  describe('of Karakeep', () => {
    const banner: PreviewCandidate = { url: 'https://karakeep.example/api/v1/assets/1', kind: 'karakeep' };
    const withBanner = { preview: { candidates: [banner], chosen: null } };

    it('is fetched through its own fetcher once, and kept', async () => {
      asset = () => photo(640, 480);

      const bookmark = await enriched('', withBanner);

      expect(bookmark.preview.chosen).toEqual(banner);
      const { facts } = await show(bookmark, { width: 100 });
      expect(facts).toMatchObject({ width: 100, height: 75 });
      expect(asked).toEqual([banner.url]);
    });

    it('is fetched again when the store has lost it', async () => {
      asset = () => photo(640, 480);
      const bookmark = await enriched('', withBanner);
      const store = rooms.rooms.get(OBJECT_STORE as never) as unknown as ObjectStore;
      for (const { key } of [...(await stored('originals/')), ...(await stored('variants/'))]) {
        await store.delete(key);
        rooms.rooms.memory.clear();
      }
      rooms.rooms.serverCache.clear();

      expect((await show(bookmark, { width: 100 })).facts).toMatchObject({ width: 100, height: 75 });
      expect(asked).toHaveLength(2);
    });

    it.each([
      ['the server does not give it', () => Promise.reject(new PlimsollError('karakeep-error', 'no'))],
      ['it is no image', () => Promise.resolve(Buffer.from('%PDF-1.7'))],
    ])('gives way to the card when %s', async (_what, make) => {
      asset = make;

      const bookmark = await enriched('', withBanner);

      expect(bookmark.preview.chosen).toBeNull();
      expect((await show(bookmark)).contentType).toBe('image/webp');
    });
  });

  describe('without a picture', () => {
    it('is a card of fixed size, that obeys the image parameters', async () => {
      const bookmark = await enriched('');

      const card = await show(bookmark);
      expect(card).toMatchObject({ contentType: 'image/webp', facts: { width: 1200, height: 630 } });
      const { isOpaque, entropy } = await sharp(await bytesOf(card)).stats();
      expect(isOpaque).toBe(true);
      expect(entropy).toBeGreaterThan(0.1);
      const small = await show(bookmark, { width: 300, height: 300, format: 'jpeg' });
      expect(small).toMatchObject({ contentType: 'image/jpeg', facts: { width: 300, height: 300 } });
      expect((await show(bookmark, {}, 'image/png')).contentType).toBe('image/png');
    });

    it('is the same card twice, from memory, and another one for another title', async () => {
      const bookmark = await enriched('');
      const first = await show(bookmark);

      const again = await show(bookmark);
      const other = await show({ ...bookmark, title: 'Something else' });

      expect(again).toMatchObject({ etag: first.etag, outcome: { kind: 'memory' }, variantKey: undefined });
      expect(other.etag).not.toBe(first.etag);
    });

    it('is a card for an hour, but for a minute only while the page is still to be read', async () => {
      const waiting = await rooms.create('/never');
      const read = await enriched('');
      const leftMs = async (bookmark: Bookmark): Promise<number> =>
        (await show(bookmark)).freshUntil - rooms.clock.now();

      expect(await leftMs(waiting)).toBe(MINUTE_MS);
      expect(await leftMs(read)).toBe(60 * MINUTE_MS);
    });

    it('is a card when the chosen picture is gone from everywhere', async () => {
      const bookmark = await rooms.create('/a', {
        preview: { candidates: [], chosen: candidate('/gone.png', 'page') },
        enrichment: { state: 'done', attempts: 0, error: null, at: 0, refreshAt: DAY_MS },
      });

      expect((await show(bookmark)).facts).toMatchObject({ width: 1200, height: 630 });
    });

    it.each([
      ['markup', '</text><script>alert(1)</script> & "quotes" \'single\' ]]>'],
      ['five thousand characters', 'x'.repeat(5_000)],
      ['no letters', '\u0000\u202e\ud800'],
      ['letters of all the world', '日本語のタイトルがここにあります '.repeat(20)],
    ])('draws a title of %s', async (_what, title) => {
      const bookmark = await enriched('');

      const card = await show({ ...bookmark, title });

      expect(card.facts).toMatchObject({ width: 1200, height: 630 });
    });
  });
});
