import { describe, expect, it } from '@jest/globals';
import { MAX_SOURCE_URL_CHARS, normaliseSourceUrl, parseSourceUrl, resolveRedirect } from './source-url.js';

const coded = (code: string): object => expect.objectContaining({ code }) as object;

describe('normaliseSourceUrl', () => {
  it.each([
    ['HTTP://Example.COM:80/a/../b.jpg#part', 'http://example.com/b.jpg'],
    ['https://example.com', 'https://example.com/'],
    ['https://example.com/a?x=1&v=%2F#f', 'https://example.com/a?x=1&v=%2F'],
    ['http://2130706433/', 'http://127.0.0.1/'],
    ['http://0x7f.1/', 'http://127.0.0.1/'],
    ['http://１２７.0.0.1/', 'http://127.0.0.1/'],
    ['https://bücher.example/ü', 'https://xn--bcher-kva.example/%C3%BC'],
  ])('turns %s into %s', (text, expected) => {
    expect(normaliseSourceUrl(text)).toBe(expected);
  });

  it.each(['', 'example.com/a.jpg', '/a.jpg', 'http://', 'http://a b/', 'http://[::1', 'http://1.2.3.4.5/'])(
    'refuses "%s" as no absolute URL',
    (text) => {
      expect(() => normaliseSourceUrl(text)).toThrow(coded('invalid-parameter'));
    },
  );

  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'data:image/png;base64,AA',
    'javascript:1',
    'gopher://x/',
    'blob:http://x/1',
  ])('refuses the scheme of %s', (text) => {
    expect(() => normaliseSourceUrl(text)).toThrow(coded('unsupported-url-scheme'));
  });

  it.each(['http://user@example.com/', 'http://user:secret@example.com/', 'http://:secret@example.com/'])(
    'refuses credentials in %s and does not repeat them',
    (text) => {
      expect(() => normaliseSourceUrl(text)).toThrow(coded('url-not-allowed'));
      expect(() => normaliseSourceUrl(text)).not.toThrow(/secret/);
    },
  );

  it('takes the longest URL and refuses one character more, also when only its canonical form is too long', () => {
    const start = 'http://example.com/';
    const longest = start + 'a'.repeat(MAX_SOURCE_URL_CHARS - start.length);

    expect(normaliseSourceUrl(longest)).toBe(longest);
    expect(() => normaliseSourceUrl(`${longest}a`)).toThrow(coded('invalid-parameter'));
    expect(() => normaliseSourceUrl(start + 'ü'.repeat(1_000))).toThrow(coded('invalid-parameter'));
  });
});

describe('resolveRedirect', () => {
  const from = new URL('https://example.com/a/b.jpg?x=1');

  it.each([
    ['c.jpg', 'https://example.com/a/c.jpg'],
    ['//other.example/c', 'https://other.example/c'],
    ['http://other.example/c#f', 'http://other.example/c'],
  ])('follows %s to %s', (location, expected) => {
    expect(resolveRedirect(location, from).href).toBe(expected);
  });

  it.each(['ftp://example.com/', 'file:///etc/passwd', 'data:,x', 'http://user:secret@example.com/'])(
    'refuses to follow %s',
    (location) => {
      expect(() => resolveRedirect(location, from)).toThrow(coded('url-not-allowed'));
    },
  );

  it('calls a location that is no URL a fault of the origin', () => {
    expect(() => resolveRedirect('http://[', from)).toThrow(coded('origin-error'));
  });
});

describe('parseSourceUrl', () => {
  it('reads letters beyond ASCII however often it was called', () => {
    for (let call = 0; call < 20_000; call += 1) parseSourceUrl('https://plain.example/path');

    expect(parseSourceUrl('https://bücher.example/ü').href).toBe('https://xn--bcher-kva.example/%C3%BC');
  });
});
