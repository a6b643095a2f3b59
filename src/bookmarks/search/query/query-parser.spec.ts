import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_QUERY_TERMS, parseQuery } from './query-parser.js';
import type { SearchQuery } from './search-query.js';

const NOW = Date.UTC(2026, 0, 31);
const DAY_MS = 86_400_000;
const parse = (text: string): SearchQuery => parseQuery(text, NOW);
const EMPTY = parse('');

const tokens = ({ words }: SearchQuery): readonly string[] => words.map(({ token }) => token);
const texts = (phrases: SearchQuery['phrases']): readonly string[] => phrases.map(({ text }) => text);

describe('parseQuery', () => {
  it('reads nothing as everything', () => {
    expect(EMPTY).toEqual({
      words: [],
      phrases: [],
      excluded: [],
      required: [],
      forbidden: [],
      before: null,
      after: null,
    });
  });

  it.each(['   ', '"', '""', '-', '- ', '--', '-""', '"!!"', '***', '-"', '\0', '\ud800'])(
    'reads %j as everything too',
    (text) => {
      expect(parse(text)).toEqual(EMPTY);
    },
  );

  it.each([
    ['Zwei  Wörter', ['zwei', 'worter']],
    ['state-of-the-art', ['state', 'of', 'the', 'art']],
    ['https://example.org/path', ['https', 'example', 'org', 'path']],
    ['foo:bar', ['foo', 'bar']],
    ['tag:', ['tag']],
    ['is:nonsense', ['is', 'nonsense']],
    ['before:yesterday', ['before', 'yesterday']],
    ['before:2024-02-31', ['before', '2024', '02', '31']],
    ['ＴＹＰＥ', ['type']],
  ])('reads the words of %j', (text, expected) => {
    expect(tokens(parse(text))).toEqual(expected);
  });

  it('takes the last word alone for a beginning', () => {
    expect(parse('one two').words.map(({ isBeginning }) => isBeginning)).toEqual([false, true]);
    expect(parse('one t').words.map(({ isBeginning }) => isBeginning)).toEqual([false, false]);
  });

  it('takes what is said twice once, a word at its last place', () => {
    expect(parse('one two ONE').words.map(({ token, isBeginning }) => [token, isBeginning])).toEqual([
      ['two', false],
      ['one', true],
    ]);
    expect(parse('"a b" "A  b" -c -C tag:x tag:X -is:dead -is:dead')).toMatchObject({
      phrases: [{ text: 'a b' }],
      excluded: [{ text: 'c' }],
      required: [{ kind: 'tag', key: 'x' }],
      forbidden: [{ kind: 'is', flag: 'dead' }],
    });
  });

  it('knows the parts of a code', () => {
    expect(parse('MPU6050').words).toEqual([{ token: 'mpu6050', parts: ['mpu', '6050'], isBeginning: true }]);
    expect(parse('word7').words).toEqual([{ token: 'word7', parts: [], isBeginning: true }]);
  });

  it.each([
    ['"New York"', ['new york']],
    ['"new york', ['new york']],
    ['“new york”', ['new york']],
    ['"a-b" "c"', ['a b', 'c']],
    ['x"y z"', []],
  ])('reads the phrases of %j', (text, expected) => {
    expect(texts(parse(text).phrases)).toEqual(expected);
  });

  it.each([
    ['-foo', ['foo']],
    ['-"foo bar"', ['foo bar']],
    ['-wi-fi', ['wi fi']],
    ['--foo', ['foo']],
    ['- foo', []],
    ['wi-fi', []],
  ])('reads the exclusions of %j', (text, expected) => {
    expect(texts(parse(text).excluded)).toEqual(expected);
  });

  it.each([
    ['tag:Linux', { kind: 'tag', key: 'linux' }],
    ['TAG:linux', { kind: 'tag', key: 'linux' }],
    ['tag:"Read  Later"', { kind: 'tag', key: 'read later' }],
    ['site:Example.org', { kind: 'site', host: 'example.org' }],
    ['site:www.example.org', { kind: 'site', host: 'example.org' }],
    ['site:https://example.org/a?b', { kind: 'site', host: 'example.org' }],
    ['site:*.example.org:8080', { kind: 'site', host: 'example.org' }],
    ['site:bücher.de', { kind: 'site', host: 'xn--bcher-kva.de' }],
    ['is:Archived', { kind: 'is', flag: 'archived' }],
  ])('reads the operator %s', (text, facet) => {
    expect(parse(text)).toEqual({ ...EMPTY, required: [facet] });
    expect(parse(`-${text}`)).toEqual({ ...EMPTY, forbidden: [facet] });
  });

  it.each([
    ['before:2024', { before: Date.UTC(2024, 0, 1) }],
    ['before:2024-05', { before: Date.UTC(2024, 4, 1) }],
    ['before:2024-05-31', { before: Date.UTC(2024, 4, 31) }],
    ['before:2024-05-31T10:00:00Z', { before: Date.UTC(2024, 4, 31, 10) }],
    ['before:2024-05-31T10:00:00+02:00', { before: Date.UTC(2024, 4, 31, 8) }],
    ['after:2024', { after: Date.UTC(2024, 0, 1) - 1 }],
    ['after:7d', { after: NOW - 7 * DAY_MS - 1 }],
    ['-before:2024', { after: Date.UTC(2024, 0, 1) - 1 }],
    ['-after:2024', { before: Date.UTC(2024, 0, 1) }],
    ['before:2024 before:2020', { before: Date.UTC(2020, 0, 1) }],
    ['after:2020 after:2024', { after: Date.UTC(2024, 0, 1) - 1 }],
  ])('reads the dates of %s', (text, expected) => {
    expect(parse(text)).toEqual({ ...EMPTY, ...expected });
  });

  it('reads 500 characters and 32 terms at most', () => {
    const many = parse(Array.from({ length: 100 }, (_, n) => `w${n}`).join(' '));
    const long = parse(`${'x'.repeat(600)} tag:late`);
    const phrase = parse(`"${'a '.repeat(240)}"`);

    expect(many.words).toHaveLength(MAX_QUERY_TERMS);
    expect(long.required).toEqual([]);
    expect(phrase.phrases[0]?.words.length).toBeLessThanOrEqual(MAX_QUERY_TERMS);
  });

  it('never throws and never grows beyond its bounds', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom(
        '"',
        '-',
        ' ',
        'tag:',
        'site:',
        'is:',
        'before:',
        'after:',
        ':',
        '東京',
        '“',
        'MPU6050',
        '9999999',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const { words, phrases, excluded, required, forbidden, before, after } = parse(pieces.join(''));
        const terms = words.length + phrases.length + excluded.length + required.length + forbidden.length;
        expect(terms).toBeLessThanOrEqual(MAX_QUERY_TERMS + 1);
        expect(words.every(({ token }) => token !== '' && token.length <= 64)).toBe(true);
        for (const time of [before, after]) expect(time === null || Number.isFinite(time)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
