import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Bookmark } from '../../model/bookmark.js';
import { photo } from '../../../../test/support/pictures.js';
import { EnrichmentRooms, SECOND_MS } from '../enrichment.fixture.js';

const LINK = '<link rel="alternate" type="application/json+oembed" href="/oembed?format=json">';

describe('oEmbed', () => {
  let rooms: EnrichmentRooms;

  beforeEach(async () => {
    rooms = await EnrichmentRooms.start();
  });

  afterEach(async () => {
    expect(rooms.rooms.memory.metrics()).toMatchObject({ reservedBytes: 0, leases: 0 });
    await rooms.close();
  });

  const answer = (body: unknown, type = 'application/json'): void => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    rooms.origin.serve('/oembed', text, { 'content-type': type });
  };

  const enriched = async (head = ''): Promise<Bookmark> => {
    rooms.page('/video', LINK + head);
    const { id } = await rooms.create('/video');
    expect(await rooms.enrich(id)).toEqual({ outcome: 'done' });
    return rooms.find(id);
  };

  it('fills what the page leaves open, as a layer below the page', async () => {
    rooms.picture('/thumb.jpg', await photo(480, 360), 'image/jpeg');
    answer({
      type: 'video',
      title: 'Told by oEmbed',
      author_name: 'The author',
      provider_name: 'The provider',
      thumbnail_url: rooms.origin.url('/thumb.jpg'),
      thumbnail_width: 480,
      thumbnail_height: 360,
      html: '<iframe src="https://evil.example"></iframe>',
    });

    const bookmark = await enriched('<title>Told by the page</title>');

    expect(bookmark.fields).toMatchObject({
      title: { page: 'Told by the page', oembed: 'Told by oEmbed' },
      author: { oembed: 'The author' },
      publisher: { oembed: 'The provider' },
    });
    expect(bookmark.title).toBe('Told by the page');
    expect(bookmark.preview.chosen).toEqual({
      url: rooms.origin.url('/thumb.jpg'),
      kind: 'oembed',
      width: 480,
      height: 360,
    });
  });

  it('makes no new revision when it says the same again', async () => {
    answer({ title: 'Told by oEmbed', thumbnail_url: rooms.origin.url('/missing.jpg') });
    const before = await enriched();

    await rooms.enrich(before.id);

    expect(rooms.origin.requests('/oembed')).toBe(2);
    expect((await rooms.find(before.id)).revision).toBe(before.revision);
  });

  it.each([
    ['no JSON', '<html>not found</html>'],
    ['a list', []],
    ['nothing', ''],
    ['numbers for texts', { title: 7, author_name: { a: 1 }, thumbnail_url: 3 }],
    ['a placeholder', { title: 'Untitled' }],
    ['addresses that are none', { thumbnail_url: 'javascript:alert(1)' }],
    ['more than it may', `{"title":"x","html":"${'x'.repeat(200_000)}"}`],
  ])('says nothing with %s', async (_what, body) => {
    answer(body);

    const { title, preview } = await enriched('<meta name="description" content="d">');

    expect(title).toBeNull();
    expect(preview.candidates).toEqual([]);
  });

  it.each([[404], [500]])('changes nothing about the page when it answers %d', async (status) => {
    rooms.origin.status('/oembed', status);

    const { title, enrichment, http } = await enriched('<title>The page</title>');

    expect({ title, enrichment, http }).toMatchObject({
      title: 'The page',
      enrichment: { state: 'done' },
      http: { status: 200, failingSince: null },
    });
  });

  it('is fetched under the same guard as everything', async () => {
    rooms.page(
      '/video',
      '<link rel="alternate" type="application/json+oembed" href="http://10.0.0.1/oembed">',
    );
    const { id } = await rooms.create('/video');

    expect(await rooms.enrich(id)).toEqual({ outcome: 'done' });
  });

  it('waits for the pause of its host without reading the page again', async () => {
    await rooms.close();
    rooms = await EnrichmentRooms.start({ ENRICHMENT_HOST_DELAY_MS: '1s' });
    answer({ title: 'Told by oEmbed' });
    rooms.page('/video', LINK);
    const { id } = await rooms.create('/video');
    const run = rooms.run(id);

    await expect(run.go()).rejects.toMatchObject({ runAt: rooms.clock.now() + SECOND_MS });
    rooms.clock.advance(SECOND_MS);
    await run.go();

    expect(rooms.origin.requests('/video')).toBe(1);
    expect((await rooms.find(id)).title).toBe('Told by oEmbed');
  });
});
