import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isPlimsollError } from '../../errors/index.js';
import { NORMALISER_VERSION, normaliseBookmarkUrl } from './normalise-bookmark-url.js';

const identity = (url: string): string => normaliseBookmarkUrl(url).normalisedUrl;

function refusal(url: string): string {
  try {
    normaliseBookmarkUrl(url);
  } catch (error) {
    return isPlimsollError(error) ? `${error.code}: ${error.message}` : String(error);
  }
  return 'accepted';
}

describe('the URL of a bookmark', () => {
  it('keeps what was given beside its identity', () => {
    expect(normaliseBookmarkUrl('  HTTP://www.Example.org:80/a/?utm_source=x&b=1#top\n')).toEqual({
      url: 'HTTP://www.Example.org:80/a/?utm_source=x&b=1#top',
      normalisedUrl: 'http://www.example.org/a?b=1',
      host: 'example.org',
      version: NORMALISER_VERSION,
    });
  });

  describe('is the same bookmark', () => {
    it.each([
      ['https://example.org', 'https://example.org/', 'without a path'],
      ['https://EXAMPLE.org./a', 'https://example.org/a', 'capitals and the root dot of the host'],
      ['https://example.org:443/a', 'https://example.org/a', 'the default port'],
      ['https://example.org/a/', 'https://example.org/a', 'a slash at the end'],
      ['https://example.org/a/?b=1', 'https://example.org/a?b=1', 'a slash before the query'],
      ['https://example.org/x/../a/./b', 'https://example.org/a/b', 'dot segments'],
      ['https://example.org/x/%2e%2E/a', 'https://example.org/a', 'encoded dot segments'],
      ['https://example.org/%7ea/%c3%a9', 'https://example.org/~a/%C3%A9', 'percent-encoding'],
      ['https://example.org/é', 'https://example.org/%C3%A9', 'letters beyond ASCII in the path'],
      ['https://bücher.example/', 'https://xn--bcher-kva.example/', 'an international name'],
      ['https://example.org/?b=2&a=1', 'https://example.org/?a=1&b=2', 'the order of parameters'],
      ['https://example.org/?', 'https://example.org/', 'an empty query'],
      ['https://example.org/?&a=1&&', 'https://example.org/?a=1', 'empty parameters'],
      ['https://example.org/a#top', 'https://example.org/a', 'a place on the page'],
      ['https://example.org/a#:~:text=b', 'https://example.org/a', 'a text directive'],
      ['https://example.org/#/a:~:text=b', 'https://example.org/#/a', 'a directive behind a route'],
      ['https://example.org/#/', 'https://example.org/', 'the entrance of an application'],
      ['https://example.org/100%', 'https://example.org/100%25', 'a bare percent sign'],
      ['https://exa\nmple.org/a', 'https://example.org/a', 'a line break of a folded attribute'],
    ])('%j and %j (%s)', (one, other) => {
      expect(identity(one)).toBe(identity(other));
    });

    it.each([
      'utm_source',
      'UTM_Campaign',
      'utm%5Fterm',
      'fbclid',
      'gclid',
      'dclid',
      'msclkid',
      'mc_eid',
      'igshid',
      'ref_src',
    ])('with or without %s', (name) => {
      expect(identity(`https://example.org/watch?${name}=1&v=2`)).toBe('https://example.org/watch?v=2');
    });

    it('with or without the share mark of its site', () => {
      expect(identity('https://www.youtube.com/watch?v=a&si=b')).toBe('https://www.youtube.com/watch?v=a');
      expect(identity('https://netflix.com/?t=1')).toBe('https://netflix.com/?t=1');
      expect(identity('https://x.com/a/status/1?t=1&s=20')).toBe('https://x.com/a/status/1');
    });
  });

  describe('is another bookmark', () => {
    it.each([
      ['http://example.org/', 'https://example.org/'],
      ['https://www.example.org/', 'https://example.org/'],
      ['https://example.org:8443/', 'https://example.org/'],
      ['https://example.org/A', 'https://example.org/a'],
      ['https://example.org/?v=1', 'https://example.org/?v=2'],
      ['https://example.org/?a=1&a=2', 'https://example.org/?a=2&a=1'],
      ['https://example.org/a%2Fb', 'https://example.org/a/b'],
      ['https://example.org/%252e', 'https://example.org/%2e'],
      ['https://example.org/#/a', 'https://example.org/#/b'],
      ['https://example.org/#!a', 'https://example.org/'],
      ['https://example.org/?ref=home', 'https://example.org/'],
    ])('%s and %s', (one, other) => {
      expect(identity(one)).not.toBe(identity(other));
    });
  });

  it.each([
    ['https://www.example.org:8080/', 'example.org'],
    ['https://www.com/', 'www.com'],
    ['http://[::1]:3000/', '::1'],
    ['http://127.0.0.1/', '127.0.0.1'],
    ['https://WWW.BÜCHER.example', 'xn--bcher-kva.example'],
  ])('names the host of %s as %s', (url, host) => {
    expect(normaliseBookmarkUrl(url).host).toBe(host);
  });

  it.each([
    ['javascript:alert(1)', 'The URL must start with http:// or https://; other schemes cannot be kept.'],
    ['data:text/html,a', 'The URL must start with http:// or https://; other schemes cannot be kept.'],
    ['place:sort=8', 'The URL must start with http:// or https://; other schemes cannot be kept.'],
    ['example.org/a', 'The URL must start with http:// or https://; other schemes cannot be kept.'],
    [
      'https://user:secret@example.org/',
      'The URL must not carry a user name or password; remove what stands before the @.',
    ],
    [
      'https://@example.org/',
      'The URL must not carry a user name or password; remove what stands before the @.',
    ],
    ['https://example.org/\0', 'The URL must not contain a NUL character.'],
    ['https://example.org/\u0007', 'The URL must not contain control characters.'],
    [
      'https://example.org/\ud800',
      'The URL must be well-formed Unicode; it contains half of a surrogate pair.',
    ],
    ['https://example.org/a b', 'The URL must not contain spaces; write them as %20.'],
    ['https://', 'The URL has no host.'],
    ['https:///a', 'The URL has no host.'],
    ['https:example.org', 'The URL has no host.'],
    ['https://:80/', 'The URL has no valid host or port.'],
    ['https://a..b/', 'The URL has no valid host or port.'],
    ['https://example.org:99999/', 'The URL has no valid host or port.'],
    ['   ', 'The URL is empty; it must be an absolute http or https URL.'],
  ])('refuses %j', (url, sentence) => {
    expect(refusal(url)).toBe(`invalid-bookmark-url: ${sentence}`);
  });

  it('takes 8 192 characters and not one more, encoded letters counted as they are encoded', () => {
    const base = 'https://example.org/';

    expect(refusal(base + 'a'.repeat(8_192 - base.length))).toBe('accepted');
    expect(refusal(base + 'a'.repeat(8_193 - base.length))).toMatch(
      /must not be longer than 8192 characters/,
    );
    expect(refusal(base + 'é'.repeat(2_000))).toMatch(/must not be longer than 8192 characters/);
  });

  it('never shows the query or a password in its refusal', () => {
    expect(refusal('https://a:secret@example.org/?token=secret')).not.toContain('secret');
  });

  describe('for any URL', () => {
    const part = fc.string({
      unit: fc.constantFrom(...'ab%2e/?#&=!~:.@+;A5é\\[]{}|"<>^`\''),
      maxLength: 24,
    });
    const urls = fc
      .tuple(fc.constantFrom('http', 'HTTPS'), fc.constantFrom('', 'www.', '1', '.'), fc.domain(), part, part)
      .map(
        ([scheme, prefix, host, path, rest]) =>
          `${scheme}://${prefix}${host}/${path}?utm_x=1&${rest}#/${rest}`,
      );

    it('changes nothing when applied to its own result, or refuses both', () => {
      fc.assert(
        fc.property(fc.oneof(urls, fc.webUrl({ withFragments: true, withQueryParameters: true })), (url) => {
          fc.pre(refusal(url) === 'accepted');
          const once = normaliseBookmarkUrl(url);

          const twice = normaliseBookmarkUrl(once.normalisedUrl);

          expect(twice.normalisedUrl).toBe(once.normalisedUrl);
          expect(twice.host).toBe(once.host);
        }),
        { numRuns: 3_000 },
      );
    });

    it('reads any text as a URL or refuses it with the same code', () => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.string({ unit: 'binary' }),
            part.map((text) => `http://${text}`),
          ),
          (text) => {
            expect(refusal(text)).toMatch(/^(accepted|invalid-bookmark-url: )/);
          },
        ),
        { numRuns: 2_000 },
      );
    });
  });
});
