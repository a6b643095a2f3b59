import { describe, expect, it } from '@jest/globals';
import { isSiteName, withoutSiteName } from './page-title.js';
import { isPlaceholderDescription, isPlaceholderName, isPlaceholderTitle } from './placeholder.js';

const URL_OF_PAGE = 'https://www.quay.example/ships/list?d=1';

describe('isPlaceholderTitle', () => {
  it.each([
    'Untitled',
    'untitled document',
    'Loading…',
    'Loading...',
    '404',
    '404 Not Found',
    'Page not found',
    'Access denied',
    'Access Denied.',
    'Just a moment...',
    'Einen Moment…',
    'Attention Required! | Cloudflare',
    'React App',
    'Document',
    'Please wait...',
    '502 Bad Gateway',
    '{{ title }}',
    '${title}',
    '%TITLE%',
    '...',
    ' - ',
    'undefined',
    '[object Object]',
    'quay.example',
    'www.quay.example',
    'WWW.QUAY.EXAMPLE',
    'https://www.quay.example/ships/list?d=1',
    'http://www.quay.example/ships/list',
    'www.quay.example/ships/list/',
    'https://www.quay.example/',
  ])('finds that %j says nothing', (title) => {
    expect(isPlaceholderTitle(title, URL_OF_PAGE)).toBe(true);
  });

  it.each([
    'Error handling in Go',
    'Loading docks of Rotterdam',
    'HTTP 404 explained',
    'Access denied: who may use the harbour?',
    'Just a moment: a memoir',
    '1984',
    '500 Days of Summer',
    'Documentation',
    '東京',
    'C',
    '?!? – a comic',
    '🚢',
    'quay.example: our history',
    'A test page for nothing',
    'Untitled Goose Game',
  ])('keeps %j', (title) => {
    expect(isPlaceholderTitle(title, URL_OF_PAGE)).toBe(false);
  });

  it('knows the host of each page alone', () => {
    expect(isPlaceholderTitle('x.com', 'https://netflix.com/')).toBe(false);
    expect(isPlaceholderTitle('netflix.com', 'https://netflix.com/a')).toBe(true);
  });
});

describe('placeholders of other fields', () => {
  it('are known', () => {
    expect(
      ['Just another WordPress site', 'px-captcha', '{{ description }}', '  '].map(isPlaceholderDescription),
    ).toEqual([true, true, true, true]);
    expect(isPlaceholderDescription('An error occurred to me')).toBe(false);
    expect(['admin', 'https://facebook.com/me', '%author%', 'N/A'].map(isPlaceholderName)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['Admiral Root', 'Ada'].map(isPlaceholderName)).toEqual([false, false]);
  });
});

describe('withoutSiteName', () => {
  const url = 'https://blog.harbour-news.example/a/b';

  it.each([
    ['Tides | Harbour News', ['Harbour News'], 'Tides'],
    ['Tides – HARBOUR NEWS', ['Harbour News'], 'Tides'],
    ['Tides · harbour-news', [], 'Tides'],
    ['Tides :: harbour-news.example', ['harbour-news.example'], 'Tides'],
    ['Tides | Ebb | Harbour News', ['Harbour News'], 'Tides | Ebb'],
  ])('cuts the name of the site from %j', (title, names, expected) => {
    expect(withoutSiteName(title, url, names)).toBe(expected);
  });

  it.each([
    ['Tides | Ebb', ['Harbour News']],
    ['Harbour News | Tides', ['Harbour News']],
    ['Tides|Harbour News', ['Harbour News']],
    ['Tides, Harbour News', ['Harbour News']],
    ['Home | Harbour News', ['Harbour News']],
    ['AI | Harbour News', ['Harbour News']],
    ['The port - starboard - port rule', []],
    ['Tides - ', ['']],
  ])('leaves %j alone', (title, names) => {
    expect(withoutSiteName(title, url, names)).toBe(title);
  });

  it('leaves the title of a front page alone', () => {
    expect(withoutSiteName('Sails | Harbour News', 'https://x.example/', ['Harbour News'])).toBe(
      'Sails | Harbour News',
    );
  });

  it('tells a title that is only the name of the site', () => {
    expect(isSiteName('Harbour-News', url, [])).toBe(true);
    expect(isSiteName('harbour news.example', url, ['Harbour News Example'])).toBe(true);
    expect(isSiteName('Harbour', url, ['Harbour News'])).toBe(false);
  });
});
