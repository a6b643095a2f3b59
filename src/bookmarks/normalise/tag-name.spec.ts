import { describe, expect, it } from '@jest/globals';
import { distinctTags, tagKey } from './tag-name.js';

describe('names of tags', () => {
  it.each([
    ['Café', 'café'],
    ['Ｎｏｄｅ', 'node'],
    ['  Node \t JS ', 'node js'],
    ['ﬁle', 'file'],
  ])('%j is the tag %j', (name, key) => {
    expect(tagKey(name)).toBe(key);
    expect(tagKey(key)).toBe(key);
  });

  it('are kept once each, as first written, in their order', () => {
    expect(distinctTags(['Zebra', ' ape ', 'ZEBRA', '', '  ', 'Node  JS', 'node js'])).toEqual([
      'Zebra',
      'ape',
      'Node JS',
    ]);
  });
});
