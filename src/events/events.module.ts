import { Global, Module } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { EventBus } from './event-bus.js';

/** The one bus of the process. Uses `clock`. */
@Global()
@Module({
  imports: [EventEmitterModule.forRoot({ maxListeners: 32, verboseMemoryLeak: true })],
  providers: [EventBus],
  exports: [EventBus],
})
export class EventsModule {}
