import { describe, expect, it } from '@jest/globals';
import { trendOf, type MemoryPoint } from './memory-trend.js';

const MINUTE_MS = 60_000;
const START = Date.UTC(2026, 0, 1);

/** One point a minute. */
const series = (...rssBytes: number[]): MemoryPoint[] =>
  rssBytes.map((bytes, minute) => ({ at: START + minute * MINUTE_MS, rssBytes: bytes }));

describe('trendOf', () => {
  it.each([0, 1, 2, 3, 4])('has no opinion on %i points', (count) => {
    expect(trendOf(series(100, 200, 300, 400, 500).slice(0, count))).toBeNull();
  });

  it('has no opinion on points that were all taken at once', () => {
    const points = Array.from({ length: 9 }, (_, index) => ({ at: START, rssBytes: index }));

    expect(trendOf(points)).toBeNull();
  });

  it.each([
    ['rises', [100, 200, 300, 400, 500], 100],
    ['falls', [500, 400, 300, 200, 100], -100],
  ])('gives the slope of a line that %s, with full confidence', (_what, values, bytesPerMinute) => {
    const trend = trendOf(series(...values));

    expect(trend?.bytesPerMinute).toBeCloseTo(bytesPerMinute, 9);
    expect(trend?.confidence).toBeCloseTo(1, 9);
    expect(trend).toMatchObject({ points: 5, windowMs: 4 * MINUTE_MS });
  });

  it('calls a flat line flat, and is sure of it', () => {
    expect(trendOf(series(7, 7, 7, 7, 7))).toMatchObject({ bytesPerMinute: 0, confidence: 1 });
  });

  it('finds no trend in what goes up and down', () => {
    const trend = trendOf(series(100, 900, 100, 900, 100, 900, 100, 900, 100));

    expect(Math.abs(trend?.bytesPerMinute ?? Infinity)).toBeLessThan(1e-9);
    expect(trend?.confidence).toBeLessThan(0.01);
  });

  it('finds a slow rise under noise, and says how much of it it explains', () => {
    const noisy = Array.from(
      { length: 120 },
      (_, minute) => 1_000 * minute + (minute % 2 === 0 ? 20_000 : 0),
    );
    const trend = trendOf(series(...noisy));

    expect(trend?.bytesPerMinute).toBeGreaterThan(950);
    expect(trend?.bytesPerMinute).toBeLessThan(1_050);
    expect(trend?.confidence).toBeGreaterThan(0.8);
    expect(trend?.confidence).toBeLessThan(1);
  });

  it('counts time, not points: transitions between polls do not bend it', () => {
    const points = [0, 1, 1.1, 1.2, 2, 10].map((minute) => ({
      at: START + minute * MINUTE_MS,
      rssBytes: 5_000_000_000 + 300 * minute,
    }));

    expect(trendOf(points)?.bytesPerMinute).toBeCloseTo(300, 3);
  });
});
