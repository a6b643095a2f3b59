import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '../../config/index.js';
import type { ImageHeader } from '../../image-memory/index.js';
import { parseImageQuery } from '../parameters/parse-image-query.js';
import { avifQuality } from './encoder-options.js';
import { planTransform, type PlanOptions, type TransformPlan } from './plan-transform.js';

const MACHINE = {
  containerLimitBytes: null,
  totalMemoryBytes: 8 * 1024 ** 3,
  heapLimitBytes: 512 * 1024 ** 2,
};

const settings = loadSettings({}, MACHINE);

const PHOTO: ImageHeader = {
  format: 'jpeg',
  width: 4000,
  height: 3000,
  pages: 1,
  channels: 3,
  bitsPerSample: 8,
  hasAlpha: false,
  progressive: false,
  chromaSubsampling: '4:2:0',
  orientation: 1,
  bytes: 3_000_000,
};

const DRAWING: ImageHeader = { ...PHOTO, format: 'png', channels: 4, hasAlpha: true };

const MOVING: ImageHeader = { ...DRAWING, format: 'gif', width: 400, height: 300, pages: 20 };

function plan(
  header: ImageHeader,
  query: string,
  format: Parameters<typeof planTransform>[2],
  options?: PlanOptions,
): TransformPlan {
  const { parameters } = parseImageQuery([...new URLSearchParams(query)], settings);
  return planTransform(header, parameters, format, settings, options);
}

describe('planTransform', () => {
  it('hands the cost model what memory depends on', () => {
    expect(plan(PHOTO, 'w=800', 'webp').operation).toEqual({
      outputWidth: 800,
      outputHeight: 600,
      pages: 1,
      format: 'webp',
      lossless: false,
      outputAlpha: false,
      optimiseCoding: true,
      palette: false,
      rotation: 'none',
      trim: false,
    });
    expect(plan(MOVING, 'w=200', 'webp').operation).toMatchObject({ pages: 20, outputWidth: 200 });
    expect(plan(PHOTO, 'rotate=90', 'webp').operation.rotation).toBe('right-angle');
    expect(plan(PHOTO, 'flip=1', 'webp').operation.rotation).toBe('right-angle');
    expect(plan(PHOTO, 'rotate=7', 'webp').operation).toMatchObject({
      rotation: 'any-angle',
      outputAlpha: true,
    });
    expect(plan(PHOTO, 'trim=5', 'webp').operation.trim).toBe(true);
  });

  it('says that nothing shrinks on load where the rotation comes first', () => {
    expect(plan(PHOTO, 'w=100&h=100&position=attention&rotate=90', 'webp').operation.trim).toBe(true);
    expect(plan(PHOTO, 'w=100&h=100&rotate=90', 'webp').operation.trim).toBe(false);
  });

  it('knows which results are transparent', () => {
    const alpha = (header: ImageHeader, query: string, format: 'webp' | 'jpeg'): boolean =>
      plan(header, query, format).operation.outputAlpha;

    expect(alpha(DRAWING, '', 'webp')).toBe(true);
    expect(alpha(DRAWING, '', 'jpeg')).toBe(false);
    expect(alpha(DRAWING, 'background=fff', 'webp')).toBe(false);
    expect(alpha(PHOTO, 'w=100&h=100&fit=contain', 'webp')).toBe(true);
    expect(alpha(PHOTO, 'w=100&h=100&fit=contain&background=fff', 'webp')).toBe(false);
    expect(alpha(PHOTO, 'w=100&h=75&fit=contain', 'webp')).toBe(false);
  });

  it('becomes cheaper on demand, and says when the bytes differ', () => {
    expect(plan(PHOTO, '', 'avif', { cheaper: true })).toMatchObject({
      encoding: { format: 'webp' },
      operation: { format: 'webp' },
      cheaper: false,
    });
    expect(plan(PHOTO, '', 'jpeg', { cheaper: true })).toMatchObject({
      encoding: { optimiseCoding: false },
      operation: { optimiseCoding: false },
      cheaper: true,
    });
    expect(plan(DRAWING, 'q=100', 'webp').encoding.lossless).toBe(true);
    expect(plan(DRAWING, 'q=100', 'webp', { cheaper: true })).toMatchObject({
      encoding: { lossless: false },
      cheaper: true,
    });
    expect(plan(PHOTO, '', 'webp', { cheaper: true }).cheaper).toBe(false);
  });

  it('lies sources of EXIF orientation 5 to 8 on their side', () => {
    expect(plan({ ...PHOTO, orientation: 6 }, 'w=300', 'webp')).toMatchObject({ width: 300, height: 400 });
    expect(plan({ ...PHOTO, orientation: 3 }, 'w=300', 'webp')).toMatchObject({ width: 300, height: 225 });
  });

  it('bounds an enlarged animation by the pixels of all its frames', () => {
    const { width, height } = plan(MOVING, 'w=8000&enlarge=1', 'webp');

    expect(width * height * 20).toBeLessThanOrEqual(settings.values.IMAGE_MAX_PIXELS * 1.001);
    expect(width / height).toBeCloseTo(4 / 3, 2);
  });

  it('draws an SVG at any size, a complex one up to a megapixel', () => {
    const svg: ImageHeader = {
      ...DRAWING,
      format: 'svg',
      width: 100,
      height: 50,
      svgComplex: false,
    };

    expect(plan(svg, 'w=2000', 'webp')).toMatchObject({ width: 2000, height: 1000 });
    const complex = plan({ ...svg, svgComplex: true }, 'w=4000', 'webp');
    expect([complex.width, complex.height]).toEqual([1414, 707]);
  });

  it('takes the default quality from the settings, and rates AVIF by its own scale', () => {
    const own = loadSettings({ IMAGE_DEFAULT_QUALITY: '71' }, MACHINE);
    const { parameters } = parseImageQuery([], own);

    expect(planTransform(PHOTO, parameters, 'webp', own).encoding.quality).toBe(71);
    expect([1, 40, 80, 90, 100].map(avifQuality)).toEqual([1, 28, 55, 70, 85]);
  });
});
