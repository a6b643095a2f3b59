import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { corpus, photoPngWithAlpha } from '../../../test/support/image-corpus.js';
import { isComplexSvg } from './load-svg.js';
import { sanitiseSvg, SVG_LIMITS } from './sanitise-svg.js';

const NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';

const wrap = (inner: string, attributes = ''): string =>
  `<svg ${NAMESPACES} width="10" height="10"${attributes}>${inner}</svg>`;

const clean = (svg: string): string => sanitiseSvg(Buffer.from(svg)).toString('utf8');

const cleanInner = (inner: string): string =>
  clean(wrap(inner))
    .replace(/^<svg [^>]*>/, '')
    .replace(/<\/svg>$/, '');

const problem = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('sanitiseSvg', () => {
  it('keeps an ordinary drawing as it is', async () => {
    const drawing =
      '<defs><linearGradient id="g"><stop offset="0" stop-color="#fff"></stop></linearGradient></defs>' +
      '<style>.a{fill:url(#g);stroke:red}</style><g class="a" transform="translate(1 2)"><path d="M0 0h9v9z" fill="url(#g)"></path></g>' +
      '<use xlink:href="#g"></use><text x="1" y="9" font-size="4">a &amp; b &lt; c</text>';

    expect(cleanInner(drawing)).toBe(drawing);
    expect((await sharp(sanitiseSvg(await corpus('svg'))).metadata()).format).toBe('svg');
  });

  it.each([
    ['a script', '<script>alert(1)</script>'],
    ['a script in another case', '<SCRIPT>alert(1)</SCRIPT>'],
    ['a script by a prefix of its own', '<x:script xmlns:x="http://www.w3.org/2000/svg">alert(1)</x:script>'],
    [
      'foreign content',
      '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><iframe src="https://evil.example"/></body></foreignObject>',
    ],
    [
      'an animation that sets a reference',
      '<animate attributeName="href" values="https://evil.example"/><set attributeName="href" to="x"/>',
    ],
    ['a picture from outside', '<feImage href="https://evil.example/a.png"/>'],
    ['a processing instruction', '<?xml-stylesheet href="https://evil.example/a.css"?>'],
    ['a comment', '<!-- <script>alert(1)</script> -->'],
    ['a style sheet that imports', '<style>@import "https://evil.example/a.css";</style>'],
    ['a style sheet that loads', '<style>rect{fill:url(https://evil.example/a)}</style>'],
    ['a style sheet with escapes', '<style>rect{fill:\\75 rl(https://evil.example/a)}</style>'],
    ['a style sheet with a font', '<style>@font-face{src:url(data:font/woff;base64,AA)}</style>'],
    [
      'a style sheet split by a comment',
      '<style>rect{fill:u/**/rl(x);b:url/**/(https://evil.example)}</style>',
    ],
    ['a style sheet in CDATA', '<style><![CDATA[@import url(https://evil.example/a.css);]]></style>'],
  ])('drops %s', (_, hostile) => {
    const result = cleanInner(hostile);

    expect(result).not.toMatch(/evil|alert|<script|@import|<!--|<\?/i);
    expect(result).toMatch(/^(?:<style>rect\{fill:u rl\(x\)[^<]*<\/style>)?$/);
  });

  it.each([
    ['an event handler', '<rect onload="alert(1)" onclick="alert(1)" width="1"/>'],
    ['a script link', '<use href="javascript:alert(1)" width="1"/>'],
    ['a link outside', '<use xlink:href="https://evil.example/a.svg#b" width="1"/>'],
    ['a file', '<image href="file:///etc/passwd" width="1"/>'],
    ['a relative file', '<image href="../../secret.png" width="1"/>'],
    ['an embedded SVG', '<image href="data:image/svg+xml;base64,PHN2Zy8+" width="1"/>'],
    ['embedded HTML', '<image href="data:text/html,x" width="1"/>'],
    ['a picture that is none', '<image href="data:image/png;base64,AAAA" width="1"/>'],
    ['a paint server outside', '<rect fill="url(https://evil.example/a.svg#b)" width="1"/>'],
    ['a filter outside', '<rect filter="url(\'//evil.example/a#b\')" width="1"/>'],
    ['a style outside', '<rect style="fill:url( https://evil.example )" width="1"/>'],
    [
      'a source',
      '<rect src="https://evil.example" data-x="evil" xml:base="https://evil.example/" width="1"/>',
    ],
  ])('drops the attribute that is %s and keeps the element', (_, hostile) => {
    expect(cleanInner(hostile)).toMatch(/^<(?:rect|use|image) width="1"><\/(?:rect|use|image)>$/);
  });

  it('keeps the children of a link, without the link', () => {
    expect(cleanInner('<a href="https://evil.example"><rect width="1"/></a>')).toBe(
      '<rect width="1"></rect>',
    );
  });

  it('expands no entities and keeps no document type', () => {
    const laughs =
      '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>' +
      wrap('<text>&b;&x;&#60;script&#62;</text>');

    const result = clean(laughs);

    expect(result).not.toMatch(/DOCTYPE|ENTITY|haha|<script/);
    expect(result).toContain('<text>&amp;b;&amp;x;&lt;script&gt;</text>');
  });

  it('closes what was left open, keeps one of two references, and drops what XML cannot hold', async () => {
    const result = clean(
      `<svg width="9" height="9"><use href="#a" xlink:href="#b"/><g id="a\u0001b"><rect fill="r&quot;ed"`,
    );

    expect(result).toBe(
      `<svg ${NAMESPACES} width="9" height="9"><use xlink:href="#a"></use><g id="ab"></g></svg>`,
    );
    expect((await sharp(Buffer.from(result)).metadata()).width).toBe(9);
  });

  it('keeps small embedded pictures', async () => {
    const png = (await photoPngWithAlpha(20, 10)).toString('base64');
    const jpeg = (
      await sharp(await photoPngWithAlpha(20, 10))
        .jpeg()
        .toBuffer()
    ).toString('base64');
    const webp = (
      await sharp(await photoPngWithAlpha(20, 10))
        .webp()
        .toBuffer()
    ).toString('base64');

    for (const data of [`png;base64,${png}`, `jpeg;base64,${jpeg}`, `webp;base64,${webp}`]) {
      expect(cleanInner(`<image href="data:image/${data}" width="9"/>`)).toContain(
        `xlink:href="data:image/${data}"`,
      );
    }
    expect(cleanInner(`<image href="data:image/jpeg;base64,${png}" width="9"/>`)).not.toContain('data:');
  });

  it('refuses embedded pictures that are large when decoded', async () => {
    const bomb = (await corpus('png-30000x30000')).toString('base64');

    expect(() => clean(wrap(`<image href="data:image/png;base64,${bomb}"/>`))).toThrow(
      problem('undecodable-image', /embedded pictures of more than 4000000 pixels/),
    );
  });

  it('refuses what is too large, too long or too deep', () => {
    const text = ' '.repeat(SVG_LIMITS.maxBytes);

    expect(() => clean(wrap(text))).toThrow(problem('source-too-large', /at most 2097152 bytes/));
    expect(() => clean(wrap('<g/>'.repeat(SVG_LIMITS.maxElements)))).toThrow(
      problem('undecodable-image', /more than 20000 elements/),
    );
    expect(() => clean(wrap('<g>'.repeat(100)))).toThrow(
      problem('undecodable-image', /deeper than 64 elements/),
    );
    expect(() => clean(wrap('<x>'.repeat(100)))).toThrow(
      problem('undecodable-image', /deeper than 64 elements/),
    );
  });

  it.each<[string, string]>([
    [
      'references that multiply',
      `<g id="a0"><rect width="9" height="9"/></g>${[1, 2, 3, 4, 5, 6].map((level) => `<g id="a${level}">${`<use href="#a${level - 1}"/>`.repeat(10)}</g>`).join('')}`,
    ],
    [
      'many filters',
      `<filter id="f"><feGaussianBlur stdDeviation="9"/></filter>${'<rect filter="url(#f)"/>'.repeat(200)}`,
    ],
    [
      'many filters by a sheet',
      `<style>rect{filter:url(#f)}</style><filter id="f"><feGaussianBlur stdDeviation="9"/></filter>${'<rect/>'.repeat(300)}`,
    ],
    [
      'a long filter',
      `<filter id="f">${'<feGaussianBlur stdDeviation="9"/>'.repeat(101)}</filter><rect filter="url(#f)"/>`,
    ],
    ['nested layers', `${'<g opacity=".9">'.repeat(9)}<rect/>`],
    [
      'layers nested by references',
      Array.from(
        { length: 9 },
        (_, index) => `<g id="a${index}" style="opacity:.5"><use href="#a${index + 1}"/></g>`,
      ).join(''),
    ],
    ['references in a circle', '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'],
    ['a reference to oneself', '<g id="a"><use href="#a"/></g>'],
  ])('refuses %s', (_, hostile) => {
    expect(() => clean(wrap(hostile))).toThrow(problem('undecodable-image', /^The SVG is too complex: /));
  });

  it('accepts icons, maps and logos of a usual size', () => {
    const paths = '<path d="M0 0h1" fill-opacity=".5" class="b"/>'.repeat(5000);

    expect(clean(wrap(`<style>.b{stroke:red}</style>${paths}`)).length).toBeGreaterThan(100_000);
    expect(() =>
      clean(
        wrap(
          '<g opacity=".5"><rect filter="url(#f)"/></g><filter id="f"><feGaussianBlur stdDeviation="2"/></filter>',
        ),
      ),
    ).not.toThrow();
    expect(() => clean(wrap('<use href="#a"/><g id="a"><rect/></g>'.repeat(1)))).not.toThrow();
  });

  it.each(['<html><body/></html>', '<rss/>', '', 'text'])('refuses %p as no image', (text) => {
    expect(() => clean(text)).toThrow(expect.objectContaining({ code: 'not-an-image' }));
  });

  it('knows which drawings need surfaces of their own', () => {
    expect(isComplexSvg(sanitiseSvg(Buffer.from(wrap('<rect fill-opacity=".5"/>'))))).toBe(false);
    for (const inner of [
      '<g opacity=".5"/>',
      '<text>a</text>',
      '<mask/>',
      '<rect style="fill:red;opacity:.5"/>',
      '<pattern/>',
      '<style>rect{opacity:.2}</style>',
    ]) {
      expect(isComplexSvg(sanitiseSvg(Buffer.from(wrap(inner))))).toBe(true);
    }
  });
});
