import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { thumbHashToRGBA } from 'thumbhash';
import { corpus, orientedJpeg, truncations, type CorpusName } from '../../../test/support/image-corpus.js';
import { probeHeader, type ProbeLimits } from '../probe/probe-header.js';
import { makePlaceholder, placeholderOperation, type Placeholder } from './placeholder.js';

const LIMITS: ProbeLimits = { maxPixels: 100_000_000, maxFrames: 500, svg: true };

const placeholder = async (bytes: Buffer): Promise<Placeholder> =>
  makePlaceholder(bytes, await probeHeader(bytes, LIMITS));

describe('makePlaceholder', () => {
  it.each<CorpusName>([
    'jpeg',
    'jpeg-cmyk',
    'jpeg-grey',
    'png',
    'png-16bit',
    'png-alpha',
    'webp-animated',
    'gif-animated',
    'avif',
    'tiff',
    'svg',
    'one-pixel',
    'wide-16000x1',
  ])('describes %s in a few bytes', async (name) => {
    const made = await placeholder(await corpus(name));
    const hash = Buffer.from(made.thumbhash, 'base64');

    expect(hash.length).toBeLessThanOrEqual(30);
    expect(thumbHashToRGBA(hash).w).toBeGreaterThan(0);
    expect(made.dominantColour).toMatch(/^#[\da-f]{6}$/);
    expect(made.dataUri.length).toBeLessThan(1500);
    const { format, width, height } = await sharp(
      Buffer.from(made.dataUri.slice('data:image/webp;base64,'.length), 'base64'),
    ).metadata();
    expect(format).toBe('webp');
    expect(Math.max(width, height)).toBeLessThanOrEqual(24);
  });

  it('gives the size as displayed', async () => {
    expect(await placeholder(await corpus('png'))).toMatchObject({
      width: 80,
      height: 60,
      aspectRatio: 1.3333,
    });
    expect(await placeholder(await orientedJpeg(6))).toMatchObject({
      width: 80,
      height: 60,
      aspectRatio: 1.3333,
    });
  });

  it('finds the colour of most of the picture, transparent parts left out', async () => {
    const mostlyRed = await sharp({ create: { width: 100, height: 100, channels: 3, background: '#c81e1e' } })
      .composite([
        { input: { create: { width: 100, height: 30, channels: 3, background: 'blue' } }, left: 0, top: 0 },
      ])
      .png()
      .toBuffer();
    const clear = await sharp({
      create: { width: 100, height: 100, channels: 4, background: { r: 0, g: 255, b: 0, alpha: 0 } },
    })
      .composite([{ input: { create: { width: 20, height: 20, channels: 3, background: '#0a64c8' } } }])
      .png()
      .toBuffer();

    expect((await placeholder(mostlyRed)).dominantColour).toBe('#c81e1e');
    expect((await placeholder(clear)).dominantColour).toBe('#0a64c8');
  });

  it('reports damage as such', async () => {
    const whole = await corpus('jpeg-photo');
    const header = await probeHeader(whole, LIMITS);
    for (const cut of truncations(whole)) {
      await expect(makePlaceholder(cut, header)).rejects.toMatchObject({ code: 'undecodable-image' });
    }
  });

  it('asks for next to no output', async () => {
    const operation = placeholderOperation(await probeHeader(await corpus('gif-animated'), LIMITS));

    expect(operation).toMatchObject({ pages: 1, outputWidth: 64, outputHeight: 64 });
  });
});
