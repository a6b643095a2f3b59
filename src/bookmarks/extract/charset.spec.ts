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
    declaredEncoding(Buffer.from(text, 'latin1'), 'text/html')?.encoding;

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
    [`${' '.repeat(4_200)}<meta charset="koi8-r">`, 'koi8-r'],
    [`${' '.repeat(17_000)}<meta charset="koi8-r">`, undefined],
    [`<script>"<meta charset='big5'>"</script><meta charset="euc-kr">`, 'euc-kr'],
    [`<style>/* <meta charset=big5> */`, undefined],
    [`${'<meta '.repeat(2_700)}`, undefined],
    ['<p>charset=big5', undefined],
    ['', undefined],
  ])('reads %j as %j', (text, expected) => {
    expect(meta(text)).toBe(expected);
  });

  it('lets the byte order mark win over the header, and the header over the page', () => {
    const page = Buffer.from('<meta charset="big5">');

    expect(declaredEncoding(page, 'text/html; charset="KOI8-R"')).toEqual({ encoding: 'koi8-r' });
    expect(declaredEncoding(page, 'text/html; charset=bogus')).toEqual({ encoding: 'big5' });
    expect(
      declaredEncoding(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), page]), 'text/html; charset=big5'),
    ).toEqual({ encoding: 'utf-8' });
    expect(declaredEncoding(Buffer.from([0xfe, 0xff, 0, 0x3c]), undefined)).toEqual({ encoding: 'utf-16be' });
    expect(declaredEncoding(Buffer.from('<h', 'utf16le'), undefined)).toEqual({ encoding: 'utf-16le' });
  });

  it('doubts UTF-8 alone: servers say so of everything', () => {
    const header = 'text/html; charset=utf-8';

    expect(declaredEncoding(Buffer.from('<meta charset="big5">'), header)).toEqual({
      encoding: 'utf-8',
      otherwise: 'big5',
    });
    expect(declaredEncoding(Buffer.from('<p>'), header)).toEqual({
      encoding: 'utf-8',
      otherwise: 'windows-1252',
    });
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
    const mostlyUtf8 = Buffer.concat([Buffer.from('äöü'), Buffer.from([0x61, 0xff, 0x62, 0xe6])]);

    for (const contentType of ['text/html; charset=utf-8', undefined]) {
      expect(decode([mostlyUtf8], contentType)).toEqual({ text: 'äöüa\ufffdb\ufffd', charset: 'utf-8' });
    }
  });

  it('takes what says UTF-8 and is not for what it says besides, or for windows-1252', () => {
    const header = 'text/html; charset=utf-8';
    const cyrillic = Buffer.concat([
      Buffer.from('<meta charset="windows-1251">'),
      Buffer.from([0xcf, 0xee, 0xf0, 0xf2]),
    ]);

    expect(decode([Buffer.from('d\xe9j\xe0 vu', 'latin1')], header)).toEqual({
      text: 'déjà vu',
      charset: 'windows-1252',
    });
    expect(decode([cyrillic], header).text).toMatch(/Порт$/);
    expect(decode([cyrillic.subarray(0, 29), Buffer.from('Порт')], header)).toEqual({
      text: '<meta charset="windows-1251">Порт',
      charset: 'utf-8',
    });
  });
});
