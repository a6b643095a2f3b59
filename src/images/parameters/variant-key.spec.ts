import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadSettings } from '../../config/index.js';
import type { ImageParameters } from '../image-request.js';
import { canonicalParameters } from './canonical-parameters.js';
import { parseImageQuery } from './parse-image-query.js';
import { variantKey, type EncodingFacts } from './variant-key.js';

const settings = loadSettings(
  {},
  { containerLimitBytes: null, totalMemoryBytes: 8 * 1024 ** 3, heapLimitBytes: 512 * 1024 ** 2 },
);

const parse = (query: string): ImageParameters =>
  parseImageQuery([...new URLSearchParams(query)], settings).parameters;

const FACTS: EncodingFacts = { defaultQuality: 80, maxOutputSide: 8192, cheaper: false };

const key = (query: string, facts = FACTS): string =>
  variantKey('remote:https://example.com/a#1', parse(query), 'webp', facts);

/** Spelled values of each parameter, the first being its default or absence. */
const CHOICES: Readonly<Record<string, readonly (readonly [string, string] | undefined)[]>> = {
  w: [undefined, ['w', '1'], ['width', '1600']],
  h: [undefined, ['h', '20'], ['height', '1600']],
  dpr: [['dpr', '1'], undefined, ['dpr', '2.25'], ['dpr', '0.1']],
  fit: [
    ['fit', 'cover'],
    ['fit', 'inside'],
    ['fit', 'outside'],
    ['fit', 'fill'],
    ['fit', 'contain'],
  ],
  position: [
    ['pos', 'center'],
    ['position', 'attention'],
    ['position', 'right-top'],
    ['position', '0.25,0.001'],
    ['gravity', 'south'],
  ],
  format: [
    ['f', 'auto'],
    ['format', 'webp'],
    ['output', 'jpg'],
    ['format', 'gif'],
  ],
  q: [undefined, ['q', '1'], ['quality', '80'], ['q', '100']],
  background: [undefined, ['bg', 'red'], ['background', '12345678'], ['background', '0ff']],
  rotate: [
    ['rotate', '0'],
    ['rotate', '90'],
    ['rotate', '-17.33'],
    ['rotate', '359.99'],
  ],
  flip: [
    ['flip', '0'],
    ['flip', '1'],
  ],
  flop: [undefined, ['flop', 'true']],
  blur: [undefined, ['blur', '0.3'], ['blur', '12.34']],
  sharpen: [undefined, ['sharpen', '0.3'], ['sharpen', '9.99']],
  trim: [undefined, ['trim', '0'], ['trim', '99.5']],
  animated: [
    ['anim', '1'],
    ['animated', '0'],
  ],
  page: [undefined, ['page', '0'], ['page', '99999']],
  enlarge: [
    ['enlarge', '0'],
    ['enlarge', '1'],
  ],
  v: [undefined, ['v', 'a.b-c_1'], ['v', '2']],
};

const query = fc
  .tuple(
    fc.record(
      Object.fromEntries(
        Object.entries(CHOICES).map(([name, choices]) => [name, fc.constantFrom(...choices)]),
      ),
    ),
    fc.infiniteStream(fc.nat()),
  )
  .map(([chosen, order]) =>
    Object.values(chosen)
      .filter((pair) => pair !== undefined)
      .map((pair) => ({ pair, rank: order.next().value as number }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ pair }) => pair),
  );

describe('canonicalParameters', () => {
  it('parses back to the same parameters', () => {
    fc.assert(
      fc.property(query, (pairs) => {
        const { parameters } = parseImageQuery(pairs, settings);

        expect(parse(canonicalParameters(parameters))).toEqual(parameters);
      }),
    );
  });

  it('is one text whatever the order', () => {
    fc.assert(
      fc.property(query, (pairs) => {
        const forward = parseImageQuery(pairs, settings).parameters;
        const backward = parseImageQuery([...pairs].reverse(), settings).parameters;

        expect(canonicalParameters(forward)).toBe(canonicalParameters(backward));
      }),
    );
  });

  it('sorts, leaves defaults out and needs no escaping', () => {
    expect(
      canonicalParameters(parse('width=20&fit=crop&rotate=-90&bg=%23abc&pos=0.2,0.75&dpr=1.50&anim=1&f=jpg')),
    ).toBe('background=aabbcc&dpr=1.5&format=jpeg&position=0.2,0.75&rotate=270&w=20');
    expect(canonicalParameters(parse(''))).toBe('');
  });
});

describe('variantKey', () => {
  it('is one key for aliases, presets of spelling, order and defaults spelled out', () => {
    const plain = key('w=300&h=200&q=80');

    expect(plain).toMatch(/^[\da-f]{64}$/);
    expect(
      key('height=200&quality=80&width=300&fit=cover&dpr=1&position=0.5,0.5&enlarge=0&animated=1&rotate=360'),
    ).toBe(plain);
    expect(key('w=300&h=200')).toBe(plain);
    expect(key('w=300&h=200&format=webp')).toBe(plain);
  });

  it('differs as soon as any option of two requests differs', () => {
    const seen = new Map<string, string>();
    for (const [name, choices] of Object.entries(CHOICES)) {
      if (name === 'format') continue;
      for (const pair of choices) {
        const canonical = canonicalParameters(
          parse(pair === undefined ? '' : new URLSearchParams([[...pair]]).toString()),
        );
        seen.set(canonical, key(canonical));
      }
    }

    // q=80 and no q are one variant: 80 is the default.
    expect(seen.get('q=80')).toBe(seen.get(''));
    expect(new Set(seen.values()).size).toBe(seen.size - 1);
  });

  it('differs by source, format, default quality, longest side and cheaper plan', () => {
    const parameters = parse('w=10');
    const keys = [
      variantKey('upload:a', parameters, 'webp', FACTS),
      variantKey('upload:b', parameters, 'webp', FACTS),
      variantKey('upload:a', parameters, 'jpeg', FACTS),
      variantKey('upload:a', parameters, 'webp', { ...FACTS, defaultQuality: 81 }),
      variantKey('upload:a', parameters, 'webp', { ...FACTS, maxOutputSide: 4096 }),
      variantKey('upload:a', parameters, 'webp', { ...FACTS, cheaper: true }),
      variantKey('upload:a","w=10","webp', parse(''), 'webp', FACTS),
    ];

    expect(new Set(keys).size).toBe(keys.length);
  });
});
