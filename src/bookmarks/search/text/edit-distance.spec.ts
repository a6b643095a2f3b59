import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allowedTypos, editDistance } from './edit-distance.js';

describe('editDistance', () => {
  it.each([
    ['docker', 'docker', 0],
    ['docker', 'dcoker', 1],
    ['docker', 'doker', 1],
    ['docker', 'dockers', 1],
    ['docker', 'bocker', 1],
    ['docker', 'bockre', 2],
    ['docker', 'kernel', 3],
    ['', 'ab', 2],
  ])('between %s and %s is %i', (a, b, distance) => {
    expect(editDistance(a, b, 2)).toBe(distance);
    expect(editDistance(b, a, 2)).toBe(distance);
  });

  it('is never larger than the edits that were made', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 3, maxLength: 9 });
    fc.assert(
      fc.property(word, fc.nat(8), fc.constantFrom('swap', 'drop', 'add', 'change'), (a, place, edit) => {
        const at = place % (a.length - 1);
        const b = {
          swap: a.slice(0, at) + a.charAt(at + 1) + a.charAt(at) + a.slice(at + 2),
          drop: a.slice(0, at) + a.slice(at + 1),
          add: `${a.slice(0, at)}x${a.slice(at)}`,
          change: `${a.slice(0, at)}x${a.slice(at + 1)}`,
        }[edit];
        expect(editDistance(a, b, 2)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('allowedTypos', () => {
  it.each([
    ['cat', 0],
    ['word', 1],
    ['letters', 1],
    ['eighteen', 2],
    ['6050', 0],
    ['esp8266', 0],
    ['東京都庁', 0],
  ])('of %s are %i', (word, typos) => {
    expect(allowedTypos(word)).toBe(typos);
  });
});
