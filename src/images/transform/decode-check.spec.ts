import { describe, expect, it } from '@jest/globals';
import { corpus, corpusFile, truncations, type CorpusName } from '../../../test/support/image-corpus.js';
import type { ImageHeader } from '../../image-memory/index.js';
import { probeHeader, type ProbeLimits } from '../probe/probe-header.js';
import { decodeCheck, decodeCheckOperation } from './decode-check.js';

const LIMITS: ProbeLimits = { maxPixels: 100_000_000, maxFrames: 500, svg: true };

const probe = async (name: CorpusName): Promise<ImageHeader> => probeHeader(await corpus(name), LIMITS);

describe('decodeCheck', () => {
  it.each<CorpusName>([
    'jpeg',
    'jpeg-progressive',
    'jpeg-cmyk',
    'png',
    'png-16bit',
    'png-interlaced',
    'webp',
    'webp-lossless',
    'webp-animated',
    'gif',
    'gif-animated',
    'avif',
    'tiff',
    'svg',
    'one-pixel',
    'wide-16000x1',
  ])('passes %s, from a buffer and from a file', async (name) => {
    const header = await probe(name);

    await expect(decodeCheck(await corpus(name), header)).resolves.toBeUndefined();
    await expect(decodeCheck(await corpusFile(name), header)).resolves.toBeUndefined();
  });

  it.each<CorpusName>([
    'jpeg-photo',
    'jpeg-progressive',
    'png-photo',
    'png-interlaced',
    'webp-photo',
    'webp-lossless-photo',
    'webp-animated',
    'gif-photo',
    'avif-photo',
    'tiff-photo',
  ])('finds %s truncated at each of ten points, though it shrinks on load', async (name) => {
    const header = await probe(name);
    for (const cut of truncations(await corpus(name))) {
      await expect(decodeCheck(cut, header)).rejects.toMatchObject({ code: 'undecodable-image' });
    }
  });

  it('finds frames missing that the header counted', async () => {
    const whole = await corpus('gif-animated');

    await expect(decodeCheck(whole.subarray(0, 170), await probe('gif-animated'))).rejects.toMatchObject({
      code: 'undecodable-image',
    });
  });

  it('finds damage in the middle of the pixels', async () => {
    for (const name of ['png-photo', 'webp-lossless-photo'] as const) {
      const damaged = Buffer.from(await corpus(name));
      const middle = Math.floor(damaged.length / 2);
      damaged.fill(0xff, middle, middle + 200);

      await expect(decodeCheck(damaged, await probe(name))).rejects.toMatchObject({
        code: 'undecodable-image',
      });
    }
  });

  it('decodes no more pixels than the header said', async () => {
    await expect(decodeCheck(await corpus('png-30000x30000'), await probe('png'))).rejects.toMatchObject({
      code: 'image-too-many-pixels',
    });
  });

  it('asks for all frames of an animation', async () => {
    expect(decodeCheckOperation(await probe('gif-animated')).pages).toBe(3);
    expect(decodeCheckOperation(await probe('tiff')).pages).toBe(1);
  });
});
