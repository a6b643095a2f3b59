import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import type { ContainerMemory } from './container-memory.js';
import type { ContainerReading, MemoryReaders, ProcessReading } from './memory-readers.js';

/** Entry of the auxiliary vector that holds the page size (getauxval(3), AT_PAGESZ). */
const AT_PAGESZ = 6n;
const USUAL_PAGE_BYTES = 4_096;

/** The real readings. Never `maxRSS` (it does not fall), never smaps (2 ms), never all of `memoryUsage()` on the hot path. */
export class ProcessMemoryReaders implements MemoryReaders {
  private readonly pageBytes = readPageBytes();

  constructor(private readonly container: ContainerMemory) {}

  readProcess(): ProcessReading {
    const heap = getHeapStatistics();
    return {
      rssBytes: process.memoryUsage.rss(),
      heapUsedBytes: heap.used_heap_size,
      heapLimitBytes: heap.heap_size_limit,
      externalBytes: heap.external_memory,
      source: 'process',
    };
  }

  readArrayBuffersBytes(): number {
    return process.memoryUsage().arrayBuffers;
  }

  readContainer(): ContainerReading {
    return this.container.read();
  }

  readChildRssBytes(pid: number): number | null {
    let statm: string;
    try {
      statm = readFileSync(`/proc/${pid}/statm`, 'latin1');
    } catch {
      return null;
    }
    // An exited child that nobody has waited for yet still has a file, with zeros.
    const pages = Number(statm.split(' ', 2)[1]);
    return Number.isFinite(pages) ? pages * this.pageBytes : null;
  }
}

/** statm counts pages, and they are 64 KiB on some ARM kernels. */
function readPageBytes(): number {
  try {
    const vector = readFileSync('/proc/self/auxv');
    for (let offset = 0; offset + 16 <= vector.length; offset += 16) {
      if (vector.readBigUInt64LE(offset) === AT_PAGESZ) return Number(vector.readBigUInt64LE(offset + 8));
    }
  } catch {
    // No such file outside Linux; children are not counted there anyway.
  }
  return USUAL_PAGE_BYTES;
}
