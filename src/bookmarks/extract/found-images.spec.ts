import { describe, expect, it } from '@jest/globals';
import { FoundImages } from './found-images.js';
import { resolvePageUrl } from './page-url.js';
import { cleanText } from './page-text.js';

describe('FoundImages', () => {
  const read = (...pairs: readonly (readonly [string, string])[]): readonly object[] => {
    const images = new FoundImages();
    for (const [part, value] of pairs) images.add(part, value);
    return images.all;
  };

  it('begins a picture at each og:image and describes the last one', () => {
    expect(read(['', 'a'], ['width', '10'], ['', 'b'], ['height', '20px'], ['type', 'image/PNG'])).toEqual([
      { url: 'a', width: 10 },
      { url: 'b', height: 20, type: 'image/png' },
    ]);
  });

  it('takes :url and :secure_url for names of the same picture', () => {
    expect(read(['', 'http://a'], ['url', 'http://a'], ['secure_url', 'https://a'])).toEqual([
      { url: 'http://a', secureUrl: 'https://a' },
    ]);
    expect(read(['url', 'a'], ['url', 'b'])).toEqual([{ url: 'a' }, { url: 'b' }]);
    expect(read(['secure_url', 'a'], ['', 'b'])).toEqual([{ secureUrl: 'a', url: 'b' }]);
  });

  it('keeps what stands before its picture, and nothing that is no size', () => {
    expect(read(['width', '10'], ['', 'a'], ['height', 'auto'], ['type', '<b>'], ['alt', 'x'])).toEqual([
      { url: 'a', width: 10 },
    ]);
    expect(read(['width', '10'])).toEqual([]);
  });

  it('keeps a bounded number', () => {
    expect(read(...Array.from({ length: 500 }, (_, index) => ['', `${index}`] as const))).toHaveLength(12);
  });
});

describe('resolvePageUrl', () => {
  it.each([
    ['/a b', 'https://p.example/a%20b'],
    [' //c.example/x ', 'https://c.example/x'],
    ['HTTP://C.example', 'http://c.example/'],
    ['?q=1', 'https://p.example/d/e?q=1'],
    ['\u0000javascript:x', undefined],
    ['javascript:alert(1)', undefined],
    ['data:image/png;base64,AA', undefined],
    ['https://u:p@c.example/', undefined],
    ['https://', undefined],
    ['null', undefined],
    ['{{ image }}', undefined],
    ['https://c.example/[object Object]', undefined],
    ['x'.repeat(5_000), undefined],
    ['', undefined],
    [undefined, undefined],
  ])('resolves %j to %j', (raw, expected) => {
    expect(resolvePageUrl(raw, 'https://p.example/d/e')).toBe(expected);
  });
});

describe('cleanText', () => {
  it.each([
    ['  a \n\t b\u00a0c ', 100, 'a b c'],
    ['a\0b\u0007c\u0085d\ufeff', 100, 'abcd'],
    ['x\ud800y\udc00z🚢', 100, 'xyz🚢'],
    ['🚢🚢', 3, '🚢'],
    ['ab cd', 3, 'ab'],
    [' \u200b '.trim().slice(1), 10, undefined],
    [' '.repeat(900_000), 10, undefined],
    [undefined, 10, undefined],
  ])('cleans %j to at most %i characters', (raw, maxChars, expected) => {
    expect(cleanText(raw, maxChars)).toBe(expected);
  });
});
