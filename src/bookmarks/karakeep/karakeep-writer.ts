import { Inject, Injectable } from '@nestjs/common';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import { SETTINGS, type Settings } from '../../config/index.js';
import type { Tables } from '../../database/index.js';
import { AbortedError, isPlimsollError } from '../../errors/index.js';
import { JOB_QUEUE, type JobQueue } from '../../jobs/index.js';
import type { Bookmark } from '../model/bookmark.js';
import { enrichmentJobFor } from '../enrichment/enrichment-job.js';
import { BOOKMARK_STORE, type BookmarkStore, type StoreWrite } from '../model/bookmark-store.js';
import { changeFrom, isOwned } from './karakeep-apply.js';
import { KarakeepClient } from './karakeep-client.js';
import { externalIdOf, toDraft, type KarakeepDraft } from './karakeep-draft.js';
import { KarakeepSeen, type SeenPage } from './karakeep-seen.js';
import { isLink, type KarakeepPage } from './karakeep-shapes.js';

/** Fewer than this may always go: half of a handful is no sign of a fault. */
const SMALL_SET = 10;

/** More than this share of the set never goes at once. */
const MOST_REMOVED = 0.5;

export interface PageOutcome {
  readonly created: number;
  readonly updated: number;
  readonly skipped: number;
  /** Nothing on the page was new or different. */
  readonly unchanged: boolean;
  /** Ids of ours, for everything that the page holds, readable or not. */
  readonly externalIds: readonly string[];
}

export interface Removal {
  readonly removed: number;
  readonly refused: string | null;
}

/** Writes what Karakeep says into our rows: a page in one transaction. */
@Injectable()
export class KarakeepWriter {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    @Inject(JOB_QUEUE) private readonly jobs: JobQueue,
    private readonly client: KarakeepClient,
    private readonly seen: KarakeepSeen,
  ) {}

  /** @throws PlimsollError `database-unavailable`; then nothing of the page was written */
  async write(page: KarakeepPage): Promise<PageOutcome> {
    let skipped = page.unreadable;
    const drafts: KarakeepDraft[] = [];
    for (const bookmark of page.bookmarks) {
      const draft = isLink(bookmark) ? this.draftOf(bookmark) : null;
      if (draft === null) skipped += 1;
      else drafts.push(draft);
    }
    let [created, updated, unchanged] = [0, 0, true];
    const writes = await Promise.all(drafts.map((draft) => this.writeOf(draft)));
    if (writes.length > 0) {
      await this.store.applyAll(writes, async (queries, outcomes) => {
        // it may be called again after a conflict
        created = outcomes.filter(({ outcome }) => outcome === 'created').length;
        updated = outcomes.filter(({ outcome }) => outcome === 'updated' || outcome === 'merged').length;
        skipped += outcomes.filter(({ outcome }) => outcome === 'refused').length;
        unchanged = created + updated === 0;
        const wanted = outcomes.flatMap((outcome) =>
          outcome.outcome === 'created' ? (enrichmentJobFor(outcome.bookmark, this.settings) ?? []) : [],
        );
        if (wanted.length > 0) await this.jobs.enqueueAll(wanted, queries);
      });
    }
    const externalIds = page.bookmarks.map(({ id }) => externalIdOf(id));
    return { created, updated, skipped, unchanged, externalIds };
  }

  /**
   * Takes away what the sweep has not met. A bookmark with something of a person's own in it stays, on its own feet. When
   * most of the set would go the answer is not believed, and nothing goes. The set is looked through page by page, twice.
   *
   * @param onRemoved called within the transaction of each page that loses some, with how many so far; it may be called again
   *   after a conflict
   * @throws PlimsollError `database-unavailable`; AbortedError
   */
  async removeMissing(
    sweep: string,
    signal: AbortSignal,
    onRemoved: (queries: Transaction<Tables>, count: number) => Promise<void>,
  ): Promise<Removal> {
    let [missing, known] = [0, 0];
    for await (const page of this.seenPages(sweep, signal)) {
      missing += page.missing.length;
      known += page.known;
    }
    if (missing > SMALL_SET && missing > known * MOST_REMOVED) {
      return {
        removed: 0,
        refused: `Karakeep no longer shows ${missing} of ${known} bookmarks; nothing was removed.`,
      };
    }
    let removed = 0;
    if (missing === 0) return { removed, refused: null };
    for await (const page of this.seenPages(sweep, signal)) {
      if (page.missing.length === 0) continue;
      const bookmarks = await this.store.findMany(page.missing);
      let gone = 0;
      await this.store.applyAll(bookmarks.map(farewell), async (queries, outcomes) => {
        gone = outcomes.filter(({ outcome }) => outcome === 'removed').length;
        await onRemoved(queries, removed + gone);
      });
      removed += gone;
    }
    return { removed, refused: null };
  }

  private async *seenPages(sweep: string, signal: AbortSignal): AsyncGenerator<SeenPage> {
    let behind: string | null = null;
    do {
      if (signal.aborted) throw new AbortedError('The sync was stopped.');
      const page = await this.seen.page(sweep, behind);
      yield page;
      behind = page.next;
      await nextTurn();
    } while (behind !== null);
  }

  private draftOf(link: Parameters<typeof toDraft>[0]): KarakeepDraft | null {
    try {
      return toDraft(link, (assetId) => this.client.assetUrl(assetId));
    } catch (error) {
      if (isPlimsollError(error, 'invalid-bookmark-url')) return null;
      throw error;
    }
  }

  private async writeOf(draft: KarakeepDraft): Promise<StoreWrite> {
    const known =
      (await this.store.findByExternalId(draft.externalId)) ??
      (await this.store.findByUrl(draft.normalisedUrl));
    if (known === null) {
      const { candidates: _candidates, editedAt: _editedAt, ...plain } = draft;
      return { kind: 'insert', draft: plain, rule: 'merge' };
    }
    return { kind: 'update', id: known.id, change: (current) => changeFrom(draft, current) };
  }
}

function farewell(bookmark: Bookmark): StoreWrite {
  const { id } = bookmark;
  return isOwned(bookmark)
    ? { kind: 'update', id, change: () => ({ externalId: null }) }
    : { kind: 'remove', id };
}
