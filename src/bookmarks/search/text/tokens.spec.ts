import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fold } from './fold.js';
import { canonicalText, compose, tokensOf } from './tokens.js';

const plain = (text: string): readonly string[] =>
  tokensOf(text)
    .filter(({ kind }) => kind !== 'part')
    .map(({ token }) => token);
const parts = (text: string): readonly string[] =>
  tokensOf(text)
    .filter(({ kind }) => kind === 'part')
    .map(({ token }) => token);

describe('fold', () => {
  it.each([
    ['ÀÉÎÕÜ', 'aeiou'],
    ['Straße', 'strasse'],
    ['Łódź', 'lodz'],
    ['Smørrebrød', 'smorrebrod'],
    ['İstanbul', 'istanbul'],
    ['ﬁnance', 'finance'],
    ['ｆｕｌｌ', 'full'],
    ['Ёлка', 'елка'],
    ['한국어', '한국어'],
    ['ガラス', 'ガラス'],
    ['ｶﾞﾗｽ', 'ガラス'],
    ['हिन्दी', 'हिन्दी'],
  ])('reads %s as %s', (text, folded) => {
    expect(fold(text)).toBe(folded);
  });
});

describe('tokensOf', () => {
  it.each([
    ['Hello, world!', ['hello', 'world']],
    ["don't", ['don', 't']],
    ['a_b-c.d', ['a', 'b', 'c', 'd']],
    ['½ cup', ['12', 'cup']],
    ['東京都', ['東京', '京都', '都']],
    ['見る', ['見る', 'る']],
    ['Tower東京', ['tower', '東京', '京']],
    ['コーヒー', ['コー', 'ーヒ', 'ヒー', 'ー']],
    ['', []],
    ['🎉', []],
  ])('splits %j', (text, expected) => {
    expect(plain(text)).toEqual(expected);
  });

  it.each([
    ['MPU6050', ['mpu', '6050']],
    ['TypeScript', ['type', 'script']],
    ['ESP8266WiFi', ['esp', '8266', 'wi', 'fi']],
    ['iPhone15', ['phone', '15']],
    ['plain', []],
    ['UPPER', []],
    ['a1b2c3d4e5f6', []],
  ])('takes %s apart', (text, expected) => {
    expect(parts(text)).toEqual(expected);
  });

  it('cuts a word that never ends', () => {
    expect(plain('x'.repeat(100_000))).toEqual(['x'.repeat(64)]);
  });

  it('says where each token stands', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const composed = compose(text);
        for (const { token, kind, start, end } of tokensOf(text)) {
          expect(start).toBeLessThan(end);
          expect(end).toBeLessThanOrEqual(composed.length);
          const stands = fold(composed.slice(start, end)).replace(/[^\p{L}\p{N}\p{M}]+/gu, '');
          expect(kind === 'pair' || stands.startsWith(token)).toBe(true);
        }
      }),
    );
  });
});

describe('canonicalText', () => {
  it.each([
    ['New York, NY!', 'new york ny'],
    ['東京都の Museum', '東京都の museum'],
    ['MPU6050', 'mpu6050'],
  ])('writes %j as %j', (text, expected) => {
    expect(canonicalText(text)).toBe(expected);
  });
});
