import { describe, expect, it } from '@jest/globals';
import { ChunkSize } from './chunk-size.js';

/** Sizes of chunks that take so long for each bookmark. */
function sizes(msEach: number, count: number, size = new ChunkSize()): number[] {
  return Array.from({ length: count }, () => {
    const { current } = size;
    size.learn(current, current * msEach);
    return current;
  });
}

describe('ChunkSize', () => {
  it('grows by steps, in whole statements, up to its bound', () => {
    expect(sizes(0.01, 6)).toEqual([50, 50, 100, 150, 250, 250]);
  });

  it('falls at once when a chunk was slow, and not below its bound', () => {
    const size = new ChunkSize();
    sizes(0.01, 8, size);

    expect(sizes(2, 3, size)).toEqual([250, 50, 50]);
    expect(sizes(100, 3, size)).toEqual([50, 10, 10]);
  });

  it('learns nothing from a last, small chunk', () => {
    const size = new ChunkSize();
    size.learn(3, 0.1);
    size.learn(3, 5_000);

    expect(size.current).toBe(50);
  });
});
