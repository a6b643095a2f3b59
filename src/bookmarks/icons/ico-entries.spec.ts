import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { drawn, LOGOS } from './drawn-icons.fixture.js';
import { icoPictures, isIco, type IcoPicture } from './ico-entries.js';
import { bitmapHeader, icoFile, icoOf } from './ico-file.fixture.js';

const SQUARES = LOGOS['four squares'] as string;

const all = (bytes: Buffer): IcoPicture[] => [...icoPictures(bytes)];

describe('the pictures of an icon file', () => {
  it('come largest first, bitmaps as pixels and PNG as they are', async () => {
    const file = await icoFile([
      { drawing: SQUARES, side: 16, as: 'bitmap' },
      { drawing: SQUARES, side: 128, as: 'png' },
      { drawing: SQUARES, side: 32, as: 'bitmap' },
    ]);

    expect(isIco(file)).toBe(true);
    expect(all(file).map(({ kind, width }) => [kind, width])).toEqual([
      ['png', 128],
      ['pixels', 32],
      ['pixels', 16],
    ]);
  });

  it.each([
    ['32 bits', {}],
    ['32 bits whose alpha says nothing', { withoutAlpha: true }],
    ['24 bits and a mask', { bits: 24 as const }],
  ])('are the pixels that were put in: %s', async (_name, part) => {
    const expected = await sharp(await drawn(SQUARES, 32))
      .ensureAlpha()
      .raw()
      .toBuffer();

    const [picture] = all(await icoFile([{ drawing: SQUARES, side: 32, as: 'bitmap', ...part }]));

    const rgba = picture?.kind === 'pixels' ? picture.rgba : Buffer.alloc(0);
    expect(rgba.length).toBe(expected.length);
    for (let at = 0; at < rgba.length; at += 4) {
      const isSeen = (expected[at + 3] ?? 0) >= 250;
      const isGone = (expected[at + 3] ?? 0) < 5;
      expect([isSeen, isSeen && rgba.subarray(at, at + 4).equals(expected.subarray(at, at + 4))]).toEqual([
        isSeen,
        isSeen,
      ]);
      expect(isGone && rgba[at + 3] !== 0).toBe(false);
    }
  });

  it('are private copies, free of the file', async () => {
    const file = await icoFile([{ drawing: SQUARES, side: 64, as: 'png' }]);
    const [picture] = all(file);
    const bytes = picture?.kind === 'png' ? picture.bytes : file;

    expect(bytes.buffer).not.toBe(file.buffer);
  });

  it('are three at most, whatever the directory says', async () => {
    const data = await drawn(SQUARES, 16);
    expect(all(icoOf(Array.from({ length: 40 }, () => ({ data, side: 16 }))))).toHaveLength(3);
  });

  it('a directory of 65 535 entries that share one bitmap costs no more than a few of them', () => {
    const bitmap = Buffer.concat([bitmapHeader(256, 256, 32), Buffer.alloc(256 * 256 * 4 + 8_192)]);
    const count = 65_535;
    const at = 6 + 16 * count;
    const file = icoOf([{ data: bitmap, side: 0, offset: at }], count);
    for (let index = 1; index < count; index += 1) file.copy(file, 6 + 16 * index, 6, 22);

    const before = process.memoryUsage().arrayBuffers;
    const pictures = all(file);

    expect(pictures).toHaveLength(3);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 ** 2);
  });

  it.each([
    [
      'a bitmap that says it has 30 000 × 30 000 pixels',
      icoOf([{ data: Buffer.concat([bitmapHeader(30_000, 30_000, 32), Buffer.alloc(100)]), side: 32 }]),
    ],
    [
      'a negative height',
      icoOf([{ data: Buffer.concat([bitmapHeader(16, -16, 32), Buffer.alloc(4_000)]), side: 16 }]),
    ],
    [
      '16 bits a pixel',
      icoOf([{ data: Buffer.concat([bitmapHeader(16, 16, 16), Buffer.alloc(4_000)]), side: 16 }]),
    ],
    [
      'pixels that break off',
      icoOf([{ data: Buffer.concat([bitmapHeader(32, 32, 32), Buffer.alloc(50)]), side: 32 }]),
    ],
    ['an entry past the end', icoOf([{ data: Buffer.alloc(60), side: 16, offset: 4_000_000_000 }])],
    ['an entry without data', icoOf([{ data: Buffer.alloc(0), side: 16 }])],
    ['no entries', icoOf([])],
    ['a directory that breaks off', icoOf([{ data: Buffer.alloc(60), side: 16 }]).subarray(0, 12)],
    ['nothing but the signature', Buffer.from([0, 0, 1, 0, 255, 255, 0])],
  ])('there are none in %s', (_name, file) => {
    expect(all(file)).toEqual([]);
  });

  it('a damaged one gives way to the next', async () => {
    const good = await drawn(SQUARES, 16);
    const file = icoOf([
      { data: Buffer.concat([bitmapHeader(64, 64, 32), Buffer.alloc(10)]), side: 64 },
      { data: good, side: 16 },
    ]);

    expect(all(file).map(({ width }) => width)).toEqual([16]);
  });

  it('other files are no icon files', async () => {
    expect(isIco(await drawn(SQUARES, 16))).toBe(false);
    expect(isIco(Buffer.from('<!doctype html>'))).toBe(false);
    expect(isIco(Buffer.alloc(0))).toBe(false);
  });
});
