import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import {
  corpus,
  CORNERS,
  corpusFile,
  orientedJpeg,
  photoJpeg,
  photoPngWithAlpha,
  truncations,
  type CorpusName,
} from '../../../test/support/image-corpus.js';
import { loadSettings } from '../../config/index.js';
import type { ImageHeader, OutputFormat } from '../../image-memory/index.js';
import { parseImageQuery } from '../parameters/parse-image-query.js';
import { probeHeader, probeLimits } from '../probe/probe-header.js';
import { planTransform, type PlanOptions, type TransformPlan } from './plan-transform.js';
import { transformImage, type TransformResult } from './transform-image.js';

const settings = loadSettings(
  { IMAGE_SVG: 'on' },
  { containerLimitBytes: null, totalMemoryBytes: 8 * 1024 ** 3, heapLimitBytes: 512 * 1024 ** 2 },
);

function planFor(
  header: ImageHeader,
  query: string,
  format: OutputFormat,
  options: PlanOptions = {},
): TransformPlan {
  return planTransform(
    header,
    parseImageQuery([...new URLSearchParams(query)], settings).parameters,
    format,
    settings,
    options,
  );
}

async function make(
  input: Buffer | string,
  query = '',
  format: OutputFormat = 'png',
  options: PlanOptions = {},
): Promise<TransformResult> {
  const header = await probeHeader(input, probeLimits(settings));
  const plan = planFor(header, query, format, options);
  const result = await transformImage(input, plan);
  expect(result.bytes.buffer.byteLength).toBe(result.bytes.byteLength);
  const inside = await sharp(result.bytes, { animated: true }).metadata();
  expect({ width: result.width, height: result.height }).toEqual({
    width: inside.width,
    height: inside.pageHeight ?? inside.height,
  });
  expect([inside.exif, inside.icc, inside.xmp, inside.iptc, inside.orientation]).toEqual(
    Array(5).fill(undefined),
  );
  const isExact = plan.trim === undefined && plan.geometry.smartCrop === undefined;
  const { width, height, pages } = isExact ? plan : result;
  expect([result.width, result.height, result.pages]).toEqual([width, height, pages]);
  expect([result.hasAlpha, plan.operation.outputAlpha]).not.toEqual([true, false]);
  return result;
}

type Rgba = readonly number[];

/** The pixel at shares of width and height, as RGBA. */
async function pixel(bytes: Buffer, x: number, y: number): Promise<Rgba> {
  const { data, info } = await sharp(bytes).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const column = Math.min(info.width - 1, Math.floor(x * info.width));
  const row = Math.min(info.height - 1, Math.floor(y * info.height));
  return [...data.subarray((row * info.width + column) * 4, (row * info.width + column) * 4 + 4)];
}

const distance = (a: Rgba, b: Rgba): number =>
  Math.max(...b.map((value, index) => Math.abs(value - (a[index] ?? 0))));

/** Expects the four corners, in the order of {@link CORNERS}, within what an encoder may change. */
async function expectCorners(bytes: Buffer, corners: readonly Rgba[], tolerance = 24): Promise<void> {
  const points = [
    [0.2, 0.2],
    [0.8, 0.2],
    [0.2, 0.8],
    [0.8, 0.8],
  ] as const;
  for (const [index, [x, y]] of points.entries()) {
    const expected = corners[index] ?? [];
    const found = await pixel(bytes, x, y);
    expect({ index, found, near: distance(found, expected) <= tolerance }).toEqual({
      index,
      found,
      near: true,
    });
  }
}

const { leftTop, rightTop, leftBottom, rightBottom } = CORNERS;
const UPRIGHT = [leftTop, rightTop, leftBottom, rightBottom];

describe('transformImage', () => {
  const SOURCES: readonly CorpusName[] = [
    'jpeg',
    'jpeg-cmyk',
    'png',
    'png-16bit',
    'png-palette',
    'webp',
    'webp-lossless',
    'gif',
    'avif',
    'tiff',
    'svg',
  ];
  const FORMATS: readonly OutputFormat[] = ['jpeg', 'png', 'webp', 'avif', 'gif'];

  describe.each(SOURCES)('from %s', (source) => {
    it.each(FORMATS)('to %s shows the same picture in sRGB', async (format) => {
      const result = await make(await corpus(source), 'w=40', format);

      expect(result).toMatchObject({
        width: 40,
        height: 30,
        format,
        contentType: `image/${format}`,
        pages: 1,
      });
      // CMYK has no such colours: its profile brings them nearer to grey.
      await expectCorners(result.bytes, UPRIGHT, source === 'jpeg-cmyk' ? 120 : 24);
    });
  });

  it.each<CorpusName>([
    'jpeg-progressive',
    'jpeg-grey',
    'png-interlaced',
    'png-alpha',
    'webp-alpha',
    'one-pixel',
    'wide-16000x1',
  ])('takes %s', async (name) => {
    const result = await make(await corpus(name), 'w=100', 'webp');

    expect(result.width).toBeLessThanOrEqual(100);
  });

  it('reads from a file as from a buffer', async () => {
    const fromFile = await make(await corpusFile('jpeg', 'wrong.png'), 'w=33', 'webp');

    expect(fromFile.bytes.equals((await make(await corpus('jpeg'), 'w=33', 'webp')).bytes)).toBe(true);
  });

  describe('EXIF orientation', () => {
    it.each([1, 2, 3, 4, 5, 6, 7, 8])(
      '%d is shown upright, resized, cropped and padded',
      async (orientation) => {
        const bytes = await orientedJpeg(orientation);

        await expectCorners((await make(bytes)).bytes, UPRIGHT);
        expect(await make(bytes, 'w=40')).toMatchObject({ width: 40, height: 30 });
        await expectCorners((await make(bytes, 'w=40')).bytes, UPRIGHT);
        await expectCorners((await make(bytes, 'w=30&h=30')).bytes, UPRIGHT);
        const padded = await make(bytes, 'w=40&h=60&fit=contain&background=white');
        expect(distance(await pixel(padded.bytes, 0.5, 0.05), [255, 255, 255])).toBe(0);
        expect(distance(await pixel(padded.bytes, 0.2, 0.35), leftTop)).toBeLessThan(24);
        expect(distance(await pixel(padded.bytes, 0.8, 0.65), rightBottom)).toBeLessThan(24);
      },
    );

    it.each([1, 2, 3, 4, 5, 6, 7, 8])('%d comes before flip, flop and rotate', async (orientation) => {
      const bytes = await orientedJpeg(orientation);

      await expectCorners((await make(bytes, 'flip=1')).bytes, [leftBottom, rightBottom, leftTop, rightTop]);
      await expectCorners((await make(bytes, 'flop=1')).bytes, [rightTop, leftTop, rightBottom, leftBottom]);
      await expectCorners((await make(bytes, 'rotate=90&w=30')).bytes, [
        leftBottom,
        leftTop,
        rightBottom,
        rightTop,
      ]);
      await expectCorners((await make(bytes, 'rotate=90&flop=1')).bytes, [
        rightBottom,
        rightTop,
        leftBottom,
        leftTop,
      ]);
      await expectCorners((await make(bytes, 'rotate=180&w=20&h=20')).bytes, [
        rightBottom,
        leftBottom,
        rightTop,
        leftTop,
      ]);
    });

    it.each([1, 6, 7])('%d is kept by trim and by strategies', async (orientation) => {
      const bytes = await orientedJpeg(orientation);

      await expectCorners((await make(bytes, 'trim=0&w=40')).bytes, UPRIGHT);
      const cropped = await make(bytes, 'w=20&h=60&position=attention&rotate=180');
      expect(cropped).toMatchObject({ width: 20, height: 60 });
      const [top, bottom] = await Promise.all([
        pixel(cropped.bytes, 0.1, 0.1),
        pixel(cropped.bytes, 0.1, 0.9),
      ]);
      expect(Math.min(distance(top, rightBottom), distance(top, leftBottom))).toBeLessThan(30);
      expect(Math.min(distance(bottom, rightTop), distance(bottom, leftTop))).toBeLessThan(30);
    });
  });

  describe('geometry', () => {
    // 80×60 pixels, four colours
    it.each([
      ['w=40', 40, 30],
      ['h=30', 40, 30],
      ['w=20&dpr=2', 40, 30],
      ['w=40&h=40', 40, 40],
      ['w=40&h=40&fit=contain', 40, 40],
      ['w=40&h=40&fit=inside', 40, 30],
      ['w=40&h=40&fit=outside', 53, 40],
      ['w=40&h=40&fit=fill', 40, 40],
      ['w=800', 80, 60],
      ['w=160&enlarge=1', 160, 120],
      ['w=160&h=160', 60, 60],
      ['w=30&rotate=90', 30, 40],
      ['w=40&h=40&rotate=90', 40, 40],
      ['w=40&rotate=45', 40, 40],
      ['w=40&h=20&rotate=30', 40, 20],
      ['w=40&h=20&rotate=30&fit=fill', 40, 20],
      ['w=40&h=20&rotate=30&fit=contain', 40, 20],
      ['w=40&h=20&rotate=200.5&fit=inside', 23, 20],
      ['w=40&h=20&rotate=30&position=attention', 40, 20],
      ['w=40&h=20&position=entropy', 40, 20],
      ['w=20&h=40&rotate=270&position=attention', 20, 40],
    ])('%s gives %d×%d', async (query, width, height) => {
      expect(await make(await corpus('png'), query, 'webp')).toMatchObject({ width, height });
      expect(await make(await corpus('jpeg'), query, 'jpeg')).toMatchObject({ width, height });
    });

    it('keeps the focal point', async () => {
      const crop = (position: string): Promise<TransformResult> =>
        corpus('png').then((bytes) => make(bytes, `w=15&h=60&position=${position}`));

      expect(distance(await pixel((await crop('left')).bytes, 0.5, 0.1), leftTop)).toBeLessThan(3);
      expect(distance(await pixel((await crop('right')).bytes, 0.5, 0.9), rightBottom)).toBeLessThan(3);
      expect(distance(await pixel((await crop('0.75,0.5')).bytes, 0.1, 0.1), rightTop)).toBeLessThan(3);
    });

    it('holds the limit of a side after rotating, padding and enlarging', async () => {
      const small = loadSettings(
        { IMAGE_MAX_OUTPUT_SIDE: '50' },
        { containerLimitBytes: null, totalMemoryBytes: 2 ** 33, heapLimitBytes: 2 ** 29 },
      );
      const bytes = await corpus('png');
      const header = await probeHeader(bytes, probeLimits(small));
      for (const query of [
        '',
        'rotate=33',
        'rotate=90',
        'h=50&enlarge=1',
        'w=50&h=20&fit=outside',
        'w=50&h=50&fit=contain&rotate=12',
        'trim=5',
      ]) {
        const { parameters } = parseImageQuery([...new URLSearchParams(query)], small);
        const result = await transformImage(bytes, planTransform(header, parameters, 'webp', small));

        expect(Math.max(result.width, result.height)).toBeLessThanOrEqual(50);
      }
    });

    it('shrinks a source that is longer than the limit, without being asked', async () => {
      expect(await make(await corpus('wide-16000x1'))).toMatchObject({ width: 8192, height: 1 });
    });
  });

  describe('colour and transparency', () => {
    it('keeps transparency where the format has it', async () => {
      for (const format of ['png', 'webp', 'avif', 'gif'] as const) {
        const result = await make(await corpus('png-alpha'), 'w=60', format);

        expect(result.hasAlpha).toBe(true);
        expect((await pixel(result.bytes, 0.01, 0.01))[3]).toBe(0);
        expect((await pixel(result.bytes, 0.5, 0.5))[3]).toBe(255);
      }
    });

    it('flattens for JPEG on white, and on the background where one is given', async () => {
      const onWhite = await make(await corpus('png-alpha'), 'w=60', 'jpeg');
      const onRed = await make(await corpus('png-alpha'), 'w=60&background=f00', 'jpeg');
      const onNothing = await make(await corpus('png-alpha'), 'w=60&background=transparent', 'jpeg');

      expect(distance(await pixel(onWhite.bytes, 0.01, 0.01), [255, 255, 255, 255])).toBeLessThan(6);
      expect(distance(await pixel(onRed.bytes, 0.01, 0.01), [255, 0, 0, 255])).toBeLessThan(24);
      expect(distance(await pixel(onNothing.bytes, 0.01, 0.01), [255, 255, 255, 255])).toBeLessThan(6);
      expect(onRed.hasAlpha).toBe(false);
    });

    it('flattens other formats on an opaque background only', async () => {
      expect((await make(await corpus('png-alpha'), 'background=00f', 'webp')).hasAlpha).toBe(false);
      expect((await make(await corpus('png-alpha'), 'background=00f8', 'webp')).hasAlpha).toBe(true);
    });

    it('pads and fills corners with the background, else with nothing', async () => {
      const jpeg = await corpus('jpeg');
      const clear = await make(jpeg, 'w=60&h=60&fit=contain', 'png');
      const red = await make(jpeg, 'w=60&h=60&fit=contain&background=red', 'png');
      const turned = await make(jpeg, 'rotate=45&background=lime', 'png');

      expect(await pixel(clear.bytes, 0.5, 0.01)).toEqual([0, 0, 0, 0]);
      expect(await pixel(red.bytes, 0.5, 0.01)).toEqual([255, 0, 0, 255]);
      expect(await pixel(turned.bytes, 0.01, 0.01)).toEqual([0, 255, 0, 255]);
      expect(
        distance(await pixel((await make(jpeg, 'rotate=45', 'jpeg')).bytes, 0.01, 0.01), [255, 255, 255]),
      ).toBeLessThan(6);
    });

    it('is eight bits deep and has three channels, whatever the source', async () => {
      for (const name of ['png-16bit', 'jpeg-cmyk', 'jpeg-grey'] as const) {
        const { bytes } = await make(await corpus(name), 'w=20', 'png');

        expect(await sharp(bytes).metadata()).toMatchObject({ depth: 'uchar', space: 'srgb', channels: 3 });
      }
    });
  });

  describe('effects', () => {
    it('blurs, sharpens, and rates quality', async () => {
      const photo = await photoJpeg(400, 300);
      const plain = await make(photo, 'w=200', 'webp');

      expect((await make(photo, 'w=200&blur=5', 'webp')).bytes.length).toBeLessThan(plain.bytes.length);
      expect((await make(photo, 'w=200&sharpen=2', 'webp')).bytes.length).toBeGreaterThan(plain.bytes.length);
      for (const format of ['jpeg', 'webp', 'avif'] as const) {
        const low = await make(photo, 'w=200&q=30', format);
        const high = await make(photo, 'w=200&q=90', format);
        expect(low.bytes.length).toBeLessThan(high.bytes.length);
      }
    });

    it('trims borders and resizes what is left', async () => {
      const framed = await sharp(await corpus('png'))
        .extend({ top: 20, bottom: 20, left: 50, right: 50, background: 'white' })
        .png()
        .toBuffer();

      const trimmed = await make(framed, 'trim=20');
      expect(trimmed).toMatchObject({ width: 80, height: 60 });
      await expectCorners(trimmed.bytes, UPRIGHT);
      expect(await make(framed, 'trim=20&w=40')).toMatchObject({ width: 40, height: 30 });
      expect(await make(framed, 'trim=20&w=40&h=40&fit=outside')).toMatchObject({ width: 53, height: 40 });
      expect(await make(framed, 'trim=20&w=30&rotate=90')).toMatchObject({ width: 30, height: 40 });
    });

    it('keeps trimmed results below the bound of the plan', async () => {
      const sliver = await sharp({ create: { width: 4, height: 300, channels: 3, background: 'red' } })
        .extend({ left: 150, right: 146, background: 'white' })
        .png()
        .toBuffer();
      const header = await probeHeader(sliver, probeLimits(settings));
      for (const query of [
        'trim=10&w=100&enlarge=1',
        'trim=10&w=4',
        'trim=10&w=50&h=50&fit=outside',
        'trim=10&rotate=45',
      ]) {
        const plan = planFor(header, query, 'png');
        const { width, height } = await transformImage(sliver, plan);

        expect(width).toBeLessThanOrEqual(plan.width);
        expect(height).toBeLessThanOrEqual(plan.height);
      }
    });

    it('keeps every pixel of a lossless source at quality 100 in WebP, but not when memory is short', async () => {
      const source = await corpus('png');
      const exact = await make(source, 'q=100', 'webp');

      await expectCorners(exact.bytes, UPRIGHT, 0);
      expect((await probeHeader(exact.bytes, probeLimits(settings))).lossless).toBe(true);
      expect(
        (
          await probeHeader(
            (await make(source, 'q=100', 'webp', { cheaper: true })).bytes,
            probeLimits(settings),
          )
        ).lossless,
      ).toBe(false);
    });
  });

  describe('animations', () => {
    it.each([
      ['gif-animated', 'webp'],
      ['gif-animated', 'gif'],
      ['webp-animated', 'gif'],
      ['webp-animated', 'webp'],
    ] as const)('%s stays in motion as %s, with its delays', async (name, format) => {
      const result = await make(await corpus(name), 'w=20&h=20&position=attention', format);

      expect(result).toMatchObject({ width: 20, height: 20, pages: 3 });
      expect((await sharp(result.bytes, { animated: true }).metadata()).delay).toEqual([80, 120, 160]);
    });

    it('pads, crops and mirrors every frame', async () => {
      const padded = await make(
        await corpus('gif-animated'),
        'w=20&h=20&fit=contain&background=white&flop=1',
        'webp',
      );
      const frames = await sharp(padded.bytes, { animated: true }).ensureAlpha().raw().toBuffer();
      const at = (frame: number, x: number, y: number): Rgba => [
        ...frames.subarray(((frame * 20 + y) * 20 + x) * 4, ((frame * 20 + y) * 20 + x) * 4 + 3),
      ];

      expect(padded.pages).toBe(3);
      for (const [frame, colour] of [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
      ].entries()) {
        expect(distance(at(frame, 10, 10), colour)).toBeLessThan(30);
        expect(distance(at(frame, 10, 0), [255, 255, 255])).toBeLessThan(30);
      }
    });

    it.each(['animated=0', 'page=0', 'rotate=90', 'flip=1', 'trim=10'])(
      '%s makes a still of the first frame',
      async (query) => {
        const result = await make(await corpus('gif-animated'), query, 'webp');

        expect(result.pages).toBe(1);
        expect(distance(await pixel(result.bytes, 0.5, 0.5), [255, 0, 0])).toBeLessThan(30);
      },
    );

    it('takes the frame that is asked for', async () => {
      expect(
        distance(
          await pixel((await make(await corpus('gif-animated'), 'page=2', 'png')).bytes, 0.5, 0.5),
          [0, 0, 255],
        ),
      ).toBeLessThan(5);
      expect(
        distance(
          await pixel((await make(await corpus('webp-animated'), 'page=1', 'jpeg')).bytes, 0.5, 0.5),
          [0, 255, 0],
        ),
      ).toBeLessThan(40);
    });

    it('becomes a still where the format cannot move', async () => {
      expect((await make(await corpus('gif-animated'), '', 'avif')).pages).toBe(1);
      expect((await make(await corpus('gif-animated'), '', 'jpeg')).pages).toBe(1);
    });

    it('refuses a frame that is not there', async () => {
      const header = await probeHeader(await corpus('gif-animated'), probeLimits(settings));

      expect(() => planFor(header, 'page=3', 'png')).toThrow(
        expect.objectContaining({ code: 'invalid-parameter' }),
      );
    });
  });

  describe('damaged sources', () => {
    it.each<CorpusName>([
      'jpeg-photo',
      'jpeg-progressive',
      'png-photo',
      'png-interlaced',
      'webp-photo',
      'webp-lossless-photo',
      'webp-animated',
      'gif-photo',
      'gif-animated',
      'avif-photo',
      'tiff-photo',
    ])('%s cut at ten points is an undecodable image each time', async (name) => {
      for (const cut of truncations(await corpus(name))) {
        await expect(make(cut, 'w=30', 'webp')).rejects.toMatchObject({
          code: 'undecodable-image',
          message: 'The image could not be decoded: it is damaged or truncated.',
        });
      }
    });

    it('does not decode more pixels than were probed', async () => {
      const header = await probeHeader(await corpus('png'), probeLimits(settings));

      await expect(
        transformImage(await corpus('png-30000x30000'), planFor(header, 'w=30', 'webp')),
      ).rejects.toMatchObject({
        code: 'image-too-many-pixels',
      });
    });

    it('says nothing of the file when it is gone', async () => {
      const header = await probeHeader(await corpus('png'), probeLimits(settings));

      await expect(
        transformImage('/nonexistent/secret.png', planFor(header, '', 'webp')),
      ).rejects.toMatchObject({
        code: 'storage-unavailable',
        message: 'The stored source could not be read.',
      });
    });
  });

  describe('real sizes', () => {
    it.each([
      ['jpeg', 'webp'],
      ['jpeg', 'jpeg'],
      ['png', 'webp'],
    ] as const)('resizes a %s photograph to %s as bare sharp does', async (source, format) => {
      const input = source === 'jpeg' ? await photoJpeg(1200, 900) : await photoPngWithAlpha(600, 600);
      const own = await make(input, 'w=300', format);
      const bare = await sharp(input).resize(300).toFormat(format).toBuffer();

      const [a, b] = await Promise.all(
        [own.bytes, bare].map((bytes) => sharp(bytes).ensureAlpha().raw().toBuffer()),
      );
      const difference =
        [...(a ?? [])].reduce((sum, value, index) => sum + Math.abs(value - (b?.[index] ?? 0)), 0) /
        (a?.length ?? 1);
      expect(difference).toBeLessThan(3);
    });
  });
});
