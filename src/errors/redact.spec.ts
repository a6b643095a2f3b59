import { describe, expect, it } from '@jest/globals';
import { redactUrl } from './redact.js';

describe('redactUrl', () => {
  it.each([
    ['https://example.com/a/b.jpg', 'https://example.com/a/b.jpg'],
    ['https://example.com:8443/a.jpg', 'https://example.com:8443/a.jpg'],
    ['https://example.com/a.jpg?token=secret', 'https://example.com/a.jpg?…'],
    ['https://example.com/a.jpg?', 'https://example.com/a.jpg'],
    ['https://example.com/a.jpg#secret', 'https://example.com/a.jpg'],
    ['https://example.com/a.jpg?x=secret#secret', 'https://example.com/a.jpg?…'],
    ['https://user:secret@example.com/a.jpg', 'https://example.com/a.jpg'],
    ['https://secret@example.com/', 'https://example.com/'],
    ['http://[2001:db8::1]/a', 'http://[2001:db8::1]/a'],
  ])('shows of %s only where it leads', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });

  it.each([
    ['a relative path', '/api/images?url=secret', '/api/images'],
    ['a fragment', 'nonsense#secret', 'nonsense'],
    ['user information', 'http://user:secret@bad host/a', 'http://bad host/a'],
    ['a password with an at sign', 'http://user:sec@ret@bad host/a', 'http://bad host/a'],
    ['a password with a slash', 'http://user:sec/ret@bad host/a', 'http://bad host/a'],
    ['nothing', '', ''],
  ])('cuts what is no URL: %s', (_what, url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });

  it('shows at most 64 characters of what is no URL', () => {
    expect(redactUrl('x'.repeat(1_000))).toHaveLength(64);
  });

  it.each([
    ['data:image/png;base64,c2VjcmV0', 'data:…'],
    ['javascript:alert("secret")', 'javascript:…'],
    ['user:secret@example.com', 'user:…'],
    ['file:///home/secret', 'file:…'],
  ])('shows of %s, which names no host, only the scheme', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });
});
