import { Global, Module } from '@nestjs/common';
import { EventBus } from './events/index.js';
import { ImageMemoryManager } from './image-memory/index.js';
import { JOB_GATE, type JobGate } from './jobs/index.js';

/**
 * Binds the gate of background work to the memory line: nothing that needs memory starts from `coordinate` up. The one
 * place that knows both rooms; neither knows the other.
 */
@Global()
@Module({
  providers: [
    {
      provide: JOB_GATE,
      inject: [ImageMemoryManager, EventBus],
      useFactory: (memory: ImageMemoryManager, bus: EventBus): JobGate => ({
        mayStart: () => memory.level() === 'normal',
        onChange: (listener) =>
          bus.on('status-changed', 'jobs', ({ from, to }) => {
            if ((from === 'normal') !== (to === 'normal')) listener();
          }),
      }),
    },
  ],
  exports: [JOB_GATE],
})
export class JobGateModule {}
