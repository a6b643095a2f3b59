import { describe, expect, it } from '@jest/globals';
import { BearerTokens } from './bearer-tokens.js';

describe('bearer tokens', () => {
  const tokens = new BearerTokens(['first-token-of-length', 'second']);

  it.each(['Bearer first-token-of-length', 'bearer second', 'BEARER   second '])('accept %s', (header) => {
    expect(() => tokens.check(header)).not.toThrow();
  });

  it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic c2Vjb25k', 'second', 'Bearer a b'])(
    'miss a token in %s',
    (header) => {
      expect(() => tokens.check(header)).toThrow(expect.objectContaining({ code: 'missing-token' }));
    },
  );

  it.each([
    'Bearer first-token-of-lengt',
    'Bearer first-token-of-length1',
    'Bearer Second',
    `Bearer ${'x'.repeat(9_000)}`,
  ])('refuse %.40s', (header) => {
    expect(() => tokens.check(header)).toThrow(expect.objectContaining({ code: 'invalid-token' }));
  });
});
