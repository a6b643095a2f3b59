import { formatBytes, MEMORY_THRESHOLDS, type MemoryRung, type Settings } from '../config/index.js';
import type { Allocator } from '../process-memory/index.js';

/** What an operator must know of a start, one line each: the line L, the rungs, the caches, heap and allocator. */
export function startTable(settings: Settings, allocator: Allocator): string[] {
  const {
    lineBytes,
    lineSource,
    machine,
    rungBytes,
    imageCacheBytes,
    serverCacheBytes,
    existenceCacheBytes,
    scaled,
  } = settings.memory;
  const rungs = (Object.keys(MEMORY_THRESHOLDS) as MemoryRung[]).map(
    (rung) =>
      `${rung} ${formatBytes(rungBytes[rung])} (${Math.round((rungBytes[rung] / lineBytes) * 100)} %)`,
  );
  const container =
    machine.containerLimitBytes === null
      ? 'no container limit'
      : `container ${formatBytes(machine.containerLimitBytes)}`;
  return [
    `Memory line L: ${formatBytes(lineBytes)}, from the ${lineSource} (${container}, machine ${formatBytes(machine.totalMemoryBytes)}).`,
    `Rungs: ${rungs.join(', ')}.`,
    `Caches: images ${formatBytes(imageCacheBytes)}, metadata ${formatBytes(serverCacheBytes)}, existence ${formatBytes(existenceCacheBytes)}` +
      `${scaled.length === 0 ? '' : `; scaled down to fit: ${scaled.join(', ')}`}.`,
    `Heap limit: ${formatBytes(machine.heapLimitBytes)}. Allocator: ${allocator.name}` +
      `${allocator.tuned ? '' : ', not tuned: freed memory returns late; start through bin/plimsoll'}.`,
  ];
}
