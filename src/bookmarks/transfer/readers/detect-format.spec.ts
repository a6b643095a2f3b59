import { describe, expect, it } from '@jest/globals';
import { recogniseImport } from './read-import.js';
import { read, sample } from './samples.fixture.js';

const formatOf = (bytes: Buffer | string, fileName?: string): string =>
  recogniseImport(Buffer.from(bytes).subarray(0, 65_536), { fileName }).format;

describe('the format of a file', () => {
  it.each([
    ['chrome.html', 'netscape'],
    ['google-no-doctype.html', 'netscape'],
    ['utf-16.html', 'netscape'],
    ['pocket.html', 'netscape'],
    ['karakeep.json', 'karakeep'],
    ['karakeep-api.json', 'karakeep'],
    ['linkding-api.json', 'linkding'],
    ['pocket.csv', 'pocket'],
    ['raindrop.csv', 'raindrop'],
    ['urls.txt', 'urls'],
    ['own.jsonl', 'jsonl'],
  ])('is seen in it: %s', (name, format) => {
    expect(formatOf(sample(name))).toBe(format);
  });

  it.each([
    ['{"url":"https://e.org/"}\n{"url":"https://e.org/2"}\n', 'jsonl'],
    ['{"bookmarks":[]}', 'karakeep'],
    ['[{"url":"https://e.org/","title":"x"}]', 'linkding'],
    ['url,title,note\r\n', 'csv'],
    ['<html><body>nothing here</body></html>', 'netscape'],
    ['<!DOCTYPE NETSCAPE-Bookmark-file-1>\n', 'netscape'],
    ['\n\n  # comment\nHTTPS://e.org/\n', 'urls'],
  ])('is seen in %j', (text, format) => {
    expect(formatOf(text)).toBe(format);
  });

  it.each<[string, Buffer | string]>([
    ['nothing', ''],
    ['nothing but white space', ' \n\t\r\n'],
    ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['a compressed file', Buffer.from('1f8b0800000000000003abcdef0102030405060708', 'hex')],
    ['an archive', Buffer.from('504b0304140000000800', 'hex')],
    ['noise', Buffer.from(Array.from({ length: 5_000 }, (_, index) => ((index * 7_919) % 251) + 1))],
    ['plain prose', 'Dear reader,\nthis is a letter.\n'],
    ['JSON of something else', '{"name":"package","version":"1.0.0"}'],
    ['a number', '42'],
    ['CSV without addresses', 'a,b,c\n1,2,3\n'],
  ])('is none for %s', (_what, bytes) => {
    expect(() => formatOf(bytes)).toThrow(expect.objectContaining({ code: 'unreadable-import' }));
  });

  it.each<[string, Parameters<typeof recogniseImport>[2]]>([
    ['chrome.html', 'karakeep'],
    ['chrome.html', 'linkding'],
    ['chrome.html', 'jsonl'],
    ['chrome.html', 'pocket'],
    ['karakeep.json', 'netscape'],
    ['karakeep.json', 'raindrop'],
    ['pocket.csv', 'netscape'],
    ['pocket.csv', 'jsonl'],
    ['urls.txt', 'csv'],
  ])('is not believed when %s is called %s', (name, format) => {
    expect(() => recogniseImport(sample(name).subarray(0, 65_536), {}, format)).toThrow(
      expect.objectContaining({
        code: 'unreadable-import',
        message: expect.stringContaining(`not what format=${format} says`),
      }),
    );
  });

  it('is what somebody says, unless the file is binary', async () => {
    expect(await read('Dear reader,\nhttps://e.org/', { format: 'urls' })).toHaveLength(2);
    expect(() => recogniseImport(Buffer.from('a\0b\0\0\0\0'), {}, 'urls')).toThrow(
      expect.objectContaining({ code: 'unreadable-import' }),
    );
  });
});
