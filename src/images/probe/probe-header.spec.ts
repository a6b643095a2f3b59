import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '../../config/index.js';
import sharp from 'sharp';
import {
  corpus,
  corpusFile,
  orientedJpeg,
  photoRaw,
  truncations,
  type CorpusName,
} from '../../../test/support/image-corpus.js';
import { probeHeader, probeLimits, type ProbeLimits } from './probe-header.js';

const LIMITS: ProbeLimits = { maxPixels: 100_000_000, maxFrames: 500, svg: false };

describe('probeHeader', () => {
  it.each<[CorpusName, object]>([
    [
      'jpeg',
      {
        format: 'jpeg',
        width: 80,
        height: 60,
        channels: 3,
        progressive: false,
        chromaSubsampling: '4:4:4',
        hasAlpha: false,
        orientation: 1,
      },
    ],
    ['jpeg-progressive', { format: 'jpeg', progressive: true, chromaSubsampling: '4:2:0' }],
    ['jpeg-cmyk', { format: 'jpeg', channels: 4, chromaSubsampling: 'cmyk', hasAlpha: false }],
    ['jpeg-grey', { format: 'jpeg', channels: 1 }],
    ['png', { format: 'png', width: 80, height: 60, bitsPerSample: 8, progressive: false }],
    ['png-16bit', { format: 'png', bitsPerSample: 16 }],
    ['png-interlaced', { format: 'png', progressive: true }],
    ['png-palette', { format: 'png', bitsPerSample: 8 }],
    ['png-alpha', { format: 'png', hasAlpha: true, channels: 4 }],
    ['webp', { format: 'webp', lossless: false, pages: 1 }],
    ['webp-lossless', { format: 'webp', lossless: true }],
    ['webp-alpha', { format: 'webp', lossless: false, hasAlpha: true }],
    ['webp-lossless-extended', { format: 'webp', lossless: true, hasAlpha: true }],
    ['webp-animated', { format: 'webp', width: 40, height: 30, pages: 3 }],
    ['gif', { format: 'gif', pages: 1 }],
    ['gif-animated', { format: 'gif', width: 40, height: 30, pages: 3 }],
    ['avif', { format: 'avif', width: 80, height: 60, pages: 1 }],
    ['tiff', { format: 'tiff', width: 80, height: 60, pages: 1 }],
    ['one-pixel', { format: 'png', width: 1, height: 1 }],
    ['wide-16000x1', { format: 'png', width: 16_000, height: 1 }],
  ])('reads %s, from a buffer and from a file alike', async (name, expected) => {
    const bytes = await corpus(name);

    const fromBuffer = await probeHeader(bytes, LIMITS);
    const fromFile = await probeHeader(await corpusFile(name), LIMITS);

    expect(fromBuffer).toMatchObject({ ...expected, bytes: bytes.length });
    expect(fromFile).toEqual(fromBuffer);
    expect(Object.isFrozen(fromBuffer)).toBe(true);
  });

  it('tells lossless from lossy inside the frames of an animation', async () => {
    const frame = (background: string): Promise<Buffer> =>
      sharp({ create: { width: 20, height: 20, channels: 3, background } })
        .png()
        .toBuffer();
    const frames = await Promise.all(['red', 'blue'].map(frame));
    const animated = (lossless: boolean): Promise<Buffer> =>
      sharp(frames, { join: { animated: true } })
        .webp({ lossless })
        .toBuffer();

    expect((await probeHeader(await animated(true), LIMITS)).lossless).toBe(true);
    expect((await probeHeader(await animated(false), LIMITS)).lossless).toBe(false);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('reads EXIF orientation %d', async (orientation) => {
    const header = await probeHeader(await orientedJpeg(orientation), LIMITS);

    expect(header).toMatchObject({
      orientation,
      width: orientation >= 5 ? 60 : 80,
      height: orientation >= 5 ? 80 : 60,
    });
  });

  it('goes by the bytes, not by the extension', async () => {
    expect((await probeHeader(await corpusFile('png', 'photo.jpg'), LIMITS)).format).toBe('png');
    await expect(probeHeader(await corpusFile('html', 'photo.jpg'), LIMITS)).rejects.toMatchObject({
      code: 'not-an-image',
      message: 'The bytes look like HTML; supported are JPEG, PNG, WebP, GIF, TIFF and AVIF.',
    });
  });

  it.each<[string, string | Buffer, string]>([
    ['nothing', '', 'an empty file'],
    ['HTML', '\n <html><body>', 'HTML'],
    ['HTML with a comment', '<!-- x --><!doctype html><html>', 'HTML'],
    ['XML', '<?xml version="1.0"?><rss/>', 'XML'],
    ['JSON', '{"a":1}', 'something else'],
    ['PDF', '%PDF-1.7\n', 'PDF'],
    ['BMP', 'BM\0\0\0\0', 'BMP'],
    ['ICO', '\0\0\x01\0\x01\0', 'an ICO or CUR icon'],
    ['JPEG XL', Buffer.from([0xff, 0x0a, 0, 0]), 'JPEG XL'],
    ['JPEG XL in a box', '\0\0\0\x0cJXL \r\n\x87\n', 'JPEG XL'],
    ['HEIC', '\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'HEIC'],
    ['MP4', '\0\0\0\x18ftypisom\0\0\0\0isomavc1', 'a video or another ISO media file'],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0]), 'gzip'],
    [
      'SVG while it is off',
      '<svg xmlns="http://www.w3.org/2000/svg"/>',
      'SVG, which is switched off here (IMAGE_SVG)',
    ],
  ])('refuses %s by name', async (_, bytes, what) => {
    await expect(probeHeader(Buffer.from(bytes as string, 'latin1'), LIMITS)).rejects.toMatchObject({
      code: 'not-an-image',
      message: `The bytes look like ${what}; supported are JPEG, PNG, WebP, GIF, TIFF and AVIF.`,
    });
  });

  it('reads the size of an SVG when that is on', async () => {
    expect(await probeHeader(await corpus('svg'), { ...LIMITS, svg: true })).toMatchObject({
      format: 'svg',
      width: 80,
      height: 60,
      hasAlpha: true,
      svgComplex: false,
    });
  });

  it('refuses pixel bombs by their header', async () => {
    await expect(probeHeader(await corpus('png-30000x30000'), LIMITS)).rejects.toMatchObject({
      code: 'image-too-many-pixels',
      message: 'The image has 900000000 pixels (30000 × 30000); at most 100000000 are allowed.',
    });
    await expect(probeHeader(await corpus('gif-10000-frames'), LIMITS)).rejects.toMatchObject({
      code: 'image-too-many-pixels',
      message: 'The image has more than the 500 frames that are allowed.',
    });
  });

  it('counts the pixels of all frames, each limit at its edge', async () => {
    const animated = await corpus('gif-animated');

    await expect(
      probeHeader(animated, { ...LIMITS, maxPixels: 3 * 40 * 30, maxFrames: 3 }),
    ).resolves.toMatchObject({ pages: 3 });
    await expect(probeHeader(animated, { ...LIMITS, maxPixels: 3 * 40 * 30 - 1 })).rejects.toMatchObject({
      code: 'image-too-many-pixels',
    });
    await expect(probeHeader(animated, { ...LIMITS, maxFrames: 2 })).rejects.toMatchObject({
      code: 'image-too-many-pixels',
    });
  });

  it('answers truncated headers as damaged images, never as another type', async () => {
    for (const name of ['webp-photo', 'gif-photo', 'tiff-photo', 'gif-animated'] as const) {
      for (const cut of truncations(await corpus(name))) {
        await expect(probeHeader(cut, LIMITS)).rejects.toMatchObject({ code: 'undecodable-image' });
      }
    }
  });

  it('forgives a GIF without a trailer, but no broken block', async () => {
    const whole = await corpus('gif-animated');

    await expect(probeHeader(whole.subarray(0, -1), LIMITS)).resolves.toMatchObject({ pages: 3 });
    await expect(probeHeader(whole.subarray(0, -2), LIMITS)).rejects.toMatchObject({
      code: 'undecodable-image',
    });
  });

  it('says so when the file is gone', async () => {
    await expect(probeHeader('/nonexistent/plimsoll', LIMITS)).rejects.toMatchObject({
      code: 'storage-unavailable',
      message: 'The stored source could not be read.',
    });
  });

  it('refuses a page that the TIFF does not have', async () => {
    await expect(probeHeader(await corpus('tiff'), { ...LIMITS, page: 3 })).rejects.toMatchObject({
      code: 'invalid-parameter',
    });
  });

  it('takes its limits from the settings', () => {
    const settings = loadSettings(
      { IMAGE_MAX_PIXELS: '1000', IMAGE_MAX_FRAMES: '7', IMAGE_SVG: 'on' },
      { containerLimitBytes: null, totalMemoryBytes: 8 * 1024 ** 3, heapLimitBytes: 2 ** 29 },
    );

    expect(probeLimits(settings)).toEqual({ maxPixels: 1000, maxFrames: 7, svg: true });
  });

  it('refuses a photograph over the limit as sharp sees it', async () => {
    const { data, width, height, channels } = photoRaw(100, 50);
    const bytes = await sharp(data, { raw: { width, height, channels } }).jpeg().toBuffer();

    await expect(probeHeader(bytes, { ...LIMITS, maxPixels: 4999 })).rejects.toMatchObject({
      code: 'image-too-many-pixels',
    });
  });
});
