import { describe, expect, it } from '@jest/globals';
import type { PreviewCandidate, PreviewKind } from '../../model/bookmark.js';
import type { PageImage } from '../../model/page-facts.js';
import { candidatesOf, replaceCandidates } from './preview-candidates.js';

const url = (name: string): string => `https://a.example/${name}`;

const image = (name: string, from: PageImage['from'], width?: number, height?: number): PageImage => ({
  url: url(name),
  from,
  ...(width === undefined ? {} : { width }),
  ...(height === undefined ? {} : { height }),
});

const candidate = (name: string, kind: PreviewKind): PreviewCandidate => ({ url: url(name), kind });

const names = (candidates: readonly PreviewCandidate[]): string[] =>
  candidates.map((one) => `${one.kind}:${one.url.slice(url('').length)}`);

describe('candidates of a page', () => {
  it('stand in the order in which they are tried', () => {
    const candidates = candidatesOf({
      images: [
        image('body', 'body'),
        image('ld', 'json-ld'),
        image('twitter', 'twitter'),
        image('og-small', 'og', 300, 200),
        image('og-unsaid', 'og'),
        image('og-large', 'og', 1200, 630),
      ],
      icons: [
        { url: url('tab'), rel: 'icon', size: 32 },
        { url: url('touch'), rel: 'apple-touch-icon' },
        { url: url('huge'), rel: 'icon', size: 512 },
        { url: url('drawing'), rel: 'icon', size: 0, type: 'image/svg+xml' },
        { url: url('mask'), rel: 'mask-icon', size: 512 },
        { url: url('manifest'), rel: 'manifest' },
      ],
    });

    expect(names(candidates)).toEqual([
      'page:og-large',
      'page:og-unsaid',
      'page:og-small',
      'page:twitter',
      'json-ld:ld',
      'icon:huge',
      'icon:touch',
      'icon:drawing',
    ]);
  });

  it('leave out what is declared too small to see', () => {
    const images = [image('pixel', 'og', 1, 1), image('line', 'og', 600, 20), image('ok', 'og', 50, 50)];

    expect(names(candidatesOf({ images, icons: [] }))).toEqual(['page:ok']);
  });
});

describe('replaceCandidates', () => {
  it('puts new ones of a kind in place of the old, and leaves the other kinds', () => {
    const before = [candidate('mine', 'user'), candidate('old', 'page'), candidate('asset', 'karakeep')];

    const after = replaceCandidates(before, ['page', 'json-ld', 'icon'], [candidate('new', 'page')]);

    expect(names(after)).toEqual(['user:mine', 'page:new', 'karakeep:asset']);
  });

  it('takes nothing away where nothing was found', () => {
    const before = [candidate('old', 'page'), candidate('icon', 'icon')];

    expect(replaceCandidates(before, ['page', 'json-ld', 'icon'], [])).toEqual(before);
  });

  it('names each picture once, fit to be fetched, and at most twelve', () => {
    const many = (kind: PreviewKind): PreviewCandidate[] =>
      Array.from({ length: 9 }, (_, index) => candidate(`${kind}-${index}`, kind));
    const found = [
      { url: 'HTTPS://A.example/same#top', kind: 'page' },
      { url: 'https://a.example/same', kind: 'page' },
      { url: 'data:image/png;base64,AAAA', kind: 'page' },
      { url: 'https://user:secret@a.example/x', kind: 'page' },
      { url: `https://a.example/${'x'.repeat(5_000)}`, kind: 'page' },
      ...many('page'),
      ...many('json-ld'),
      ...many('icon'),
      ...many('karakeep'),
    ] as const;

    const kept = replaceCandidates([], ['page'], found);

    expect(kept).toHaveLength(12);
    expect(kept[0]?.url).toBe('https://a.example/same');
    expect(kept.map(({ url: kept }) => new URL(kept).protocol)).toEqual(Array(12).fill('https:'));
    expect(kept.filter(({ kind }) => kind === 'karakeep')).toHaveLength(3);
  });
});
