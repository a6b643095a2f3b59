import { Global, Module } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { EventBus } from '../events/index.js';
import { ByteAccounts, EventLoopMonitor, GarbageCollector, MemorySampler } from '../process-memory/index.js';
import { assembleImageMemory } from './assemble-image-memory.js';
import { ImageMemoryManager } from './image-memory-manager.js';
import { RESERVATIONS_ENABLED } from './reservations-enabled.js';

/**
 * The memory line: ladder, reservations, cost model, buffer cache, single-flight. Uses `config`, `events`, `errors`,
 * `clock` and `process-memory`; knows nothing of sharp or HTTP.
 */
@Global()
@Module({
  providers: [
    { provide: RESERVATIONS_ENABLED, useValue: true },
    {
      provide: ImageMemoryManager,
      inject: [
        SETTINGS,
        CLOCK,
        EventBus,
        MemorySampler,
        ByteAccounts,
        GarbageCollector,
        EventLoopMonitor,
        RESERVATIONS_ENABLED,
      ],
      useFactory: (
        settings: Settings,
        clock: Clock,
        bus: EventBus,
        sampler: MemorySampler,
        accounts: ByteAccounts,
        garbage: GarbageCollector,
        loop: EventLoopMonitor,
        reservationsEnabled: boolean,
      ) =>
        assembleImageMemory({ settings, clock, bus, sampler, accounts, garbage, loop, reservationsEnabled }),
    },
  ],
  exports: [ImageMemoryManager],
})
export class ImageMemoryModule {}
