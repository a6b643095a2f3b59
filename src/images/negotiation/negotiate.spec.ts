import { describe, expect, it } from '@jest/globals';
import { acceptClass } from './accept-class.js';
import { AVIF_MAX_AUTO_PIXELS, isAvifAffordable, negotiate, type FormatFacts } from './negotiate.js';

const CHROME = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8';

describe('acceptClass', () => {
  it.each([
    [undefined, 'none'],
    ['', 'none'],
    ['*/*', 'none'],
    ['image/*', 'none'],
    [CHROME, 'avif+webp'],
    ['image/webp,*/*', 'webp'],
    ['image/webp,image/avif', 'avif+webp'],
    ['image/avif,image/webp;q=0.9,*/*;q=0.8', 'avif+webp'],
    ['image/avif;q=0.8,image/webp;q=0.9,*/*;q=0.1', 'webp'],
    ['image/avif,*/*;q=0.8', 'avif'],
    ['image/avif;q=0,image/webp', 'webp'],
    ['image/webp;q=0,*/*', 'none'],
    ['image/jpeg,image/webp;q=0.5', 'none'],
    ['image/jpeg,image/webp', 'webp'],
    ['image/png, image/*;q=0.5, image/webp;q=0.7', 'none'],
    ['IMAGE/WEBP', 'webp'],
    ['image/webp ; q=1.0 , */*', 'webp'],
    ['text/html', 'none'],
    [';;;,,,=', 'none'],
    [`image/webp,${'x'.repeat(5000)}`, 'none'],
  ])('reads %p as %s', (accept, expected) => {
    expect(acceptClass(accept)).toBe(expected);
  });

  it('gives the same answers after thousands of distinct headers', () => {
    for (let index = 0; index < 2000; index += 1) expect(acceptClass(`image/webp,x/y${index}`)).toBe('webp');
    expect(acceptClass(CHROME)).toBe('avif+webp');
  });
});

describe('negotiate', () => {
  const photo: FormatFacts = { format: 'jpeg', hasAlpha: false, animated: false };
  const free = { avifAllowed: true, cheaper: false };

  it.each(['avif', 'webp', 'jpeg', 'png', 'gif'] as const)(
    'obeys format=%s whatever Accept says',
    (format) => {
      expect(negotiate('image/nothing', format, photo, { avifAllowed: false, cheaper: true })).toBe(format);
    },
  );

  it('gives AVIF only when it is named, affordable and still', () => {
    expect(negotiate(CHROME, 'auto', photo, free)).toBe('avif');
    expect(negotiate(CHROME, 'auto', photo, { ...free, avifAllowed: false })).toBe('webp');
    expect(negotiate(CHROME, 'auto', photo, { ...free, cheaper: true })).toBe('webp');
    expect(negotiate(CHROME, 'auto', { format: 'gif', hasAlpha: false, animated: true }, free)).toBe('webp');
    expect(negotiate('image/avif', 'auto', photo, { ...free, cheaper: true })).toBe('jpeg');
    expect(negotiate('image/*', 'auto', photo, free)).toBe('jpeg');
  });

  it.each([
    ['jpeg', false, false, 'jpeg'],
    ['png', false, false, 'png'],
    ['png', true, false, 'png'],
    ['gif', true, false, 'gif'],
    ['gif', false, true, 'gif'],
    ['webp', true, true, 'webp'],
    ['svg', true, false, 'png'],
    ['tiff', false, false, 'jpeg'],
    ['tiff', true, false, 'png'],
    ['avif', false, false, 'jpeg'],
    ['avif', true, false, 'png'],
  ] as const)(
    'answers a %s source (alpha %s, animated %s) with %s to a client that names nothing',
    (format, hasAlpha, animated, expected) => {
      expect(negotiate(undefined, 'auto', { format, hasAlpha, animated }, free)).toBe(expected);
      expect(negotiate('*/*', 'auto', { format, hasAlpha, animated }, free)).toBe(expected);
      expect(negotiate('text/html', 'auto', { format, hasAlpha, animated }, free)).toBe(expected);
    },
  );

  it('calls AVIF affordable up to its pixels', () => {
    expect(isAvifAffordable(AVIF_MAX_AUTO_PIXELS, 1)).toBe(true);
    expect(isAvifAffordable(AVIF_MAX_AUTO_PIXELS + 1, 1)).toBe(false);
  });
});
