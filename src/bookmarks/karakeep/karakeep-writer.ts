import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/index.js';
import { isPlimsollError } from '../../errors/index.js';
import { JOB_QUEUE, type JobQueue } from '../../jobs/index.js';
import { enrichmentJobFor } from '../enrichment/enrichment-job.js';
import {
  BOOKMARK_STORE,
  type BookmarkPage,
  type BookmarkStore,
  type StoreWrite,
} from '../model/bookmark-store.js';
import { changeFrom, isOwned } from './karakeep-apply.js';
import { KarakeepClient } from './karakeep-client.js';
import { toDraft, type KarakeepDraft } from './karakeep-draft.js';
import { isLink, type KarakeepPage } from './karakeep-shapes.js';

/** Bookmarks that one look at the local set reads. */
const BATCH = 100;

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

interface Missing {
  readonly id: string;
  readonly isOwned: boolean;
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
    const externalIds = page.bookmarks.map(({ id }) => `karakeep:${id}`);
    return { created, updated, skipped, unchanged, externalIds };
  }

  /**
   * Takes away what Karakeep no longer has. A bookmark with something of a person's own in it stays, on its own feet. When
   * most of the set would go the answer is not believed, and nothing goes.
   */
  async removeMissing(present: ReadonlySet<string>): Promise<Removal> {
    const missing: Missing[] = [];
    let known = 0;
    let cursor: string | undefined;
    do {
      const page: BookmarkPage = await this.store.list({}, 'createdAt', BATCH, cursor);
      for (const bookmark of page.bookmarks) {
        if (bookmark.externalId?.startsWith('karakeep:') !== true) continue;
        known += 1;
        if (!present.has(bookmark.externalId)) missing.push({ id: bookmark.id, isOwned: isOwned(bookmark) });
      }
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    if (missing.length > SMALL_SET && missing.length > known * MOST_REMOVED) {
      return {
        removed: 0,
        refused: `Karakeep no longer shows ${missing.length} of ${known} bookmarks; nothing was removed.`,
      };
    }
    let removed = 0;
    for (let at = 0; at < missing.length; at += BATCH) {
      const outcomes = await this.store.applyAll(missing.slice(at, at + BATCH).map(farewell));
      removed += outcomes.filter(({ outcome }) => outcome === 'removed').length;
    }
    return { removed, refused: null };
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

function farewell({ id, isOwned: stays }: Missing): StoreWrite {
  return stays ? { kind: 'update', id, change: () => ({ externalId: null }) } : { kind: 'remove', id };
}
