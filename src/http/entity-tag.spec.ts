import { describe, expect, it } from '@jest/globals';
import { namesEntityTag } from './entity-tag.js';

describe('If-None-Match', () => {
  it.each([
    ['"a"', '"a"', true],
    ['W/"a"', '"a"', true],
    ['"a"', 'W/"a"', true],
    ['*', '"a"', true],
    [' * ', '"a"', true],
    ['"b", "a"', '"a"', true],
    ['"b",W/"a"', '"a"', true],
    ['"x,y", "a"', '"a"', true],
    ['"b"', '"a"', false],
    ['"ab"', '"a"', false],
    ['a', '"a"', false],
    ['', '"a"', false],
    ['"A"', '"a"', false],
  ])('%s against %s: %s', (header, etag, expected) => {
    expect(namesEntityTag(header, etag)).toBe(expected);
  });
});
