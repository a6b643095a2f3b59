import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Intervals } from '../../../async-ops/index.js';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { ImageMemoryManager, isAtLeast } from '../../../image-memory/index.js';
import { JOB_QUEUE, type JobQueue } from '../../../jobs/index.js';
import { BOOKMARK_STORE, type BookmarkStore } from '../../model/bookmark-store.js';
import type { Bookmark } from '../../model/bookmark.js';
import { ENRICH_KIND, ENRICH_PRIORITY, enrichmentJobFor } from '../enrichment-job.js';

/** Between two looks at what is due, ms; the hourly budget is spread over them. */
export const REFRESH_TICK_MS = 60_000;

const HOUR_MS = 3_600_000;

/** Rows that one look reads at most. */
const MAX_ROWS = 1_000;

/** A bookmark that is still pending after this long has lost its job (it was made while ENRICHMENT was off). */
const LOST_AFTER_MS = 86_400_000;

export interface RefreshSnapshot {
  readonly queued: number;
  /** Looks that were left out because memory was short. */
  readonly skippedForMemory: number;
  /** What is left of the hourly budget now, pages. */
  readonly budget: number;
}

/**
 * Queues what is due again, oldest first, never more than REFRESH_PER_HOUR in an hour, nothing from `coordinate` up.
 */
@Injectable()
export class RefreshScheduler implements OnApplicationBootstrap {
  private budget = 0;
  private queued = 0;
  private skippedForMemory = 0;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    private readonly imageMemory: ImageMemoryManager,
    private readonly intervals: Intervals,
  ) {}

  onApplicationBootstrap(): void {
    const { ENRICHMENT, READ_ONLY, REFRESH_PER_HOUR } = this.settings.values;
    if (!ENRICHMENT || READ_ONLY || REFRESH_PER_HOUR === 0) return;
    this.intervals.every('bookmarks.refresh', REFRESH_TICK_MS, () => this.tick());
  }

  snapshot(): RefreshSnapshot {
    return { queued: this.queued, skippedForMemory: this.skippedForMemory, budget: this.budget };
  }

  private async tick(): Promise<void> {
    const perTick = (this.settings.values.REFRESH_PER_HOUR * REFRESH_TICK_MS) / HOUR_MS;
    // What was not used is not saved up: after a night under pressure there is no burst.
    this.budget = Math.min(this.budget + perTick, Math.max(1, perTick));
    if (isAtLeast(this.imageMemory.level(), 'coordinate')) {
      this.skippedForMemory += 1;
      return;
    }
    const wanted = Math.floor(this.budget);
    if (wanted === 0) return;
    const done = await this.queueDue(wanted);
    this.budget -= done;
    this.queued += done;
  }

  private async queueDue(wanted: number): Promise<number> {
    const now = this.clock.now();
    const { byKind } = await this.queue.snapshot();
    const { waiting = 0, running = 0 } = byKind[ENRICH_KIND] ?? {};
    // Those that wait in the queue already are due too, and stand in front.
    const rows = Math.min(MAX_ROWS, wanted + waiting + running);
    const queued = await this.enqueue(await this.store.dueForRefresh(now, rows), wanted);
    if (queued > 0 || waiting > 0) return queued;
    const { bookmarks } = await this.store.list(
      { enrichment: 'pending', before: now - LOST_AFTER_MS },
      'createdAt',
      wanted,
    );
    return this.enqueue(bookmarks, wanted);
  }

  /** Until `wanted` jobs are new. */
  private async enqueue(bookmarks: readonly Bookmark[], wanted: number): Promise<number> {
    let queued = 0;
    for (let at = 0; at < bookmarks.length && queued < wanted;) {
      const slice = bookmarks.slice(at, at + wanted - queued);
      at += slice.length;
      const jobs = slice.flatMap((bookmark) => {
        const job = enrichmentJobFor(bookmark, this.settings, { priority: ENRICH_PRIORITY.refresh });
        return job === null ? [] : [job];
      });
      queued += await this.queue.enqueueAll(jobs);
    }
    return queued;
  }
}
