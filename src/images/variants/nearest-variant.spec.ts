import { describe, expect, it } from '@jest/globals';
import type { ImageEntry } from '../../image-memory/index.js';
import type { ImageParameters } from '../image-request.js';
import { nearestVariant, type KeyedEntry } from './nearest-variant.js';

const variant = (width: number, height: number, format = 'webp'): KeyedEntry => ({
  key: `${width}x${height}.${format}`,
  entry: { attributes: { width, height, format } } as unknown as ImageEntry,
});

const wanted = (width?: number, height?: number, dpr = 1): ImageParameters =>
  ({
    dpr,
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
  }) as ImageParameters;

describe('nearestVariant', () => {
  const inMemory = [variant(200, 150), variant(400, 300), variant(800, 600), variant(1600, 1200, 'avif')];

  it('takes the narrowest that is wide enough', () => {
    expect(nearestVariant(inMemory, wanted(300))?.key).toBe('400x300.webp');
  });

  it('takes the widest when none is wide enough, down to half the width', () => {
    expect(nearestVariant(inMemory, wanted(1500))?.key).toBe('800x600.webp');
    expect(nearestVariant(inMemory, wanted(1700))).toBeUndefined();
  });

  it('counts device pixels', () => {
    expect(nearestVariant(inMemory, wanted(300, undefined, 2))?.key).toBe('800x600.webp');
  });

  it('keeps the shape that was asked for', () => {
    expect(nearestVariant(inMemory, wanted(400, 400))).toBeUndefined();
    expect(nearestVariant(inMemory, wanted(400, 300))?.key).toBe('400x300.webp');
  });

  it('gives no AVIF to a client that may not show it', () => {
    expect(nearestVariant([variant(1600, 1200, 'avif')], wanted(1600))).toBeUndefined();
  });

  it('finds nothing among nothing', () => {
    expect(nearestVariant([], wanted(100))).toBeUndefined();
  });
});
