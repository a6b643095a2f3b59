import { describe, expect, it } from '@jest/globals';
import { candidateUrl, declaredIcons, guessedIcons, largestSide } from './declared-icons.js';
import { rankCandidates, type IconCandidate } from './icon-candidate.js';
import { manifestIcons } from './manifest-icons.js';

const names = (candidates: readonly IconCandidate[]): string[] =>
  rankCandidates(candidates).map(({ url }) => url.replace('https://a.example/', ''));

const at = (name: string, from: IconCandidate['from'], size?: number): IconCandidate => ({
  url: `https://a.example/${name}`,
  from,
  ...(size === undefined ? {} : { size }),
});

describe('the order of candidates', () => {
  it('is by kind among large ones, then by size; a 16 px icon file comes last', () => {
    expect(
      names([
        at('ico-16', 'ico', 16),
        at('png-32', 'icon', 32),
        at('png-96', 'icon', 96),
        at('png-192', 'icon', 192),
        at('svg', 'svg', 0),
        at('touch', 'apple-touch-icon'),
        at('manifest-192', 'manifest', 192),
        at('manifest-48', 'manifest', 48),
      ]),
    ).toEqual(['manifest-192', 'touch', 'svg', 'png-192', 'png-96', 'manifest-48', 'png-32', 'ico-16']);
  });

  it('prefers what comes near a useful size, and whole marks to those that may be cut', () => {
    expect(
      names([
        at('huge', 'manifest', 4096),
        at('512', 'manifest', 512),
        { ...at('192-cut', 'manifest', 192), maskable: true },
        at('192', 'manifest', 192),
      ]),
    ).toEqual(['192', '512', '192-cut', 'huge']);
  });

  it('tries the usual places after what is large by its own word and before what is small', () => {
    const guesses = guessedIcons('https://a.example/deep/page.html');

    expect(names([...guesses, at('png-16', 'icon', 16), at('png-128', 'icon', 128)])).toEqual([
      'png-128',
      'apple-touch-icon.png',
      'favicon.ico',
      'png-16',
    ]);
  });

  it('holds each address once, at most eight, and the usual places among them', () => {
    const many = Array.from({ length: 50 }, (_, index) => at(`icon-${index % 25}`, 'icon', 200));
    const ranked = names([...many, ...guessedIcons('https://a.example/')]);

    expect(ranked).toHaveLength(8);
    expect(new Set(ranked).size).toBe(8);
    expect(ranked.slice(-2)).toEqual(['apple-touch-icon.png', 'favicon.ico']);
  });
});

describe('declared icons', () => {
  it('are named by what they are; drawings only where they may be shown', () => {
    const icons = [
      { url: 'https://a.example/i.svg', rel: 'icon' as const, size: 0 },
      { url: 'https://a.example/i.ico', rel: 'icon' as const, size: 0 },
      { url: 'https://a.example/p', rel: 'icon' as const, type: 'image/svg+xml' },
      { url: 'https://a.example/t.png', rel: 'apple-touch-icon' as const, size: 152 },
      { url: 'https://a.example/m.svg', rel: 'mask-icon' as const },
      { url: 'https://a.example/m.json', rel: 'manifest' as const },
    ];

    expect(declaredIcons(icons, true).map(({ from, size }) => [from, size])).toEqual([
      ['svg', 0],
      ['ico', undefined],
      ['svg', undefined],
      ['apple-touch-icon', 152],
      ['mask-icon', undefined],
    ]);
    expect(declaredIcons(icons, false).map(({ from }) => from)).toEqual(['ico', 'apple-touch-icon']);
  });

  it.each([
    ['16x16 32x32 48X48', 48],
    ['any', 0],
    ['192x100', 100],
    ['', undefined],
    ['large', undefined],
    ['0x0', undefined],
    ['999999x999999', undefined],
  ])('sizes %j mean %p', (sizes, side) => {
    expect(largestSide(sizes)).toBe(side);
  });

  it.each([
    ['javascript:alert(1)', undefined],
    ['data:image/png;base64,AAAA', undefined],
    ['ftp://a.example/x', undefined],
    ['http://[', undefined],
    ['', undefined],
    ['x'.repeat(5_000), undefined],
    [' /i.png#part ', 'https://a.example/i.png'],
    ['//b.example/i.png?v=1', 'https://b.example/i.png?v=1'],
  ])('reference %j becomes %p', (reference, url) => {
    expect(candidateUrl(reference, 'https://a.example/dir/')).toBe(url);
  });
});

describe('icons of a web app manifest', () => {
  it('are resolved against it; stencils and what is malformed are passed over', () => {
    const text = JSON.stringify({
      icons: [
        { src: 'a.png', sizes: '192x192 512x512' },
        { src: '../b.png', sizes: '64x64', purpose: 'maskable' },
        { src: 'c.png', purpose: 'monochrome' },
        { src: 'd.svg', sizes: 'any', type: 'image/svg+xml', purpose: 'any maskable' },
        { src: 5 },
        null,
        'text',
        { src: 'data:image/png;base64,AAAA' },
      ],
    });

    expect(manifestIcons(text, 'https://a.example/app/m.json', true)).toEqual([
      { url: 'https://a.example/app/a.png', from: 'manifest', maskable: false, size: 512 },
      { url: 'https://a.example/b.png', from: 'manifest', maskable: true, size: 64 },
      { url: 'https://a.example/app/d.svg', from: 'manifest', maskable: false, size: 0 },
    ]);
    expect(manifestIcons(text, 'https://a.example/app/m.json', false)).toHaveLength(2);
  });

  it.each(['', '{', 'null', '[]', '{"icons":{}}', '{"icons":"x"}', '<html>', '\ufeff{"icons":[]}'])(
    'of %j there are none',
    (text) => {
      expect(manifestIcons(text, 'https://a.example/', true)).toEqual([]);
    },
  );

  it('are looked at up to a bound', () => {
    const icons = Array.from({ length: 1_000 }, (_, index) => ({ src: `${index}.png` }));
    expect(manifestIcons(JSON.stringify({ icons }), 'https://a.example/', true)).toHaveLength(32);
  });
});
