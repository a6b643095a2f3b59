import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Intervals } from '../../async-ops/index.js';
import { CLOCK, type Clock } from '../../clock/index.js';
import { SETTINGS, type Settings } from '../../config/index.js';
import { BOOKMARK_STORE, type BookmarkStore } from '../model/bookmark-store.js';
import { TOMBSTONE_RETENTION_MS } from './change-feed.service.js';

const EVERY_MS = 6 * 3_600_000;

/** Lets go of deletions that every client has had time to hear of. */
@Injectable()
export class TombstoneKeeper implements OnApplicationBootstrap {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    private readonly intervals: Intervals,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.values.READ_ONLY) return;
    this.intervals.every('bookmarks.tombstones', EVERY_MS, async () => {
      await this.store.pruneTombstones(this.clock.now() - TOMBSTONE_RETENTION_MS);
    });
  }
}
