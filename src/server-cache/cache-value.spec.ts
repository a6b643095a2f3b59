import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cutLoose } from './cache-strings.js';
import { keepValue, type KeptValue } from './cache-value.js';
import { FieldNames } from './field-names.js';

const LIMIT_BYTES = 100_000;

const keep = (value: unknown, names = new FieldNames()): KeptValue => {
  const kept = keepValue(value, LIMIT_BYTES, names);
  if (typeof kept === 'string') throw new Error(`refused: ${kept}`);
  return kept;
};

const isFrozenThroughout = (value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (Object.isFrozen(value) && Object.values(value).every(isFrozenThroughout));

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

describe('keepValue', () => {
  it('keeps an equal, private and deeply frozen copy of any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const kept = keep(value);

        expect(kept.value).toEqual(value);
        expect(isFrozenThroughout(kept.value)).toBe(true);
        expect(typeof value === 'object' && value !== null && kept.value === value).toBe(false);
      }),
      { seed: 7 },
    );
  });

  it('does not follow changes of the original', () => {
    const original = { tags: ['a'] };
    const { value } = keep(original);

    original.tags.push('b');

    expect(value).toEqual({ tags: ['a'] });
  });

  it('takes null for a value and leaves out what is undefined', () => {
    expect(keep(null).value).toBeNull();
    expect(Object.keys(keep({ a: undefined, b: null }).value as object)).toEqual(['b']);
  });

  it('keeps a field called __proto__ as a field', () => {
    const value = JSON.parse('{"__proto__":{"admin":true}}') as unknown;

    const kept = keep(value).value as Record<string, unknown>;

    expect(Object.keys(kept)).toEqual(['__proto__']);
    expect(kept['admin']).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['binary', Buffer.from('bytes')],
    ['binary', { deep: [{ picture: new Uint8Array(4) }] }],
    ['binary', new ArrayBuffer(8)],
    ['binary', new SharedArrayBuffer(8)],
    ['binary', [new DataView(new ArrayBuffer(8))]],
    ['not-json', () => 1],
    ['not-json', Symbol('s')],
    ['not-json', 1n],
    ['not-json', [1, undefined]],
    ['not-json', new Array(3)],
    ['not-json', new Date(0)],
    ['not-json', { inside: new Map() }],
    ['not-json', new Error('no')],
    ['too-deep', nested(33)],
    ['too-large', 'x'.repeat(LIMIT_BYTES)],
    ['too-large', { ['n'.repeat(LIMIT_BYTES)]: 1 }],
    ['too-large', new Array(2 ** 32 - 1)],
    ['too-large', Array.from({ length: LIMIT_BYTES / 8 }, () => 0)],
  ])('refuses as %s: case %#', (reason, value) => {
    expect(keepValue(value, LIMIT_BYTES, new FieldNames())).toBe(reason);
  });

  it('keeps 32 levels, and ends a circle by refusing it', () => {
    const circle: unknown[] = [];
    circle.push(circle);

    expect(keep(nested(32)).value).toEqual(nested(32));
    expect(keepValue(circle, LIMIT_BYTES, new FieldNames())).toBe('too-deep');
  });

  it('stops walking at the limit', () => {
    let read = 0;
    const items = Array.from({ length: 1_000 }, () =>
      Object.defineProperty({}, 'text', {
        enumerable: true,
        get: () => {
          read += 1;
          return 'x'.repeat(1_000);
        },
      }),
    );

    const kept = keepValue(items, LIMIT_BYTES, new FieldNames());

    expect(kept).toBe('too-large');
    expect(read).toBeLessThan(100);
  });

  describe('weighs', () => {
    it.each<[unknown, number]>([
      [1, 0],
      [true, 0],
      [null, 0],
      [-0, 16],
      [1.5, 16],
      [2 ** 31, 16],
      ['', 16],
      ['12345678', 16 + 8],
      ['123456789', 16 + 16],
      ['ÿ'.repeat(8), 16 + 8],
      ['Ā'.repeat(8), 16 + 16],
      [[], 48],
      [[1, 2, 3], 48 + 24],
      [[1.5, 'a'], 48 + 16 + 16 + 24],
      [{}, 56],
    ])('%j with %d bytes', (value, bytes) => {
      expect(keep(value).bytes).toBe(bytes);
    });

    it('a field name once, as long as it is known', () => {
      const names = new FieldNames();

      const first = keep({ width: 1 }, names).bytes;
      const second = keep({ width: 2 }, names).bytes;

      expect([first, second]).toEqual([56 + 24 + 48, 56]);
    });

    it('fields beyond the fourth by threes', () => {
      const names = new FieldNames();
      const value = { a: 1, b: 2, c: 3, d: 4, e: 5 };
      keep(value, names);

      expect(keep(value, names).bytes).toBe(56 + 16 + 24);
    });

    it('names that are data, however many there are', () => {
      const names = new FieldNames();
      for (let count = 0; count < 2_048; count += 1) names.weigh(`name-${count}`);

      const weights = [names.weigh('one-more'), names.weigh('one-more')];

      expect(weights).toEqual([24 + 48, 24 + 48]);
    });
  });
});

describe('cutLoose', () => {
  it('gives the same text, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(cutLoose(text)).toBe(text);
      }),
      { seed: 7 },
    );
    const half = `\ud800${'x'.repeat(20)}`;
    expect(cutLoose(half)).toBe(half);
  });
});
