import { describe, expect, it } from '@jest/globals';
import { TagFilter } from './tag-filter.js';
import { DROPPED_TAG, MAX_TAG_BYTES } from './tag-output.js';

function filter(text: string, size = 1_000): { text: string; most: number; truncated: boolean } {
  const tags = new TagFilter();
  const bytes = Buffer.from(text);
  let passed = '';
  let most = 0;
  for (let from = 0; from < bytes.length; from += size) {
    tags.write(bytes.subarray(from, from + size), (piece) => {
      passed += piece.toString('latin1');
      most = Math.max(most, piece.length);
    });
  }
  return { text: Buffer.from(passed, 'latin1').toString(), most, truncated: tags.endsInsideTag };
}

describe('TagFilter', () => {
  it.each<[string, string, string]>([
    ['text', 'a < b & c > d <3 <', 'a < b & c > d <3 '],
    ['a quoted icon', '<A ICON="data:,x" HREF="y">', '<A ICON="" HREF="y">'],
    ['an icon in single quotes', `<A icon='a"b>' B="c">`, `<A icon='' B="c">`],
    ['an icon without quotes', '<A ICON=data:,x HREF=y>z', '<A ICON="" HREF=y>z'],
    ['an icon at the end, without quotes', '<A ICON=data:,x>z', '<A ICON="">z'],
    ['an icon with spaces around the sign', '<A ICON = "x">', '<A ICON = "">'],
    ['the address of an icon', '<A Icon_Uri="x">', '<A Icon_Uri="">'],
    [
      'other names',
      '<A ICONS="x" ICO="y" ICON-URI="z" ICON_URIS="w">',
      '<A ICONS="x" ICO="y" ICON-URI="z" ICON_URIS="w">',
    ],
    ['ends', '</A ><br/><A/HREF="x"/ICON="y">', '</A ><br/><A/HREF="x"/ICON="">'],
    ['comments', 'a<!-- <A HREF="x> -- > -->b<!---->c<!-->d<!--->e', 'abcde'],
    ['declarations', '<!DOCTYPE x>a<?xml v="1"?>b<!x->c<!>d', 'abcd'],
    ['line breaks', 'a<!--\n\n--><!x\n><A ICON="\n">', 'a\n\n\n<A ICON="\n">'],
    ['a name without a value', '<A ICON HREF="x">', '<A ICON HREF="x">'],
  ])('leaves %s', (_what, given, expected) => {
    for (const size of [1, 2, 3, 1_000]) expect(filter(given, size).text).toBe(expected);
  });

  it('drops a tag over the limit, wherever it is torn, and goes on behind it', () => {
    const long = `a<A HREF="x" JUNK="${'j'.repeat(MAX_TAG_BYTES)}">b<B C="d">`;

    for (const size of [1_000, 65_536, 1_000_000])
      expect(filter(long, size).text).toBe(`a<${DROPPED_TAG}>b<B C="d">`);
  });

  it('keeps a tag with an icon of any size', () => {
    const text = `<A ICON="${'i'.repeat(3 * MAX_TAG_BYTES)}" HREF="x">y`;

    expect(filter(text, 10_000).text).toBe('<A ICON="" HREF="x">y');
  });

  it('never hands on more than it may hold, whatever comes', () => {
    const { most } = filter(`${'x'.repeat(500_000)}<A B="${'y'.repeat(500_000)}`, 1_000_000);

    expect(most).toBeLessThanOrEqual(3 * 64 * 1024);
  });

  it.each([
    ['<A HREF="x', true],
    ['<!-- x', true],
    ['<', true],
    ['<A>x', false],
    ['', false],
  ])('says whether %j ends inside a tag', (text, truncated) => {
    expect(filter(text).truncated).toBe(truncated);
  });
});
