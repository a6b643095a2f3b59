import { describe, expect, it } from '@jest/globals';
import { pageUrls, parseIconDomain } from './icon-domain.js';

describe('the domain of an icon', () => {
  it.each([
    ['Example.COM', 'example.com', 'example.com'],
    ['example.com.', 'example.com', 'example.com'],
    ['bücher.example', 'xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['example.com:443', 'example.com', 'example.com'],
    ['example.com:80', 'example.com', 'example.com'],
    ['example.com:8443', 'example.com:8443', 'example.com'],
    ['2130706433', '127.0.0.1', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1', '127.0.0.1'],
    ['[::1]', '[::1]', '::1'],
    ['[::1]:8080', '[::1]:8080', '::1'],
    ['_dmarc.example.com', '_dmarc.example.com', '_dmarc.example.com'],
    ['localhost', 'localhost', 'localhost'],
  ])('%s is %s', (text, host, hostname) => {
    expect(parseIconDomain(text)).toEqual({ host, hostname });
  });

  it.each([
    '',
    ' ',
    '.',
    '..',
    'a..b',
    '-',
    'a-.example',
    'exa mple.com',
    'user@example.com',
    'example.com/path',
    'example.com?x',
    'example.com#x',
    'example.com\\x',
    'https://example.com',
    'example.com:0x',
    'example.com:99999',
    '%00',
    'a\0b',
    '<script>',
    'x'.repeat(64),
    `${'x.'.repeat(140)}example`,
    'y'.repeat(100_000),
  ])('%j is refused', (text) => {
    expect(() => parseIconDomain(text)).toThrow(expect.objectContaining({ code: 'invalid-parameter' }));
  });

  it('has a front page by https, then by http', () => {
    expect(pageUrls(parseIconDomain('Example.com:8080'))).toEqual([
      'https://example.com:8080/',
      'http://example.com:8080/',
    ]);
  });
});
