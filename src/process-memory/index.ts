export { describeAllocator, type Allocator, type AllocatorName, type AllocatorSources } from './allocator.js';
export { ByteAccount } from './byte-account.js';
export { ByteAccounts, type ByteAccountFigures, type ByteAccountsSnapshot } from './byte-accounts.js';
export { COLLECT_GARBAGE, type CollectGarbage } from './collect-garbage.js';
export { EventLoopMonitor, type EventLoopReading, type EventLoopSnapshot } from './event-loop-monitor.js';
export {
  GarbageCollector,
  type GarbageCollection,
  type GarbageCollectorSnapshot,
} from './garbage-collector.js';
export { HeapInspector, type HeapStatistics } from './heap-inspector.js';
export { LOOP_PROBES, type LoopDelay, type LoopProbes } from './loop-probes.js';
export { readMachineMemory } from './machine-memory.js';
export {
  MEMORY_READERS,
  type ContainerReading,
  type ContainerState,
  type MemoryReaders,
  type ProcessReading,
} from './memory-readers.js';
export type { MemorySample } from './memory-sample.js';
export {
  MemorySampler,
  type MemorySamplerSnapshot,
  type SampleCadence,
  type SampleListener,
} from './memory-sampler.js';
export { ProcessMemoryModule } from './process-memory.module.js';
