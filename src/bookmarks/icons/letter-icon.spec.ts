import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { contrast, luminance } from './icon-grid.js';
import { glyphOf } from './letter-glyphs.js';
import { letterColour, letterIcon } from './letter-icon.js';
import { siteLabel } from './site-label.js';

const names = Array.from({ length: 500 }, (_, index) => `site-${index}.example`);

describe('a letter icon', () => {
  it('has white on a ground that it stands out from by 4.5 to 1, whatever the site', () => {
    const least = Math.min(...names.map((name) => contrast(1, luminance(...letterColour(name)))));
    expect(least).toBeGreaterThanOrEqual(4.5);
  });

  it('has the same colour for the same site, and many colours for many', () => {
    expect(letterColour('a.example')).toEqual(letterColour('a.example'));
    expect(new Set(names.map((name) => letterColour(name).join())).size).toBeGreaterThan(400);
  });

  it('shows something, in every script, without a font', async () => {
    for (const name of [
      'a.com',
      '7.com',
      'xn--e1afmkfd.xn--p1ai',
      'xn--fsqu00a.xn--0zwm56d',
      '10.0.0.1',
      '::1',
      '_x',
    ]) {
      const drawing = letterIcon(name);
      const { data, info } = await sharp(drawing).resize(64, 64).raw().toBuffer({ resolveWithObject: true });
      let white = 0;
      for (let at = 0; at < data.length; at += info.channels)
        if ((data[at] ?? 0) > 240 && (data[at + 1] ?? 0) > 240 && (data[at + 2] ?? 0) > 240) white += 1;
      expect(white).toBeGreaterThan(40);
      expect(white).toBeLessThan(2_400);
      expect(drawing.toString()).not.toContain('<text');
    }
  });

  it('is small, and takes nothing of the name into its markup', () => {
    const drawing = letterIcon('"><script>alert(1)</script>.example').toString();
    expect(drawing).not.toContain('script');
    expect(drawing.length).toBeLessThan(2_000);
  });
});

describe('the label of a site', () => {
  it.each([
    ['www.example.com', 'example'],
    ['example.com', 'example'],
    ['a.b.c.example.co.uk', 'example'],
    ['co.uk', 'co'],
    ['news.bbc.com.au', 'bbc'],
    ['x.github.io', 'github'],
    ['localhost', 'localhost'],
    ['xn--bcher-kva.example', 'bücher'],
    ['127.0.0.1', '127001'],
    ['::1', '1'],
  ])('of %s is %s', (hostname, label) => {
    expect(siteLabel(hostname)).toBe(label);
  });
});

describe('glyphs', () => {
  it('are there for every Latin letter, digit, Cyrillic and Greek capital', () => {
    const missing = [
      ...'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ',
    ].filter((character) => glyphOf(character) === undefined);
    expect(missing).toEqual([]);
  });

  it('leave accents away and know small letters', () => {
    expect(glyphOf('ü')).toBe(glyphOf('U'));
    expect(glyphOf('é')).toBe(glyphOf('E'));
    expect(glyphOf('ø')).toBe(glyphOf('O'));
    expect(glyphOf('ß')).toBe(glyphOf('S'));
    expect(glyphOf('я')).toBe(glyphOf('Я'));
  });

  it('are not made up for other scripts', () => {
    for (const character of ['例', 'あ', 'א', 'ع', '-', '😀']) expect(glyphOf(character)).toBeUndefined();
  });
});
