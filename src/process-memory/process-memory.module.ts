import { totalmem } from 'node:os';
import { Global, Module } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { ByteAccounts } from './byte-accounts.js';
import { COLLECT_GARBAGE, collectGarbage } from './collect-garbage.js';
import { ContainerMemory } from './container-memory.js';
import { EventLoopMonitor } from './event-loop-monitor.js';
import { GarbageCollector } from './garbage-collector.js';
import { HeapInspector } from './heap-inspector.js';
import { InjectedMemoryReaders } from './injected-memory-readers.js';
import { LOOP_PROBES, NodeLoopProbes } from './loop-probes.js';
import { MEMORY_READERS, type MemoryReaders } from './memory-readers.js';
import { MemorySampler } from './memory-sampler.js';
import { ProcessMemoryReaders } from './process-memory-readers.js';

function createReaders(settings: Settings, clock: Clock): MemoryReaders {
  const container = new ContainerMemory({
    totalMemoryBytes: totalmem(),
    monotonicMs: () => clock.monotonicMs(),
  });
  const real = new ProcessMemoryReaders(container);
  const path = settings.values.MEMORY_INJECT_FILE;
  return path === undefined ? real : new InjectedMemoryReaders(path, settings.memory.lineBytes, real);
}

/** Measures memory, event loop and threadpool; decides nothing. The only room that reads memory. Uses `config` and `clock`. */
@Global()
@Module({
  providers: [
    MemorySampler,
    ByteAccounts,
    GarbageCollector,
    EventLoopMonitor,
    HeapInspector,
    { provide: MEMORY_READERS, useFactory: createReaders, inject: [SETTINGS, CLOCK] },
    { provide: COLLECT_GARBAGE, useValue: collectGarbage },
    { provide: LOOP_PROBES, useFactory: () => new NodeLoopProbes() },
  ],
  exports: [MemorySampler, ByteAccounts, GarbageCollector, EventLoopMonitor, HeapInspector],
})
export class ProcessMemoryModule {}
