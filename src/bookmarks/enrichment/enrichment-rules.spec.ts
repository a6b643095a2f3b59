import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { photo } from '../../../test/support/pictures.js';
import { EVENT_NAMES } from '../../events/index.js';
import { RemoteFetcher } from '../../remote-fetch/index.js';
import type { Bookmark } from '../model/bookmark.js';
import { normaliseBookmarkUrl } from '../normalise/normalise-bookmark-url.js';
import { EnrichmentRooms, MINUTE_MS, SECOND_MS } from './enrichment.fixture.js';
import { HostLines } from './politeness/host-lines.js';

/** Rules 10 to 13 of the design, section 10: each comes from a real loss. */
describe('what enrichment never does again', () => {
  let rooms: EnrichmentRooms;
  /** The same origin under another host: what is known of one says nothing about the other. */
  let otherHost: string;

  const start = async (environment: Record<string, string> = {}): Promise<void> => {
    rooms = await EnrichmentRooms.start(environment);
    otherHost = `localhost:${rooms.origin.port}`;
  };

  beforeEach(() => start());

  afterEach(async () => {
    await rooms.rooms.tasks.settled(MINUTE_MS);
    expect(rooms.rooms.memory.metrics()).toMatchObject({ reservedBytes: 0, leases: 0 });
    await rooms.close();
  });

  const enriched = async (bookmark: Bookmark): Promise<Bookmark> => {
    await rooms.enrich(bookmark.id);
    return rooms.find(bookmark.id);
  };

  const failing = async (id: string): Promise<unknown> => rooms.enrich(id).catch((error: unknown) => error);

  describe('rule 10: a column is replaced by a value only, never by null', () => {
    const FULL =
      '<title>A page</title><meta name="description" content="About it"><meta name="author" content="Ada">' +
      '<meta property="og:site_name" content="The site"><meta property="og:image" content="/p.png">' +
      '<meta property="article:published_time" content="2026-01-02T03:04:05Z">' +
      '<link rel="alternate" type="application/json+oembed" href="/oembed">';

    let before: Bookmark;

    beforeEach(async () => {
      rooms.picture('/p.png', await photo(300, 200, 'png'));
      rooms.origin.serve('/oembed', '{"title":"Told","author_name":"Bo","thumbnail_url":"/t.png"}', {
        'content-type': 'application/json',
      });
      rooms.page('/a', FULL);
      before = await enriched(await rooms.create('/a'));
      expect(before.preview.chosen).not.toBeNull();
      expect(Object.keys(before.fields).length).toBeGreaterThanOrEqual(6);
    });

    it.each([
      ['names no field any more', ''],
      [
        'names every field with nothing in it',
        '<title></title><meta name="description" content=""><meta name="author" content=" ">' +
          '<meta property="og:site_name" content="&nbsp;"><meta property="og:image" content="">',
      ],
      [
        'says null where there was a value',
        '<script type="application/ld+json">{"@type":"Article","headline":null,"description":null,"author":null,' +
          '"image":null,"datePublished":null}</script>',
      ],
      [
        'writes null and undefined as words',
        '<title>undefined</title><meta property="og:title" content="null">' +
          '<meta name="description" content="null"><meta name="author" content="undefined">',
      ],
    ])('by a page that %s', async (_what, head) => {
      rooms.page('/a', head);

      const after = await enriched(before);

      expect(after.fields).toEqual(before.fields);
      expect(after.preview).toEqual(before.preview);
      expect(after.enrichment.state).toBe('done');
    });

    it('by an oEmbed description that says null, or leaves it out: the two are the same', async () => {
      for (const json of ['{"title":null,"author_name":null,"thumbnail_url":null}', '{}', 'null', '[]', '']) {
        rooms.origin.serve('/oembed', json, { 'content-type': 'application/json' });

        const after = await enriched(before);

        expect(after.fields).toEqual(before.fields);
        expect(after.preview).toEqual(before.preview);
      }
    });

    it.each([
      ['is gone', () => rooms.origin.status('/a', 404)],
      ['is refused', () => rooms.origin.status('/a', 403)],
      ['fails', () => rooms.origin.status('/a', 500)],
      ['breaks off', () => rooms.origin.reset('/a')],
      ['is a file by now', () => rooms.origin.serve('/a', 'x', { 'content-type': 'application/pdf' })],
      ['is a challenge by now', () => rooms.page('/a', '<title>Just a moment...</title>')],
    ])('by a page that %s', async (_what, serve) => {
      serve();

      await failing(before.id);

      const after = await rooms.find(before.id);
      const { contentType: _type, ...fields } = after.fields;
      const { contentType: _before, ...fieldsBefore } = before.fields;
      expect(fields).toEqual(fieldsBefore);
      expect(after.preview).toEqual(before.preview);
    });

    it('and a preview stays although its picture is gone', async () => {
      rooms.origin.status('/p.png', 404);

      await rooms.enrich(before.id, { force: true });

      expect((await rooms.find(before.id)).preview).toEqual(before.preview);
    });

    it.each([['Loading…'], ['React App'], ['404 Not Found'], ['{{ title }}'], ['127.0.0.1'], ['null']])(
      'and the placeholder "%s" is never stored as a title, whoever says it',
      async (title) => {
        rooms.origin.serve('/only-oembed', JSON.stringify({ title }), { 'content-type': 'application/json' });
        rooms.page(
          '/b',
          `<title>${title}</title><meta property="og:title" content="${title}">` +
            `<script type="application/ld+json">${JSON.stringify({ '@type': 'Article', headline: title })}</script>` +
            '<link rel="alternate" type="application/json+oembed" href="/only-oembed">',
        );

        expect((await enriched(await rooms.create('/b'))).title).toBeNull();
      },
    );
  });

  describe('rule 11: breakers, politeness and failure memory are per host', () => {
    const failOften = async (host: string, times: number): Promise<void> => {
      for (let count = 0; count < times; count += 1) {
        const { id } = await rooms.create(`http://${host}/down?${count}`);
        await failing(id);
      }
    };

    beforeEach(() => {
      rooms.origin.status('/down', 500);
      rooms.page('/up', '<title>Up</title>');
    });

    it('the exact host: neither part of its name nor its other ports pay for it', async () => {
      const hosts = rooms.get(HostLines);
      const { signal } = new AbortController();
      for (const host of ['x.com', 'netflix.com', 'www.x.com', 'x.com:8443', 'x.com.example']) {
        expect(hosts.rest(host)).toBeNull();
        await hosts.visit(host, () => Promise.resolve(), { signal });
      }
      await failOften(rooms.origin.host, 5);

      expect(hosts.rest(rooms.origin.host)).toBe('broken');
      expect(hosts.rest(otherHost)).toBeNull();
      expect((await enriched(await rooms.create(`http://${otherHost}/up`))).title).toBe('Up');
    });

    it('the host that failed, not the one whose redirect led there', async () => {
      for (let count = 0; count < 5; count += 1) {
        rooms.origin.redirect(`/to/${count}`, `http://${otherHost}/down?${count}`);
        const { id } = await rooms.create(`/to/${count}`);
        expect(await failing(id)).toMatchObject({ code: 'origin-error' });
      }

      expect(rooms.get(HostLines).rest(otherHost)).toBe('broken');
      expect((await enriched(await rooms.create('/up'))).title).toBe('Up');
    });

    it('a check consumes no quota', async () => {
      const hosts = rooms.get(HostLines);
      await failOften(rooms.origin.host, 5);
      rooms.clock.advance(MINUTE_MS + 15 * SECOND_MS);
      const before = hosts.snapshot();

      for (let count = 0; count < 1_000; count += 1) expect(hosts.rest(rooms.origin.host)).toBeNull();

      expect(hosts.snapshot()).toEqual(before);
      // The one probe that its break leaves room for is still to be had.
      expect((await enriched(await rooms.create('/up'))).title).toBe('Up');
    });

    it('a success forgets', async () => {
      for (let round = 0; round < 3; round += 1) {
        await failOften(rooms.origin.host, 4);
        expect((await enriched(await rooms.create(`/up?${round}`))).title).toBe('Up');
      }

      expect(rooms.get(HostLines).rest(rooms.origin.host)).toBeNull();
    });

    it('a failure that is remembered is one of its own URL', async () => {
      rooms.picture('/p.png', await photo(300, 200, 'png'));
      rooms.origin.status('/gone.png', 404);
      rooms.page('/a', '<meta property="og:image" content="/gone.png">');
      rooms.page('/b', '<meta property="og:image" content="/p.png">');

      expect((await enriched(await rooms.create('/a'))).preview.chosen).toBeNull();

      expect((await enriched(await rooms.create('/b'))).preview.chosen).not.toBeNull();
    });
  });

  describe('rule 12: the query belongs to the identity of a URL', () => {
    it('two videos of one path are two pages, each with its own title and picture', async () => {
      rooms.origin.route('/watch', (request, response) => {
        const video = new URL(request.url ?? '', 'http://x').searchParams.get('v');
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end(`<title>Video ${video}</title><meta property="og:image" content="/still?v=${video}">`);
      });
      const stills = { a: await photo(300, 200, 'png'), b: await photo(200, 300, 'png') };
      rooms.origin.route('/still', (request, response) => {
        const still = request.url?.endsWith('=a') === true ? stills.a : stills.b;
        response.writeHead(200, { 'content-type': 'image/png' }).end(still);
      });

      const a = await enriched(await rooms.create('/watch?v=a'));
      const b = await enriched(await rooms.create('/watch?v=b'));

      expect([a.title, b.title]).toEqual(['Video a', 'Video b']);
      expect([a.preview.chosen?.url, b.preview.chosen?.url]).toEqual([
        rooms.origin.url('/still?v=a'),
        rooms.origin.url('/still?v=b'),
      ]);
      expect(normaliseBookmarkUrl(a.url).normalisedUrl).not.toBe(normaliseBookmarkUrl(b.url).normalisedUrl);
    });

    it('apart from parameters that only track', () => {
      const identity = (url: string): string => normaliseBookmarkUrl(url).normalisedUrl;

      expect(identity('https://quay.example/watch?v=a&utm_source=x&fbclid=y')).toBe(
        identity('https://quay.example/watch?v=a'),
      );
    });

    it('and reaches the origin as it was given: encoded once stays encoded once', async () => {
      const asked: string[] = [];
      rooms.origin.route('/a', (request, response) => {
        asked.push(request.url ?? '');
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end('<meta property="og:image" content="/p.png?x=1%2526y&amp;z=%20">');
      });
      rooms.origin.route('/p.png', (request, response) => {
        asked.push(request.url ?? '');
        response.writeHead(404).end();
      });

      await rooms.enrich((await rooms.create('/a?q=100%2525&plus=a+b&utm_source=x')).id);

      expect(asked).toEqual(['/a?q=100%2525&plus=a+b&utm_source=x', '/p.png?x=1%2526y&z=%20']);
    });
  });

  describe('rule 13: URLs are redacted, and its own are not fetched', () => {
    const SECRET = 'T0PSECRET';

    it('in logs, operations, events, metrics and errors no query is seen', async () => {
      const seen: unknown[] = [];
      const write = (...words: unknown[]): void => void seen.push(words);
      Logger.overrideLogger({
        log: write,
        error: write,
        warn: write,
        debug: write,
        verbose: write,
        fatal: write,
      });
      try {
        for (const name of EVENT_NAMES) rooms.rooms.emitter.on(name, (payload) => seen.push(payload));
        rooms.picture('/p.png', await photo(300, 200, 'png'));
        rooms.page(
          '/a',
          `<title>A page</title><meta property="og:image" content="/broken.png?sig=${SECRET}">` +
            `<meta property="og:image" content="/p.png?sig=${SECRET}">` +
            `<link rel="alternate" type="application/json+oembed" href="/oembed?key=${SECRET}">`,
        );
        rooms.origin.status('/broken.png', 500).status('/oembed', 500);
        rooms.origin.status('/down', 500).reset('/reset');
        rooms.origin.redirect('/away', `http://192.168.1.1/?token=${SECRET}`);
        rooms.origin.redirect('/loop', `/loop?token=${SECRET}`);
        const run = rooms.run((await rooms.create(`/a?token=${SECRET}`)).id);
        await run.go();
        for (const path of ['/down', '/reset', '/away', '/loop', '/nothing']) {
          const error = await failing((await rooms.create(`${path}?token=${SECRET}`)).id);
          seen.push(
            error instanceof Error ? { ...error, message: error.message, stack: error.stack } : error,
          );
        }
        rooms.rooms.sampleAt(85);
        rooms.rooms.readPercent(20);
        seen.push(
          rooms.rooms.operations.list(),
          rooms.rooms.operations.snapshot(),
          rooms.rooms.memory.snapshot(),
          rooms.rooms.tasks.snapshot(),
          rooms.get(RemoteFetcher).snapshot(),
          rooms.get(HostLines).snapshot(),
        );
      } finally {
        Logger.overrideLogger(false);
      }

      const told = seen.map((item) => inspect(item, { depth: 8 })).join('\n');
      expect(told).toContain('bookmark.page');
      expect(told).toContain(`${rooms.origin.host}/a`);
      expect(told).not.toContain(SECRET);
    });

    it('neither as a page, nor through a redirect, a picture, or a description', async () => {
      await rooms.close();
      // Chosen before the origin has a port: the host alone tells, on the usual ports.
      await start({ PUBLIC_URL: 'http://plimsoll.test' });
      rooms.page(
        '/a',
        '<title>A page</title><meta property="og:image" content="http://plimsoll.test/api/images?url=x">' +
          '<link rel="alternate" type="application/json+oembed" href="https://plimsoll.test/api/oembed">',
      );
      rooms.origin.redirect('/away', 'http://plimsoll.test/api/bookmarks');
      const own = await rooms.create('https://plimsoll.test/api/bookmarks?limit=100');
      const away = await rooms.create('/away');

      expect(await rooms.enrich(own.id)).toEqual({ outcome: 'skipped', error: 'url-not-allowed' });
      expect(await rooms.enrich(away.id)).toEqual({ outcome: 'skipped', error: 'url-not-allowed' });
      const page = await enriched(await rooms.create('/a'));

      expect(page).toMatchObject({ title: 'A page', preview: { chosen: null } });
      expect(rooms.get(RemoteFetcher).snapshot().failedByCode['url-not-allowed']).toBeGreaterThanOrEqual(3);
      expect(rooms.get(RemoteFetcher).snapshot().failedByCode['origin-unreachable']).toBeUndefined();
    });
  });
});
