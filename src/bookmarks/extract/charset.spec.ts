import { describe, expect, it } from '@jest/globals';
import { declaredEncoding, encodingOf } from './charset.js';
import { PageDecoder } from './page-decoder.js';

const decode = (blocks: readonly Buffer[], contentType?: string): { text: string; charset: string } => {
  const decoder = new PageDecoder(contentType);
  const text = blocks.map((block) => decoder.decode(block)).join('') + decoder.end();
  return { text, charset: decoder.charset };
};

describe('declaredEncoding', () => {
  const meta = (text: string): string | undefined =>
    declaredEncoding(Buffer.from(text, 'latin1'), 'text/html');

  it.each([
    ['<meta charset=utf-8>', 'utf-8'],
    ["<META CHARSET='Windows-1251'>", 'windows-1251'],
    ['<meta http-equiv=content-type content="text/html;charset=gb2312">', 'gbk'],
    ['<meta content="text/html; charset=x-sjis" http-equiv="Content-Type">', 'shift_jis'],
    ['<meta charset="utf-16">', 'utf-8'],
    ['<meta charset="no-such-thing"><meta charset="big5">', 'big5'],
    ['<?xml version="1.0" encoding="ISO-8859-2"?>', 'iso-8859-2'],
    ['<!-- <meta charset="big5"> --><meta charset="euc-kr">', 'euc-kr'],
    ['<meta name="description" content="charset=big5">', undefined],
    [`${' '.repeat(1_500)}<meta charset="koi8-r">`, 'koi8-r'],
    [`${' '.repeat(4_200)}<meta charset="koi8-r">`, undefined],
    ['<p>charset=big5', undefined],
    ['', undefined],
  ])('reads %j as %j', (text, expected) => {
    expect(meta(text)).toBe(expected);
  });

  it('lets the byte order mark win over the header, and the header over the page', () => {
    const page = Buffer.from('<meta charset="big5">');

    expect(declaredEncoding(page, 'text/html; charset="KOI8-R"')).toBe('koi8-r');
    expect(declaredEncoding(page, 'text/html; charset=bogus')).toBe('big5');
    expect(
      declaredEncoding(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), page]), 'text/html; charset=big5'),
    ).toBe('utf-8');
    expect(declaredEncoding(Buffer.from([0xfe, 0xff, 0, 0x3c]), undefined)).toBe('utf-16be');
    expect(declaredEncoding(Buffer.from('<h', 'utf16le'), undefined)).toBe('utf-16le');
  });

  it('knows no encoding that cannot be decoded', () => {
    expect(['hz-gb-2312', 'utf-7', 'constructor', ''].map(encodingOf)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('PageDecoder', () => {
  it('decides at the first block that is not ASCII', () => {
    const ascii = Buffer.from('plain ');

    expect(decode([ascii, ascii])).toEqual({ text: 'plain plain ', charset: 'utf-8' });
    expect(decode([ascii, Buffer.from('naïve')])).toEqual({ text: 'plain naïve', charset: 'utf-8' });
    expect(decode([ascii, Buffer.from([0xe9, 0x80, 0x20, 0x93, 0x81])])).toEqual({
      text: 'plain é€ “\u0081',
      charset: 'windows-1252',
    });
  });

  it('joins a character that two blocks share, whatever the encoding', () => {
    const utf8 = Buffer.from('漢🚢');

    for (let cut = 1; cut < utf8.length; cut += 1) {
      expect(decode([utf8.subarray(0, cut), utf8.subarray(cut)])).toEqual({ text: '漢🚢', charset: 'utf-8' });
    }
    const sjis = Buffer.from([0x83, 0x65, 0x83, 0x58]);
    expect(decode([sjis.subarray(0, 1), sjis.subarray(1)], 'text/html; charset=shift_jis').text).toBe('テス');
  });

  it('replaces what is broken and goes on', () => {
    expect(decode([Buffer.from([0x61, 0xff, 0x62, 0xe6])], 'text/html; charset=utf-8').text).toBe(
      'a\ufffdb\ufffd',
    );
  });
});
