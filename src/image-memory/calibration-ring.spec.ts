import { describe, expect, it } from '@jest/globals';
import { CalibrationRing } from './calibration-ring.js';

const MIB = 1024 ** 2;
const NOISE = 8 * MIB;

/** Records `count` operations that took `ratio` times their estimate, the noise that is allowed on top. */
function record(ring: CalibrationRing, kind: string, ratio: number, count: number): void {
  for (let index = 0; index < count; index += 1) ring.record(kind, 100 * MIB, ratio * 100 * MIB + NOISE);
}

describe('CalibrationRing', () => {
  it('has no opinion below eight samples', () => {
    const ring = new CalibrationRing();
    record(ring, 'jpeg to webp', 1.5, 7);

    expect(ring.multiplierOf('jpeg to webp')).toBe(1);
  });

  it('raises a kind whose operations took more than estimated, and no other', () => {
    const ring = new CalibrationRing();
    record(ring, 'jpeg to webp', 1.5, 8);

    expect(ring.multiplierOf('jpeg to webp')).toBeCloseTo(1.5);
    expect(ring.multiplierOf('png to webp')).toBe(1);
    expect(ring.snapshot()['jpeg to webp']).toMatchObject({ samples: 8, medianRatio: 1.5, p90Ratio: 1.5 });
  });

  it('never lowers an estimate below the model', () => {
    const ring = new CalibrationRing();
    record(ring, 'jpeg to webp', 0.2, 64);

    expect(ring.multiplierOf('jpeg to webp')).toBe(1);
  });

  it('never more than doubles it', () => {
    const ring = new CalibrationRing();
    record(ring, 'jpeg to webp', 9, 64);

    expect(ring.multiplierOf('jpeg to webp')).toBe(2);
  });

  it('is not moved by one odd operation among many', () => {
    const ring = new CalibrationRing();
    record(ring, 'jpeg to webp', 1, 63);
    record(ring, 'jpeg to webp', 20, 1);

    expect(ring.multiplierOf('jpeg to webp')).toBe(1);
  });

  it('forgets: after enough good operations the multiplier is 1 again', () => {
    const ring = new CalibrationRing();
    record(ring, 'jpeg to webp', 2, 64);
    record(ring, 'jpeg to webp', 0.5, 64);

    expect(ring.multiplierOf('jpeg to webp')).toBe(1);
  });

  it('ignores figures that are none', () => {
    const ring = new CalibrationRing();
    for (const [estimate, actual] of [
      [0, 5],
      [NaN, 5],
      [5, NaN],
      [Infinity, 5],
      [-1, 5],
    ] as const) {
      ring.record('x', estimate, actual);
    }

    expect(ring.snapshot()).toEqual({});
  });

  it('keeps a bounded number of kinds, the latest', () => {
    const ring = new CalibrationRing();
    for (let index = 0; index < 100; index += 1) record(ring, `kind ${index}`, 1, 1);

    expect(Object.keys(ring.snapshot())).toHaveLength(64);
    expect(ring.snapshot()['kind 99']).toBeDefined();
  });
});
