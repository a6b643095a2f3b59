import { describe, expect, it } from '@jest/globals';
import { parseUrl } from './parse-url.js';

describe('parseUrl', () => {
  it('reads an absolute URL and one that is relative to a base', () => {
    expect(parseUrl('https://example.org/a?b')?.href).toBe('https://example.org/a?b');
    expect(parseUrl('../c', 'https://example.org/a/b')?.href).toBe('https://example.org/c');
  });

  it.each(['', 'example.org', 'https://', 'https://exa mple.org/', 'http://example.org:99999/'])(
    'answers undefined for %j',
    (text) => expect(parseUrl(text)).toBeUndefined(),
  );

  it('reads letters from U+0080 to U+00FF however often it was called', () => {
    // Optimised, `URL.canParse` of Node 20 denies them: here after fewer than 5000 calls.
    const refused = Array.from({ length: 20_000 }, () => parseUrl('https://bücher.example/')).filter(
      (url) => url?.hostname !== 'xn--bcher-kva.example',
    );
    expect(refused).toHaveLength(0);
  });
});
