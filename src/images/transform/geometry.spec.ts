import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Fit, Position } from '../image-request.js';
import { resolveGeometry, rotatedSize, type GeometryRequest } from './geometry.js';

const BASE: GeometryRequest = {
  fit: 'cover',
  position: 'center',
  rotate: 0,
  enlarge: false,
  maxSide: 8192,
  maxPixels: 8192 ** 2,
};

describe('resolveGeometry', () => {
  // source, request, scaled to, result
  it.each<[string, [number, number], Partial<GeometryRequest>, [number, number], [number, number]]>([
    ['leaves the size alone', [800, 600], {}, [800, 600], [800, 600]],
    ['keeps the ratio for a width', [800, 600], { width: 400 }, [400, 300], [400, 300]],
    ['keeps the ratio for a height', [800, 600], { height: 300 }, [400, 300], [400, 300]],
    ['keeps at least one pixel', [16_000, 1], { width: 10 }, [10, 1], [10, 1]],
    ['covers by cropping', [800, 600], { width: 200, height: 200 }, [267, 200], [200, 200]],
    ['contains by padding', [800, 600], { width: 200, height: 200, fit: 'contain' }, [200, 150], [200, 200]],
    ['stays inside', [800, 600], { width: 200, height: 200, fit: 'inside' }, [200, 150], [200, 150]],
    ['stays outside', [800, 600], { width: 200, height: 200, fit: 'outside' }, [267, 200], [267, 200]],
    ['fills by stretching', [800, 600], { width: 200, height: 200, fit: 'fill' }, [200, 200], [200, 200]],
    ['never enlarges a width', [800, 600], { width: 1600 }, [800, 600], [800, 600]],
    [
      'never enlarges inside',
      [800, 600],
      { width: 1600, height: 1600, fit: 'inside' },
      [800, 600],
      [800, 600],
    ],
    [
      'never enlarges outside',
      [800, 600],
      { width: 1600, height: 100, fit: 'outside' },
      [800, 600],
      [800, 600],
    ],
    [
      'keeps the shape of a box that is too large to cover',
      [800, 600],
      { width: 1200, height: 1200 },
      [800, 600],
      [600, 600],
    ],
    [
      'keeps the shape of a box that is too large to fill',
      [800, 600],
      { width: 1600, height: 800, fit: 'fill' },
      [800, 400],
      [800, 400],
    ],
    [
      'pads without enlarging the picture',
      [80, 60],
      { width: 200, height: 100, fit: 'contain' },
      [80, 60],
      [200, 100],
    ],
    ['enlarges when allowed', [80, 60], { width: 160, enlarge: true }, [160, 120], [160, 120]],
    [
      'enlarges to cover when allowed',
      [80, 60],
      { width: 200, height: 100, enlarge: true },
      [200, 150],
      [200, 100],
    ],
    ['limits the longest side without a request', [16_000, 4000], {}, [8192, 2048], [8192, 2048]],
    [
      'limits the side that follows by ratio',
      [100, 4000],
      { width: 400, enlarge: true },
      [205, 8192],
      [205, 8192],
    ],
    [
      'limits outside',
      [100, 10_000],
      { width: 90, height: 90, fit: 'outside', maxSide: 1000 },
      [10, 1000],
      [10, 1000],
    ],
    ['limits the area', [4000, 4000], { maxPixels: 1_000_000 }, [1000, 1000], [1000, 1000]],
    ['turns the box with the picture', [800, 600], { width: 300, rotate: 90 }, [400, 300], [300, 400]],
    [
      'covers after a quarter turn',
      [800, 600],
      { width: 300, height: 300, rotate: 270 },
      [400, 300],
      [300, 300],
    ],
    ['limits after a quarter turn', [16_000, 4000], { rotate: 90 }, [8192, 2048], [2048, 8192]],
  ])('%s', (_, [width, height], request, scaled, result) => {
    const geometry = resolveGeometry({ width, height }, { ...BASE, ...request });

    expect([geometry.resize.width, geometry.resize.height]).toEqual(scaled);
    expect([geometry.width, geometry.height]).toEqual(result);
  });

  it.each<[Position, number, number]>([
    ['center', 50, 0],
    ['left', 0, 0],
    ['right', 100, 0],
    ['right-bottom', 100, 0],
    [{ x: 0.25, y: 0.9 }, 0, 0],
    [{ x: 0.4, y: 0.9 }, 30, 0],
    [{ x: 1, y: 0 }, 100, 0],
  ])('cover keeps %p in view', (position, left, top) => {
    const { crop } = resolveGeometry(
      { width: 400, height: 200 },
      { ...BASE, width: 100, height: 100, position },
    );

    expect(crop).toEqual({ left, top, width: 100, height: 100 });
  });

  it.each<[Position, number, number]>([
    ['center', 25, 25],
    ['top', 0, 50],
    ['bottom', 50, 0],
  ])('contain puts the picture at %p', (position, top, bottom) => {
    const { pad } = resolveGeometry(
      { width: 400, height: 200 },
      { ...BASE, width: 100, height: 100, fit: 'contain', position },
    );

    expect(pad).toEqual({ left: 0, right: 0, top, bottom });
  });

  it('leaves the crop to the strategy, and to the centre where nothing is cropped', () => {
    const source = { width: 400, height: 200 };

    expect(resolveGeometry(source, { ...BASE, width: 100, height: 100, position: 'attention' })).toEqual({
      rotateFirst: false,
      resize: { width: 100, height: 100 },
      smartCrop: 'attention',
      width: 100,
      height: 100,
    });
    expect(resolveGeometry(source, { ...BASE, width: 100, position: 'entropy' }).smartCrop).toBeUndefined();
    expect(
      resolveGeometry(source, { ...BASE, width: 100, height: 50, position: 'entropy' }).smartCrop,
    ).toBeUndefined();
  });

  it('takes the rotation first only where a resize before it would be another picture', () => {
    const source = { width: 400, height: 200 };
    const box = { ...BASE, width: 100, height: 100 };

    expect(resolveGeometry(source, { ...box, rotate: 90 }).rotateFirst).toBe(false);
    expect(resolveGeometry(source, { ...box, rotate: 30 }).rotateFirst).toBe(false);
    expect(resolveGeometry(source, { ...box, rotate: 30, fit: 'fill' }).rotateFirst).toBe(true);
    expect(resolveGeometry(source, { ...box, rotate: 90, position: 'attention' }).rotateFirst).toBe(true);
  });

  const side = fc.integer({ min: 1, max: 20_000 });
  const wanted = fc.option(fc.integer({ min: 1, max: 4096 }), { nil: undefined });
  const requests = fc.record({
    width: wanted,
    height: wanted,
    fit: fc.constantFrom<Fit>('cover', 'contain', 'fill', 'inside', 'outside'),
    position: fc.constantFrom<Position>('center', 'top', 'right-bottom', 'attention', { x: 0.3, y: 0.9 }),
    rotate: fc.oneof(
      fc.constantFrom(0, 90, 180, 270),
      fc.integer({ min: 1, max: 35_999 }).map((cents) => cents / 100),
    ),
    enlarge: fc.boolean(),
    maxSide: fc.constantFrom(4096, 8192),
    maxPixels: fc.constantFrom(1_000_000, 8192 ** 2),
  });

  it('keeps all limits and cuts only what is there, whatever the request', () => {
    fc.assert(
      fc.property(side, side, requests, (width, height, request) => {
        const geometry = resolveGeometry({ width, height }, request);
        const { resize, crop, pad, smartCrop, rotateFirst } = geometry;

        expect(Math.max(geometry.width, geometry.height)).toBeLessThanOrEqual(request.maxSide);
        // One pixel a side for rounding, and a picture is at least one pixel wide.
        expect((geometry.width - 1) * (geometry.height - 1)).toBeLessThanOrEqual(request.maxPixels);
        for (const value of [resize.width, resize.height, geometry.width, geometry.height]) {
          expect(Number.isSafeInteger(value) && value >= 1).toBe(true);
        }
        if (smartCrop !== undefined) return;
        const around = rotateFirst ? resize : rotatedSize(resize, request.rotate);
        const turned = { width: Math.round(around.width), height: Math.round(around.height) };
        const kept = crop ?? { left: 0, top: 0, ...turned };
        expect(kept.left >= 0 && kept.top >= 0).toBe(true);
        expect(kept.left + kept.width).toBeLessThanOrEqual(turned.width);
        expect(kept.top + kept.height).toBeLessThanOrEqual(turned.height);
        const margins = pad ?? { left: 0, right: 0, top: 0, bottom: 0 };
        expect(Math.min(...Object.values(margins))).toBeGreaterThanOrEqual(0);
        expect(kept.width + margins.left + margins.right).toBe(geometry.width);
        expect(kept.height + margins.top + margins.bottom).toBe(geometry.height);
      }),
      { numRuns: 2000 },
    );
  });

  it('never makes more pixels than the rotated source has, unless it may', () => {
    fc.assert(
      fc.property(side, side, requests, (width, height, request) => {
        fc.pre(request.fit !== 'contain');
        const geometry = resolveGeometry({ width, height }, { ...request, enlarge: false });
        const canvas = rotatedSize({ width, height }, request.rotate);

        expect(geometry.width).toBeLessThanOrEqual(Math.ceil(canvas.width));
        expect(geometry.height).toBeLessThanOrEqual(Math.ceil(canvas.height));
      }),
    );
  });
});
