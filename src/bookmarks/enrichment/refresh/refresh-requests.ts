import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { PlimsollError } from '../../../errors/index.js';
import { JOB_QUEUE, type JobQueue, type JobView } from '../../../jobs/index.js';
import { RemoteFetcher } from '../../../remote-fetch/index.js';
import { BOOKMARK_STORE, type BookmarkChange, type BookmarkStore } from '../../model/bookmark-store.js';
import type { Bookmark } from '../../model/bookmark.js';
import { ENRICH_PRIORITY, newEnrichJob } from '../enrichment-job.js';
import { HostLines } from '../politeness/host-lines.js';

export interface RefreshOptions {
  /** Before all others and without waiting for a time that was set; pictures are looked at again too. */
  readonly force?: boolean;
}

/** Refreshes that people ask for, whatever ENRICHMENT says. */
@Injectable()
export class RefreshRequests {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    private readonly hosts: HostLines,
    private readonly fetcher: RemoteFetcher,
  ) {}

  /**
   * Queues the enrichment of a bookmark: what was given up starts anew, and failures of its page and host are
   * forgotten (a `Retry-After` of the host is not).
   *
   * @returns the job, which may have been there before
   * @throws PlimsollError `bookmark-not-found`, `read-only`
   */
  async requestRefresh(bookmarkId: string, { force = false }: RefreshOptions = {}): Promise<JobView> {
    if (this.settings.values.READ_ONLY) {
      throw new PlimsollError('read-only', 'This server runs read-only and refreshes nothing.');
    }
    const bookmark = await this.store.update(bookmarkId, startAnew);
    this.forgetFailures(bookmark);
    const job = newEnrichJob({ bookmarkId, ...(force ? { force } : {}) }, this.settings, {
      priority: ENRICH_PRIORITY.person,
    });
    const found = await this.queue.enqueue(job);
    if (!force || found.state !== 'waiting' || found.runAt <= this.clock.now()) return found;
    // It waits for a time of its own: a new one takes its place.
    return (await this.queue.cancel(found.id)) ? this.queue.enqueue(job) : found;
  }

  /** The same for many, without `force`. @returns how many were queued that were not queued before */
  async requestRefreshOfMany(bookmarkIds: readonly string[]): Promise<number> {
    if (this.settings.values.READ_ONLY) {
      throw new PlimsollError('read-only', 'This server runs read-only and refreshes nothing.');
    }
    const outcomes = await this.store.applyAll(
      bookmarkIds.map((id) => ({ kind: 'update', id, change: startAnew })),
    );
    const known = outcomes.flatMap((outcome) => (outcome.outcome === 'refused' ? [] : [outcome.bookmark]));
    for (const bookmark of known) this.forgetFailures(bookmark);
    return this.queue.enqueueAll(
      known.map(({ id }) =>
        newEnrichJob({ bookmarkId: id }, this.settings, { priority: ENRICH_PRIORITY.created }),
      ),
    );
  }

  private forgetFailures({ url, preview }: Bookmark): void {
    this.hosts.forget(new URL(url).host);
    this.fetcher.forget(url);
    for (const candidate of preview.candidates) this.fetcher.forget(candidate.url);
  }
}

/** Failures count from zero again. `null`: there is nothing to forget. */
function startAnew({ enrichment }: Bookmark): BookmarkChange | null {
  if (enrichment.attempts === 0 && enrichment.error === null) return null;
  return { enrichment: { ...enrichment, state: 'pending', attempts: 0, error: null } };
}
