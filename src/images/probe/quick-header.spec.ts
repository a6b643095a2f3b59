import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import {
  corpus,
  orientedJpeg,
  photoRaw,
  truncations,
  type CorpusName,
} from '../../../test/support/image-corpus.js';
import type { SourceFormat } from '../../image-memory/index.js';
import { quickHeader } from './quick-header.js';

const { data, width, height, channels } = photoRaw(90, 40, 5, 4);
const photo = sharp(data, { raw: { width, height, channels } });
const opaque = photo.clone().removeAlpha();

/** What sharp says of the same bytes. */
async function expectAgreement(format: SourceFormat, bytes: Buffer): Promise<void> {
  const metadata = await sharp(bytes, { limitInputPixels: false }).metadata();
  const quick = quickHeader(format, bytes);

  expect(quick).toMatchObject({
    width: metadata.width,
    height: metadata.height,
    channels: metadata.channels,
    hasAlpha: metadata.hasAlpha,
    progressive: metadata.isProgressive,
    bitsPerSample: metadata.depth === 'ushort' ? 16 : 8,
    orientation: metadata.orientation ?? 1,
    pages: 1,
  });
}

describe('quickHeader', () => {
  it.each<CorpusName>(['jpeg', 'jpeg-progressive', 'jpeg-cmyk', 'jpeg-grey', 'jpeg-photo'])(
    'agrees with sharp on %s',
    async (name) => {
      await expectAgreement('jpeg', await corpus(name));
    },
  );

  it.each<CorpusName>([
    'png',
    'png-16bit',
    'png-interlaced',
    'png-palette',
    'png-alpha',
    'one-pixel',
    'wide-16000x1',
    'png-30000x30000',
  ])('agrees with sharp on %s', async (name) => {
    await expectAgreement('png', await corpus(name));
  });

  it('agrees with sharp on grey, transparent palettes and profiles', async () => {
    for (const picture of [
      opaque.clone().greyscale().toColourspace('b-w').png(),
      photo.clone().greyscale().toColourspace('b-w').png(),
      photo.clone().png({ palette: true }),
      photo.clone().withIccProfile('p3').png(),
    ]) {
      await expectAgreement('png', await picture.toBuffer());
    }
    await expectAgreement('jpeg', await opaque.clone().withIccProfile('p3').jpeg().toBuffer());
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('agrees with sharp on EXIF orientation %d', async (orientation) => {
    await expectAgreement('jpeg', await orientedJpeg(orientation));
  });

  it.each([
    ['4:2:0', { chromaSubsampling: '4:2:0' }],
    ['4:4:4', { chromaSubsampling: '4:4:4' }],
  ])('reads subsampling %s', async (expected, options) => {
    expect(quickHeader('jpeg', await opaque.clone().jpeg(options).toBuffer())).toMatchObject({
      chromaSubsampling: expected,
    });
  });

  it('leaves to sharp what it does not know, and what breaks off', async () => {
    const withExif = await opaque.clone().withMetadata({ orientation: 6 }).png().toBuffer();

    expect(quickHeader('png', withExif)).toBeUndefined();
    expect(quickHeader('webp', await corpus('webp'))).toBeUndefined();
    const jpeg = await corpus('jpeg');
    for (const cut of truncations(jpeg.subarray(0, 150))) expect(quickHeader('jpeg', cut)).toBeUndefined();
    for (const cut of truncations((await corpus('png')).subarray(0, 33)))
      expect(quickHeader('png', cut)).toBeUndefined();
    expect(quickHeader('jpeg', Buffer.from([0xff, 0xd8, 0xff, 0xc3, 0, 11, 8]))).toBeUndefined();
    expect(quickHeader('jpeg', Buffer.alloc(100, 0xff))).toBeUndefined();
  });
});
