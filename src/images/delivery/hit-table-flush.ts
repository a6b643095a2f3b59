import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { EventBus } from '../../events/index.js';
import { HitTable } from './hit-table.js';

/** In an emergency every cache flushes itself: this is the hit table's. */
@Injectable()
export class HitTableFlush implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private stop: () => void = () => undefined;

  constructor(
    private readonly bus: EventBus,
    private readonly hits: HitTable,
  ) {}

  onApplicationBootstrap(): void {
    this.stop = this.bus.on('emergency-cleanup-start', 'hit-table', () => this.hits.clear());
  }

  beforeApplicationShutdown(): void {
    this.stop();
  }
}
