import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/index.js';
import { PlimsollError } from '../../errors/index.js';
import { JOB_QUEUE, type JobQueue } from '../../jobs/index.js';
import { enrichmentJobFor } from '../enrichment/enrichment-job.js';
import type { Bookmark } from '../model/bookmark.js';
import {
  BOOKMARK_STORE,
  type BookmarkStore,
  type InsertOutcome,
  type WriteOutcome,
} from '../model/bookmark-store.js';
import { normaliseBookmarkUrl } from '../normalise/normalise-bookmark-url.js';
import { changeOf, draftOf } from './bookmark-changes.js';
import type { BookmarkPatch, NewBookmark } from './bookmark-input.js';
import type { Precondition } from './revision-tag.js';

/**
 * One bookmark at a time: create, read, change, delete. What has to be enriched gets its job in the transaction that
 * writes it. These are small writes of what a person typed: no pressure on memory refuses them.
 */
@Injectable()
export class BookmarksService {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    @Inject(JOB_QUEUE) private readonly jobs: JobQueue,
  ) {}

  /**
   * Creates, or answers with the bookmark that has this URL, unchanged. Safe against the same request at the same time.
   *
   * @throws PlimsollError `invalid-bookmark-url`, `read-only`, `database-unavailable`
   */
  async create(input: NewBookmark): Promise<InsertOutcome> {
    this.assertWritable();
    const outcomes = await this.store.insert([draftOf(input)], 'keep', async (queries, [inserted]) => {
      if (inserted?.outcome !== 'created') return;
      const job = enrichmentJobFor(inserted.bookmark, this.settings);
      if (job !== null) await this.jobs.enqueue(job, queries);
    });
    return outcomes[0] as InsertOutcome;
  }

  /** @throws PlimsollError `bookmark-not-found` */
  async get(id: string): Promise<Bookmark> {
    const bookmark = await this.store.find(id);
    if (bookmark === null) throw notFound();
    return bookmark;
  }

  /** Whether a URL is kept already, however it is written. @throws PlimsollError `invalid-bookmark-url` */
  async findByUrl(
    url: string,
  ): Promise<{ readonly normalisedUrl: string; readonly bookmark: Bookmark | null }> {
    const { normalisedUrl } = normaliseBookmarkUrl(url);
    return { normalisedUrl, bookmark: await this.store.findByUrl(normalisedUrl) };
  }

  /**
   * Changes what the patch names and nothing else; what changes nothing writes nothing.
   *
   * @throws PlimsollError `bookmark-not-found`, `bookmark-url-taken`, `invalid-bookmark-url`, `read-only`,
   *   `database-unavailable`, and what the precondition throws
   */
  async patch(id: string, patch: BookmarkPatch, precondition?: Precondition): Promise<Bookmark> {
    this.assertWritable();
    let enrich = false;
    const outcomes = await this.store.applyAll(
      [
        {
          kind: 'update',
          id,
          change: (current) => {
            precondition?.(current);
            const plan = changeOf(current, patch);
            enrich = plan.enrich;
            return plan.change;
          },
        },
      ],
      async (queries, [updated]) => {
        if (!enrich || updated?.outcome !== 'updated') return;
        const job = enrichmentJobFor(updated.bookmark, this.settings);
        if (job !== null) await this.jobs.enqueue(job, queries);
      },
    );
    return bookmarkOf(outcomes[0]);
  }

  /** @throws PlimsollError `bookmark-not-found`, `read-only`, `database-unavailable`, and what the precondition throws */
  async remove(id: string, precondition?: Precondition): Promise<void> {
    this.assertWritable();
    const outcomes = await this.store.applyAll([
      { kind: 'remove', id, ...(precondition === undefined ? {} : { check: precondition }) },
    ]);
    bookmarkOf(outcomes[0]);
  }

  /** @throws PlimsollError `read-only` */
  assertWritable(): void {
    if (this.settings.values.READ_ONLY) {
      throw new PlimsollError('read-only', 'This server runs read-only and changes no bookmarks.');
    }
  }
}

const notFound = (): PlimsollError =>
  new PlimsollError('bookmark-not-found', 'There is no bookmark with this id.');

function bookmarkOf(outcome: WriteOutcome | undefined): Bookmark {
  if (outcome === undefined) throw notFound();
  if (outcome.outcome === 'refused') throw outcome.error;
  return outcome.bookmark;
}
