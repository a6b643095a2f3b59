import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Bookmark } from '../../model/bookmark.js';
import { parseQuery } from '../query/query-parser.js';
import { highlights } from './highlight.js';

/** Half of a surrogate pair. */
const LONE = /\p{Surrogate}/gu;

const bookmark = (more: Partial<Bookmark>): Bookmark =>
  ({ title: null, tags: [], host: 'example.com', note: null, description: null, ...more }) as Bookmark;

const show = (
  more: Partial<Bookmark>,
  terms: readonly string[],
  beginnings: readonly string[] = [],
  query = '',
) =>
  highlights(bookmark(more), { terms: new Set(terms), beginnings }, parseQuery(query, 0).phrases).map(
    ({ field, text, ranges }) => [field, text, ranges.map(([start, end]) => text.slice(start, end))],
  );

describe('highlights', () => {
  it('marks words as they are written, whatever their case and accents', () => {
    expect(show({ title: 'Le CAFÉ, décafé' }, ['cafe'])).toEqual([['title', 'Le CAFÉ, décafé', ['CAFÉ']]]);
  });

  it('marks beginnings as whole words', () => {
    expect(show({ title: 'Containers contain' }, [], ['contai'])).toEqual([
      ['title', 'Containers contain', ['Containers', 'contain']],
    ]);
  });

  it('marks the part of a code', () => {
    expect(show({ title: 'The MPU6050 board' }, ['6050'])).toEqual([
      ['title', 'The MPU6050 board', ['6050']],
    ]);
  });

  it('marks pairs of characters that touch as one', () => {
    expect(show({ title: '私の東京都庁' }, ['東京', '京都'])).toEqual([
      ['title', '私の東京都庁', ['東京都']],
    ]);
  });

  it('marks a quoted phrase as one', () => {
    expect(show({ title: 'In New York, new' }, ['new', 'york'], [], '"new york"')).toEqual([
      ['title', 'In New York, new', ['New York', 'new']],
    ]);
  });

  it('shows each matching tag, and nothing of fields that do not match', () => {
    expect(show({ title: 'nothing', tags: ['linux kernel', 'food', 'linux'] }, ['linux'])).toEqual([
      ['tags', 'linux kernel', ['linux']],
      ['tags', 'linux', ['linux']],
    ]);
  });

  it('shows a window of a long text around the first match', () => {
    const description = `${'before '.repeat(100)}needle ${'after '.repeat(100)}needle`;
    const [[, text, marked]] = show({ description }, ['needle']) as [[string, string, string[]]];

    expect(text.length).toBeLessThanOrEqual(242);
    expect(text.startsWith('…')).toBe(true);
    expect(text.endsWith('…')).toBe(true);
    expect(marked).toEqual(['needle']);
  });

  it('never cuts a character in two, nor leaves its own text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.nat(400), (noise, at) => {
        const description = `${noise.slice(0, at)} needle ${noise}`.replace(LONE, '');
        for (const { text, ranges } of highlights(
          bookmark({ description }),
          { terms: new Set(['needle']), beginnings: [] },
          [],
        )) {
          expect(text).not.toMatch(LONE);
          expect(ranges.every(([start, end]) => /^needle$/i.test(text.slice(start, end)))).toBe(true);
        }
      }),
    );
  });
});
