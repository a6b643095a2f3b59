import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '../config/index.js';
import { startTable } from './start-table.js';

const GIB = 1024 ** 3;

describe('the table at start', () => {
  it('says budget, rungs, caches, heap and allocator, and what was scaled', () => {
    const settings = loadSettings(
      {},
      { containerLimitBytes: GIB / 2, totalMemoryBytes: 8 * GIB, heapLimitBytes: GIB / 8 },
    );

    const table = startTable(settings, { name: 'glibc', tuned: false }).join('\n');

    expect(table).toContain(
      'Memory line L: 460.8 MiB, from the container (container 512 MiB, machine 8 GiB).',
    );
    expect(table).toContain('pressure 368.6 MiB (80 %)');
    expect(table).toContain('scaled down to fit: IMAGE_RAM_BUDGET_BYTES, SERVER_CACHE_BUDGET_BYTES');
    expect(table).toContain('Heap limit: 128 MiB. Allocator: glibc, not tuned');
  });
});
