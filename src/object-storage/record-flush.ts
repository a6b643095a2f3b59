import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { EventBus } from '../events/index.js';
import { OBJECT_STORE, type ObjectStore } from './object-store.js';

/** In an emergency every cache flushes itself: this is the store's, the records of objects that exist. */
@Injectable()
export class RecordFlush implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private stop: () => void = () => undefined;

  constructor(
    private readonly bus: EventBus,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {}

  onApplicationBootstrap(): void {
    this.stop = this.bus.on(
      'emergency-cleanup-start',
      'object-storage',
      () => void this.store.forgetRecords?.(),
    );
  }

  beforeApplicationShutdown(): void {
    this.stop();
  }
}
