import { describe, expect, it } from '@jest/globals';
import { etagOf, matchesEtag } from './etag.js';

describe('entity tags', () => {
  const tag = etagOf('0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef');

  it('are strong and quoted', () => {
    expect(tag).toBe('"0123456789abcdef0123456789abcdef"');
  });

  it.each([tag, `W/${tag}`, '*', `"other", ${tag}`, `"other",W/${tag}`])(
    'match If-None-Match: %s',
    (header) => {
      expect(matchesEtag(header, tag)).toBe(true);
    },
  );

  it.each([undefined, '', '"other"', tag.slice(1, -1), `"x${tag.slice(1)}`])('do not match %s', (header) => {
    expect(matchesEtag(header, tag)).toBe(false);
  });
});
