import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { MachineMemory } from '../config/index.js';
import { ContainerMemory } from './container-memory.js';

/**
 * What the process can see of its machine, for the memory plan that is made before the application exists.
 * A container whose limit cannot be read counts as without one; the sampler keeps looking.
 */
export function readMachineMemory(procDir?: string): MachineMemory {
  const totalMemoryBytes = totalmem();
  return {
    containerLimitBytes: readLimit(totalMemoryBytes, procDir),
    totalMemoryBytes,
    heapLimitBytes: getHeapStatistics().heap_size_limit,
  };
}

function readLimit(totalMemoryBytes: number, procDir: string | undefined): number | null {
  const container = new ContainerMemory({
    totalMemoryBytes,
    // Read once: there is no time to count.
    monotonicMs: () => 0,
    ...(procDir === undefined ? {} : { procDir }),
  });
  try {
    return container.read().limitBytes;
  } catch {
    return null;
  }
}
