import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { estimateOperationBytes, SMALLEST_ESTIMATE_BYTES } from './cost-model.js';
import type { ImageHeader, ImageOperation } from './image-header.js';

const MP = 1_000_000;
const RGB = { channels: 3, bitsPerSample: 8, hasAlpha: false } as const;
const RGBA = { channels: 4, bitsPerSample: 8, hasAlpha: true } as const;

const header = (changes: Partial<ImageHeader> & Pick<ImageHeader, 'format'>): ImageHeader => ({
  width: 8_000,
  height: 6_000,
  pages: 1,
  ...RGB,
  progressive: false,
  orientation: 1,
  bytes: 10 * MP,
  ...changes,
});

const operation = (changes: Partial<ImageOperation> = {}): ImageOperation => ({
  outputWidth: 400,
  outputHeight: 300,
  pages: 1,
  format: 'webp',
  lossless: false,
  outputAlpha: false,
  optimiseCoding: true,
  palette: false,
  rotation: 'none',
  trim: false,
  ...changes,
});

const AT_FULL_SIZE = { outputWidth: 4_000, outputHeight: 3_000 };
const TWELVE = { width: 4_000, height: 3_000 };

/** Peak bytes per input pixel for 48 MP → 400 px WebP, measured with sharp 0.35.5 (libvips 8.18.7) by VmHWM. */
const MEASURED_DECODES: readonly (readonly [string, ImageHeader, number])[] = [
  ['progressive JPEG 4:2:0', header({ format: 'jpeg', progressive: true, chromaSubsampling: '4:2:0' }), 3.11],
  ['progressive JPEG 4:4:4', header({ format: 'jpeg', progressive: true, chromaSubsampling: '4:4:4' }), 6.11],
  [
    'progressive JPEG CMYK',
    header({ format: 'jpeg', progressive: true, chromaSubsampling: 'cmyk', channels: 4 }),
    8.6,
  ],
  ['PNG RGB', header({ format: 'png' }), 0.89],
  ['PNG RGBA', header({ format: 'png', ...RGBA }), 1.3],
  ['PNG 16 bit', header({ format: 'png', bitsPerSample: 16 }), 1.7],
  ['interlaced PNG', header({ format: 'png', progressive: true }), 3.6],
  ['TIFF in strips', header({ format: 'tiff' }), 0.9],
  ['lossless WebP', header({ format: 'webp', lossless: true }), 4.03],
  ['GIF of one frame', header({ format: 'gif' }), 4.9],
];

/** Peak bytes per output pixel of 12 MP results, about 0.9 of it the input's window; same method. Soft alpha on a noisy picture. */
const MEASURED_ENCODES: readonly (readonly [string, Partial<ImageOperation>, number])[] = [
  ['JPEG', { format: 'jpeg' }, 6.9],
  ['JPEG without optimised coding', { format: 'jpeg', optimiseCoding: false }, 0.97],
  ['PNG', { format: 'png' }, 1.5],
  ['lossy WebP', { format: 'webp' }, 5.8],
  ['lossy WebP with soft alpha', { format: 'webp', outputAlpha: true }, 23.4],
  ['lossless WebP', { format: 'webp', lossless: true }, 28.9],
  ['AVIF', { format: 'avif' }, 37.4],
  ['AVIF with alpha', { format: 'avif', outputAlpha: true }, 45.5],
  ['GIF', { format: 'gif' }, 13.1],
];

describe('estimateOperationBytes', () => {
  it.each(MEASURED_DECODES)(
    'covers what decoding %s was measured to take, without doubling it',
    (_name, source, bytesPerPixel) => {
      const measured = bytesPerPixel * 48 * MP;
      const estimate = estimateOperationBytes(source, operation());

      expect(estimate).toBeGreaterThanOrEqual(measured);
      expect(estimate).toBeLessThan(2 * measured);
    },
  );

  it.each(MEASURED_ENCODES)(
    'covers what encoding %s was measured to take, without doubling it',
    (_name, result, bytesPerPixel) => {
      const measured = bytesPerPixel * 12 * MP;
      const estimate = estimateOperationBytes(
        header({ format: 'png', ...TWELVE }),
        operation({ ...AT_FULL_SIZE, ...result }),
      );

      expect(estimate).toBeGreaterThanOrEqual(measured);
      // Where the result costs next to nothing the window of the input is what counts.
      expect(estimate).toBeLessThan(2 * measured + 50 * MP);
    },
  );

  it.each([
    ['a baseline JPEG, which shrinks on load', header({ format: 'jpeg' })],
    ['a lossy WebP, which is decoded scaled', header({ format: 'webp', lossless: false })],
    ['a plain SVG, which is drawn at its target size', header({ format: 'svg', svgComplex: false })],
  ])('takes next to nothing for a thumbnail of %s', (_name, source) => {
    expect(estimateOperationBytes(source, operation())).toBeLessThan(30 * MP);
  });

  it.each([
    [
      'PNG with a palette',
      { format: 'png', palette: true, outputWidth: 1_500, outputHeight: 1_125 } as const,
      105.3 * MP,
    ],
    ['GIF', { format: 'gif', outputWidth: 2_000, outputHeight: 1_500 } as const, 39.3 * MP],
  ])(
    'covers the quantiser of a small %s, which takes more per pixel than a large one',
    (_name, result, measured) => {
      const source = header({ format: 'jpeg', ...TWELVE });

      expect(estimateOperationBytes(source, operation(result))).toBeGreaterThanOrEqual(measured);
    },
  );

  it('counts a JPEG as shrunk by 8, 4 or 2, and by one step less where the scale just reaches it', () => {
    const windowOf = (outputWidth: number): number =>
      estimateOperationBytes(
        header({ format: 'jpeg', width: 16_000, height: 12_000 }),
        operation({ outputWidth, outputHeight: outputWidth * 0.75, format: 'jpeg', optimiseCoding: false }),
      );

    expect(windowOf(3_201)).toBeGreaterThan(windowOf(3_199) * 1.1); // 4.998 against 5.002: by 2, by 4
    expect(windowOf(5_334)).toBeGreaterThan(windowOf(5_332) * 1.1); // 2.9996 against 3.0008: by 1, by 2
  });

  it('looks at the turned picture when EXIF lays it on its side', () => {
    const source = (orientation: number): ImageHeader => header({ format: 'jpeg', orientation });
    const portrait = operation({ outputWidth: 600, outputHeight: 800 });

    expect(estimateOperationBytes(source(6), portrait)).toBeLessThan(
      estimateOperationBytes(source(6), operation(AT_FULL_SIZE)),
    );
    expect(estimateOperationBytes(source(6), portrait)).toBeGreaterThanOrEqual(
      estimateOperationBytes(source(1), operation()),
    );
  });

  it.each([
    ['a mirror', 1, 600, 3_500, { rotation: 'right-angle' } as const, 79],
    ['an EXIF turn', 6, 3_500, 500, {}, 69],
    ['a strategy of cropping', 1, 600, 3_500, { smartCrop: true }, 81],
  ])(
    'counts the scaled picture whole, before its crop, for %s (measured, 24 MP)',
    (_name, orientation, outputWidth, outputHeight, changes, measuredMiB) => {
      const source = header({ format: 'jpeg', width: 6_000, height: 4_000, orientation });
      const estimate = estimateOperationBytes(source, operation({ outputWidth, outputHeight, ...changes }));

      expect(estimate).toBeGreaterThanOrEqual(measuredMiB * 1024 ** 2);
      expect(estimate).toBeLessThan(1.6 * measuredMiB * 1024 ** 2);
    },
  );

  it('counts the soft alpha of a lossy WebP at full size, however small the result (measured: 60 MiB at 12 MP)', () => {
    const source = header({ format: 'webp', lossless: false, ...TWELVE, ...RGBA, bytes: 2 * MP });
    const estimate = estimateOperationBytes(source, operation({ outputWidth: 64, outputHeight: 64 }));

    expect(estimate).toBeGreaterThanOrEqual(60 * 1024 ** 2);
    expect(estimate).toBeLessThan(1.6 * 60 * 1024 ** 2);
  });

  it('counts the whole source for a turn by any angle only where it comes before the resize', () => {
    const source = header({ format: 'jpeg' });
    const turned = operation({ rotation: 'any-angle' });

    expect(estimateOperationBytes(source, turned)).toBeLessThan(50 * MP);
    expect(estimateOperationBytes(source, { ...turned, trim: true })).toBeGreaterThan(8 * 48 * MP);
  });

  it('counts the bytes of every frame of an animation, and its canvases once', () => {
    const source = header({ format: 'gif', width: 640, height: 480, pages: 50, bytes: 0 });
    const still = operation({ outputWidth: 640, outputHeight: 480 });
    const oneMore = (pages: number): number =>
      estimateOperationBytes(source, { ...still, pages: pages + 1 }) -
      estimateOperationBytes(source, { ...still, pages });

    expect(oneMore(200)).toBeGreaterThan(0.4 * 640 * 480);
    expect(oneMore(200)).toBeLessThan(640 * 480);
    expect(estimateOperationBytes(source, still)).toBeLessThan(20 * MP);
  });

  it('counts a WebP animation as every frame decoded at the size of the result (measured: 98 and 57 MB)', () => {
    const frames = operation({ outputWidth: 640, outputHeight: 480, pages: 50 });
    const source = (lossless: boolean, bytes: number): ImageHeader =>
      header({ format: 'webp', lossless, width: 640, height: 480, pages: 50, bytes });

    expect(estimateOperationBytes(source(true, 25 * MP), frames)).toBeGreaterThan(98 * MP);
    expect(estimateOperationBytes(source(false, 0.5 * MP), frames)).toBeGreaterThan(57 * MP);
  });

  it('takes an unknown for the worst it could be', () => {
    const known = header({ format: 'jpeg', progressive: true, chromaSubsampling: '4:4:4' });
    const { chromaSubsampling: _, ...unknown } = known;

    expect(estimateOperationBytes(unknown, operation())).toBeGreaterThan(
      estimateOperationBytes(known, operation()),
    );
    expect(estimateOperationBytes(header({ format: 'svg' }), operation(AT_FULL_SIZE))).toBe(
      estimateOperationBytes(header({ format: 'svg', svgComplex: true }), operation(AT_FULL_SIZE)),
    );
    expect(estimateOperationBytes(header({ format: 'png', width: NaN }), operation())).toBeGreaterThan(
      1_000 * MP,
    );
  });

  it('is a whole number of at least 16 MiB, whatever a header says (property)', () => {
    const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -1, 0));
    fc.assert(
      fc.property(
        fc.record({
          format: fc.constantFrom('jpeg', 'png', 'webp', 'gif', 'tiff', 'avif', 'svg'),
          width: number,
          height: number,
          pages: number,
          channels: number,
          bitsPerSample: number,
          hasAlpha: fc.boolean(),
          progressive: fc.boolean(),
          lossless: fc.boolean(),
          svgComplex: fc.boolean(),
          orientation: number,
          bytes: number,
        }),
        fc.record({
          outputWidth: number,
          outputHeight: number,
          pages: number,
          format: fc.constantFrom('jpeg', 'png', 'webp', 'avif', 'gif'),
          lossless: fc.boolean(),
          outputAlpha: fc.boolean(),
          optimiseCoding: fc.boolean(),
          palette: fc.boolean(),
          rotation: fc.constantFrom('none', 'right-angle', 'any-angle'),
          trim: fc.boolean(),
        }),
        (anyHeader, anyOperation) => {
          const estimate = estimateOperationBytes(anyHeader as ImageHeader, anyOperation as ImageOperation);
          expect(Number.isSafeInteger(estimate) || estimate > Number.MAX_SAFE_INTEGER).toBe(true);
          expect(estimate).toBeGreaterThanOrEqual(SMALLEST_ESTIMATE_BYTES);
        },
      ),
    );
  });

  it('never falls when the source or the result grows (property)', () => {
    const side = fc.integer({ min: 1, max: 12_000 });
    fc.assert(
      fc.property(
        fc.constantFrom('png', 'gif', 'tiff', 'avif' as const),
        side,
        side,
        fc.integer({ min: 1, max: 4_000 }),
        fc.integer({ min: 0, max: 2_000 }),
        (format, width, height, out, more) => {
          const small = estimateOperationBytes(
            header({ format, width, height }),
            operation({ outputWidth: out, outputHeight: out }),
          );
          const wider = estimateOperationBytes(
            header({ format, width: width + more, height }),
            operation({ outputWidth: out, outputHeight: out }),
          );
          const larger = estimateOperationBytes(
            header({ format, width, height }),
            operation({ outputWidth: out + more, outputHeight: out }),
          );
          expect(wider).toBeGreaterThanOrEqual(small);
          expect(larger).toBeGreaterThanOrEqual(small);
        },
      ),
    );
  });
});
