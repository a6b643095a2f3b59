import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobGivenUp, JobPostponed } from '../../jobs/index.js';
import type { Bookmark } from '../model/bookmark.js';
import { DAY_MS, EnrichmentRooms, HOUR_MS, MINUTE_MS, SECOND_MS } from './enrichment.fixture.js';
import { HostLines } from './politeness/host-lines.js';

const OG =
  '<meta property="og:title" content="Told by OpenGraph"><meta property="og:description" content="Told">';

describe('EnrichmentService', () => {
  let rooms: EnrichmentRooms;

  beforeEach(async () => {
    rooms = await EnrichmentRooms.start({ PUBLIC_URL: 'https://plimsoll.example' });
  });

  afterEach(async () => {
    expect(rooms.rooms.memory.metrics()).toMatchObject({ reservedBytes: 0, leases: 0 });
    expect(rooms.get(HostLines).snapshot().visiting).toBe(0);
    await rooms.close();
  });

  const now = (): number => rooms.clock.now();

  describe('when a page is read', () => {
    it('keeps what the page says about itself, each value with its source', async () => {
      rooms.page(
        '/a',
        '<html lang="de"><title>A page</title><meta name="description" content="About it">' +
          '<meta property="og:site_name" content="The site"><meta name="author" content="Ada">',
      );
      const { id } = await rooms.create('/a');

      expect(await rooms.enrich(id)).toEqual({ outcome: 'done' });

      const bookmark = await rooms.find(id);
      expect(bookmark).toMatchObject({ title: 'A page', description: 'About it' });
      expect(bookmark.fields).toMatchObject({
        title: { page: 'A page' },
        description: { page: 'About it' },
        author: { page: 'Ada' },
        siteName: { page: 'The site' },
        contentType: { page: 'text/html' },
      });
      expect(bookmark.http).toEqual({ status: 200, checkedAt: now(), failingSince: null, deadSince: null });
      expect(bookmark.enrichment).toEqual({
        state: 'done',
        attempts: 0,
        error: null,
        at: now(),
        refreshAt: now() + 30 * DAY_MS,
      });
    });

    it('replaces its own earlier values by newer ones', async () => {
      rooms.page('/a', '<title>Before</title>');
      const { id } = await rooms.create('/a');
      await rooms.enrich(id);

      rooms.page('/a', '<title>After</title>');
      await rooms.enrich(id);

      expect((await rooms.find(id)).title).toBe('After');
    });

    it('replaces a value by a value only, never by its absence', async () => {
      rooms.page('/a', `<title>A page</title>${OG}<meta property="og:image" content="/p.png">`);
      const { id } = await rooms.create('/a');
      await rooms.enrich(id);
      const before = await rooms.find(id);

      rooms.page('/a', '');
      await rooms.enrich(id);

      const after = await rooms.find(id);
      expect(after.title).toBe('Told by OpenGraph');
      expect(after.fields).toEqual(before.fields);
      expect(after.preview).toEqual(before.preview);
      expect(after.preview.candidates).toHaveLength(1);
    });

    it.each([
      ['Untitled'],
      ['Loading…'],
      ['Just a moment...'],
      ['404 Not Found'],
      ['127.0.0.1'],
      [' &nbsp; '],
    ])('stores no placeholder for a title: %s', async (title) => {
      rooms.page('/a', `<title>${title}</title><meta name="description" content="About it">`);
      const { id } = await rooms.create('/a');

      await rooms.enrich(id);

      expect(await rooms.find(id)).toMatchObject({ title: null, description: 'About it' });
    });

    it('leaves values of a person and of an import alone', async () => {
      rooms.page('/a', `<title>Its own title</title><meta name="description" content="Its own words">`);
      const { id } = await rooms.create('/a', { values: { source: 'user', fields: { title: 'Mine' } } });
      await rooms.store.update(id, () => ({
        values: { source: 'import', fields: { description: 'Imported' } },
        note: 'a note',
        tags: ['kept'],
      }));

      await rooms.enrich(id);

      const bookmark = await rooms.find(id);
      expect(bookmark).toMatchObject({
        title: 'Mine',
        description: 'Imported',
        note: 'a note',
        tags: ['kept'],
      });
      expect(bookmark.fields.title).toEqual({ user: 'Mine', page: 'Its own title' });
      expect(bookmark.fields.description).toEqual({ import: 'Imported', page: 'Its own words' });
    });

    it('writes no new revision when the page says the same again', async () => {
      rooms.page('/a', `${OG}<meta property="og:image" content="/p.png">`);
      const { id } = await rooms.create('/a');
      await rooms.enrich(id);
      const before = await rooms.find(id);
      rooms.clock.advance(HOUR_MS);

      await rooms.enrich(id);

      const after = await rooms.find(id);
      expect(after).toMatchObject({
        revision: before.revision,
        changeSeq: before.changeSeq,
        modifiedAt: before.modifiedAt,
      });
      expect(after.http.checkedAt).toBe(now());
      expect(after.enrichment).toMatchObject({ at: now(), refreshAt: now() + 30 * DAY_MS });
    });

    it('follows redirects and says where the page is', async () => {
      rooms.page('/final', '<title>At last</title><link rel="canonical" href="/canonical">');
      rooms.origin.redirect('/a', '/final');
      const { id, url } = await rooms.create('/a');

      await rooms.enrich(id);

      expect(await rooms.find(id)).toMatchObject({
        url,
        title: 'At last',
        fields: { canonicalUrl: { page: rooms.origin.url('/canonical') } },
      });
    });

    it('drops what it found when the URL was changed meanwhile, and comes again at once', async () => {
      const { id } = await rooms.create('/a');
      rooms.origin.route('/a', (_request, response) => {
        const url = rooms.origin.url('/b');
        rooms.store
          .update(id, () => ({ url: { url, normalisedUrl: url, host: '127.0.0.1' } }))
          .then(
            () => response.end('<title>The old page</title>'),
            () => response.destroy(),
          );
      });
      rooms.page('/b', '<title>The new page</title>');
      const run = rooms.run(id);

      await expect(run.go()).rejects.toMatchObject({ name: 'JobPostponed', runAt: now() });
      expect((await rooms.find(id)).title).toBeNull();
      await run.go();

      expect((await rooms.find(id)).title).toBe('The new page');
    });

    it('has nothing to do for a bookmark that is gone, before or meanwhile', async () => {
      const { id } = await rooms.create('/a');
      rooms.origin.route('/a', (_request, response) => {
        rooms.store.remove(id).then(
          () => response.end('<title>x</title>'),
          () => response.destroy(),
        );
      });

      expect(await rooms.enrich(id)).toEqual({ outcome: 'deleted' });
      expect(await rooms.enrich(id)).toEqual({ outcome: 'deleted' });
      expect(rooms.origin.requests()).toBe(1);
    });

    it.each([
      [
        'a 50 MB page',
        (origin: EnrichmentRooms['origin']) => origin.endless('/a', { 'content-type': 'text/html' }),
      ],
      [
        'NUL bytes',
        (origin: EnrichmentRooms['origin']) =>
          origin.serve('/a', '<title>A\0B\ud800</title>\0\0', { 'content-type': 'text/html' }),
      ],
      [
        'nothing',
        (origin: EnrichmentRooms['origin']) => origin.serve('/a', '', { 'content-type': 'text/html' }),
      ],
    ])('takes %s for what it is', async (_what, serve) => {
      serve(rooms.origin);
      const { id } = await rooms.create('/a');

      expect(await rooms.enrich(id)).toEqual({ outcome: 'done' });
    });
  });

  describe('when the URL is no page', () => {
    it('makes a picture its own preview, and its file name the title only where there is none', async () => {
      rooms.picture('/My%20photo.png', Buffer.from('no pixels'));
      const [untitled, titled] = [
        await rooms.create('/My%20photo.png'),
        await rooms.create('/My%20photo.png?x', { values: { source: 'user', fields: { title: 'Mine' } } }),
      ];

      await rooms.enrich(untitled.id);
      await rooms.enrich(titled.id);

      expect(await rooms.find(untitled.id)).toMatchObject({
        title: 'My photo.png',
        fields: { contentType: { page: 'image/png' } },
        preview: { candidates: [{ kind: 'page', url: untitled.url }] },
        http: { status: 200 },
        enrichment: { state: 'done' },
      });
      expect((await rooms.find(titled.id)).fields.title).toEqual({ user: 'Mine' });
    });

    it('knows a PDF by its type and reads none of it', async () => {
      rooms.origin.endless('/paper.pdf', { 'content-type': 'application/pdf' });
      const { id } = await rooms.create('/paper.pdf');

      await rooms.enrich(id);

      expect(await rooms.find(id)).toMatchObject({
        title: 'paper.pdf',
        preview: { candidates: [], chosen: null },
        fields: { contentType: { page: 'application/pdf' } },
      });
    });

    it('gives way to a real title once there is one', async () => {
      rooms.picture('/a.png', Buffer.from('x'));
      const { id } = await rooms.create('/a.png');
      await rooms.enrich(id);

      rooms.page('/a.png', '<title>A gallery</title>');
      await rooms.enrich(id);

      expect((await rooms.find(id)).title).toBe('A gallery');
    });
  });

  describe('when a wall stands in front of the page', () => {
    it.each([
      [
        'a challenge',
        '<title>Just a moment...</title><script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script>',
      ],
      [
        'a consent page',
        '<title>Before you continue</title></head><body><script src="https://cdn.cookielaw.org/x.js"></script>' +
          '<form action="https://x.example/consent/save"></form>Accept all',
      ],
      [
        'a login page',
        '<title>Sign in | Site</title><meta name="description" content="Members only"></head><body>' +
          'Log in to continue <input type="password">',
      ],
    ])('overwrites nothing with what %s says', async (_what, html) => {
      rooms.page('/a', `${OG}<meta property="og:image" content="/p.png">`);
      const { id } = await rooms.create('/a');
      await rooms.enrich(id);
      const before = await rooms.find(id);

      rooms.page('/login', html);
      rooms.origin.redirect('/a', '/login');
      expect(await rooms.enrich(id)).toEqual({ outcome: 'walled', error: 'origin-refused' });

      const after = await rooms.find(id);
      expect(after.fields).toEqual(before.fields);
      expect(after.preview).toEqual(before.preview);
      expect(after.enrichment).toMatchObject({
        state: 'failed',
        attempts: 1,
        refreshAt: now() + 1.05 * DAY_MS,
      });
      expect(after.http).toMatchObject({ failingSince: null, deadSince: null });
    });

    it('treats a refusal alike: it says nothing about the link', async () => {
      rooms.origin.status('/a', 403);
      const { id } = await rooms.create('/a');

      expect(await rooms.enrich(id)).toEqual({ outcome: 'walled', error: 'origin-refused' });

      expect(await rooms.find(id)).toMatchObject({
        enrichment: { state: 'failed', error: 'origin-refused' },
        http: { status: 403, failingSince: null },
      });
    });
  });

  describe('when the link leads nowhere', () => {
    const fail = async (bookmark: Bookmark): Promise<Bookmark> => {
      await rooms.enrich(bookmark.id);
      return rooms.find(bookmark.id);
    };

    it.each([[404], [410]])('notes a %d and leaves all values alone', async (status) => {
      rooms.page('/a', OG);
      const bookmark = await rooms.create('/a');
      const before = await fail(bookmark);

      rooms.origin.status('/a', status);
      const after = await fail(bookmark);

      expect(after.fields).toEqual(before.fields);
      expect(after.http).toEqual({ status, checkedAt: now(), failingSince: now(), deadSince: null });
      expect(after.enrichment).toMatchObject({ state: 'failed', attempts: 1 });
    });

    it('calls a link dead after two failures two days apart, and alive again at the first success', async () => {
      rooms.origin.status('/a', 404);
      const http = { status: 404, checkedAt: now(), failingSince: now() - 2 * DAY_MS + 1, deadSince: null };
      const bookmark = await rooms.create('/a', { http });
      expect((await fail(bookmark)).http.deadSince).toBeNull();
      rooms.clock.advance(1);

      const dead = await fail(bookmark);

      expect(dead.http).toMatchObject({ failingSince: http.failingSince, deadSince: now() });
      rooms.page('/a', OG);
      expect((await fail(bookmark)).http).toMatchObject({ status: 200, failingSince: null, deadSince: null });
    });
  });

  describe('when the host is not well', () => {
    it('asks the queue to try again, later each time, and gives up after the last attempt', async () => {
      rooms.origin.status('/a', 500);
      const { id } = await rooms.create('/a');
      const waits: (number | undefined)[] = [];
      for (let attempt = 1; attempt < 5; attempt += 1) {
        const error = await rooms.enrich(id).catch((failure: unknown) => failure);
        expect(error).toMatchObject({ code: 'origin-error' });
        waits.push((error as { retryAfterSeconds?: number }).retryAfterSeconds);
        expect((await rooms.find(id)).enrichment).toMatchObject({ state: 'failed', attempts: attempt });
      }

      await expect(rooms.enrich(id)).rejects.toThrow(JobGivenUp);

      expect(waits).toEqual([38, 150, 600, 2_400]);
      expect(await rooms.find(id)).toMatchObject({
        enrichment: { state: 'given-up', attempts: 5, error: 'origin-error' },
        http: { status: 500, failingSince: now(), deadSince: null },
      });
    });

    it('still looks at what was given up, rarely, and takes it up again when it is back', async () => {
      rooms.origin.status('/a', 500);
      const { id } = await rooms.create('/a', {
        enrichment: { state: 'failed', attempts: 4, error: 'origin-error', at: now(), refreshAt: null },
      });
      await expect(rooms.enrich(id)).rejects.toThrow(JobGivenUp);
      expect((await rooms.find(id)).enrichment.refreshAt).toBe(now() + 2 * DAY_MS * 1.05);

      rooms.page('/a', OG);
      await rooms.enrich(id);

      expect(await rooms.find(id)).toMatchObject({
        title: 'Told by OpenGraph',
        enrichment: { state: 'done', attempts: 0, error: null },
      });
    });

    it('makes no new revision of each further failure', async () => {
      rooms.origin.status('/a', 500);
      const { id } = await rooms.create('/a');
      await rooms.enrich(id).catch(() => undefined);
      const before = await rooms.find(id);

      await rooms.enrich(id).catch(() => undefined);

      const after = await rooms.find(id);
      expect(after.enrichment.attempts).toBe(2);
      expect(after.revision).toBe(before.revision);
    });

    it.each([
      ['seconds', '90', 90],
      ['a date', new Date(Date.UTC(2030, 0, 1, 0, 2)).toUTCString(), 120],
      ['a day, which is too much', '86400', 3_600],
    ])('leaves it alone for its Retry-After in %s', async (_what, retryAfter, seconds) => {
      rooms.origin.status('/a', 429, {
        'retry-after': retryAfter,
        date: new Date(Date.UTC(2030, 0, 1)).toUTCString(),
      });
      rooms.page('/b', OG);
      const [a, b] = [await rooms.create('/a'), await rooms.create('/b')];

      await expect(rooms.enrich(a.id)).rejects.toBeInstanceOf(JobPostponed);

      expect((await rooms.find(a.id)).enrichment).toMatchObject({ state: 'failed', attempts: 1 });
      expect((await rooms.find(a.id)).http.failingSince).toBeNull();
      // Who would wait for a quarter of a second only waits here.
      rooms.clock.advance(seconds * SECOND_MS - 251);
      await expect(rooms.enrich(b.id)).rejects.toMatchObject({ name: 'JobPostponed' });
      expect(rooms.origin.requests('/b')).toBe(0);
      rooms.clock.advance(251);
      expect(await rooms.enrich(b.id)).toEqual({ outcome: 'done' });
    });

    it('asks again for a page that failed a moment ago: it has a memory of its own', async () => {
      rooms.origin.status('/a', 404);
      const { id } = await rooms.create('/a');
      await rooms.enrich(id);
      rooms.page('/a', OG);

      await rooms.enrich(id);

      expect((await rooms.find(id)).enrichment.state).toBe('done');
    });

    it('keeps timeout and "not found" apart', async () => {
      rooms.origin.silent('/slow');
      const { id } = await rooms.create('/slow');
      const enriched = rooms.enrich(id).catch((failure: unknown) => failure);
      while (rooms.origin.requests('/slow') === 0) await new Promise((resolve) => setImmediate(resolve));
      await rooms.clock.advanceAsync(MINUTE_MS, SECOND_MS);

      expect(await enriched).toMatchObject({ code: 'origin-timeout' });
      expect((await rooms.find(id)).http.status).toBeNull();
    });
  });

  describe('when this server cannot or must not look', () => {
    it.each([
      ['its own PUBLIC_URL', 'https://plimsoll.example/api/bookmarks'],
      ['a private address', 'http://192.168.1.1/admin'],
    ])('never fetches %s', async (_what, url) => {
      const { id } = await rooms.create(url);

      expect(await rooms.enrich(id)).toEqual({ outcome: 'skipped', error: 'url-not-allowed' });

      expect(await rooms.find(id)).toMatchObject({
        enrichment: { state: 'skipped', error: 'url-not-allowed', refreshAt: null },
        http: { status: null, failingSince: null },
      });
    });

    it.each([
      ['coordinate', 72],
      ['pressure', 82],
    ])('puts the work off at %s, and counts nothing', async (_level, percent) => {
      rooms.page('/a', OG);
      const before = await rooms.create('/a');
      rooms.rooms.sampleAt(percent);
      rooms.rooms.sampleAt(percent);

      const error = await rooms.enrich(before.id).catch((failure: unknown) => failure);

      expect(error).toBeInstanceOf(JobPostponed);
      expect((error as JobPostponed).runAt).toBeGreaterThanOrEqual(now() + 10 * SECOND_MS);
      expect((error as JobPostponed).runAt).toBeLessThan(now() + HOUR_MS);
      expect(await rooms.find(before.id)).toEqual(before);
      expect(rooms.origin.requests()).toBe(0);
      rooms.rooms.readPercent(20);
    });

    it('writes nothing when it is stopped', async () => {
      rooms.origin.silent('/a');
      const before = await rooms.create('/a');
      const run = rooms.run(before.id);
      const going = run.go().catch((failure: unknown) => failure);
      while (rooms.origin.requests('/a') === 0) await new Promise((resolve) => setImmediate(resolve));

      run.controller.abort();

      expect(await going).toMatchObject({ name: 'AbortError' });
      expect(await rooms.find(before.id)).toEqual(before);
    });
  });
});
