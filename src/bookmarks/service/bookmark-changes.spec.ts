import { describe, expect, it } from '@jest/globals';
import type { Bookmark, PreviewCandidate } from '../model/bookmark.js';
import { changeOf, draftOf } from './bookmark-changes.js';

const picture = (kind: PreviewCandidate['kind']): PreviewCandidate => ({
  url: `https://example.org/${kind}.jpg`,
  kind,
});

const bookmark = (fields: Partial<Bookmark> = {}): Bookmark => ({
  id: 'a',
  url: 'https://example.org/?utm_source=x',
  normalisedUrl: 'https://example.org/',
  host: 'example.org',
  title: 'Mine',
  description: 'Of the page',
  note: null,
  tags: [],
  archived: false,
  favourite: false,
  fields: {
    title: { user: 'Mine', page: 'Page' },
    description: { page: 'Of the page', import: 'Of the file' },
    author: { page: 'Ada', oembed: 'ada' },
  },
  preview: { candidates: [picture('page')], chosen: picture('page') },
  http: { status: 200, checkedAt: 1, failingSince: null, deadSince: null },
  enrichment: { state: 'done', attempts: 0, error: null, at: 1, refreshAt: 2 },
  externalId: null,
  createdAt: 0,
  modifiedAt: 0,
  revision: 1,
  changeSeq: 1,
  ...fields,
});

describe('what a person gives', () => {
  it('becomes a draft with values of their own, without what is empty', () => {
    expect(draftOf({ url: 'https://example.org/a/', title: 'T', description: null, tags: ['x'] })).toEqual({
      url: 'https://example.org/a/',
      normalisedUrl: 'https://example.org/a',
      host: 'example.org',
      source: 'user',
      values: { title: 'T' },
      tags: ['x'],
    });
  });
});

describe('a patch', () => {
  it('sets and takes back values of the person alone', () => {
    const { change, enrich } = changeOf(bookmark(), { title: null, author: 'Me' });

    expect(change).toEqual({ values: { source: 'user', fields: { title: null, author: 'Me' } } });
    expect(enrich).toBe(false);
  });

  it('of another URL forgets what the old page said, keeps people and imports, and looks at the new page', () => {
    const own = picture('user');
    const current = bookmark({ preview: { candidates: [own, picture('page')], chosen: own } });

    const { change, enrich } = changeOf(current, { url: 'https://other.example/' });

    expect(enrich).toBe(true);
    expect(change).toMatchObject({
      url: { normalisedUrl: 'https://other.example/', host: 'other.example' },
      fields: { title: { user: 'Mine' }, description: { import: 'Of the file' }, author: {} },
      preview: { candidates: [own], chosen: own },
      http: { status: null, deadSince: null },
      enrichment: { state: 'pending', refreshAt: null },
    });
  });

  it('of another spelling of the URL changes the spelling only', () => {
    const { change, enrich } = changeOf(bookmark(), { url: 'https://EXAMPLE.org' });

    expect(change).toEqual({
      url: { url: 'https://EXAMPLE.org', normalisedUrl: 'https://example.org/', host: 'example.org' },
    });
    expect(enrich).toBe(false);
  });

  it('with a picture puts it first; without it the page is asked again', () => {
    const { change } = changeOf(bookmark(), { imageUrl: picture('user').url });
    const current = bookmark(change.preview === undefined ? {} : { preview: change.preview });

    const back = changeOf(current, { imageUrl: null });

    expect(current.preview).toEqual({
      candidates: [picture('user'), picture('page')],
      chosen: picture('user'),
    });
    expect(back.change.preview).toEqual({ candidates: [picture('page')], chosen: null });
    expect(back.enrich).toBe(true);
  });
});
