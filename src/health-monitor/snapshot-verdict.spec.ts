import { describe, expect, it } from '@jest/globals';
import { LEVELS } from '../image-memory/index.js';
import { refuseSnapshot, type SnapshotFigures } from './snapshot-verdict.js';

const MIB = 1024 ** 2;

/** 2 GiB of line, 200 MiB in use, 40 MiB of heap: 800 MiB are wanted, 1848 are there. */
const ROOMY: SnapshotFigures = {
  level: 'normal',
  lineBytes: 2_048 * MIB,
  rssBytes: 200 * MIB,
  reservedBytes: 0,
  heapUsedBytes: 40 * MIB,
  fresh: true,
};

describe('the verdict on a heap snapshot', () => {
  it.each([
    ['there is room', {}, null],
    ['the level is coordinate', { level: 'coordinate' }, null],
    ['the room is one byte more than wanted', { rssBytes: 1_248 * MIB - 1 }, null],
    ['the room is exactly what is wanted', { rssBytes: 1_248 * MIB }, 'no-room'],
    ['image work was promised what is left', { reservedBytes: 1_048 * MIB }, 'no-room'],
    ['image work was promised a byte less', { reservedBytes: 1_048 * MIB - 1 }, null],
    ['the heap is too large for the line', { heapUsedBytes: 100 * MIB }, 'no-room'],
    ['the process is over its line', { rssBytes: 3_000 * MIB, heapUsedBytes: 1 }, 'no-room'],
    ['a figure is no number', { rssBytes: NaN }, 'no-room'],
    ['memory could not be read', { fresh: false }, 'no-reading'],
    ['the level is high and there is no room either', { level: 'critical', rssBytes: 2_000 * MIB }, 'level'],
  ] as const)('when %s', (_when, change, verdict) => {
    expect(refuseSnapshot({ ...ROOMY, ...change })).toBe(verdict);
  });

  it('is no from degraded up, however much room there is', () => {
    const allowed = LEVELS.filter((level) => refuseSnapshot({ ...ROOMY, level }) === null);

    expect(allowed).toEqual(['normal', 'coordinate']);
  });
});
