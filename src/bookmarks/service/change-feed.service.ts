import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { PlimsollError } from '../../errors/index.js';
import { BOOKMARK_STORE, type BookmarkEvent, type BookmarkStore } from '../model/bookmark-store.js';
import { INSTANT } from './input-text.js';
import { fromSyncToken, isSyncToken, toSyncToken } from './sync-token.js';

/** Deletions are remembered for this long, ms (chosen: a quarter of a year; a client that slept longer reads anew). */
export const TOMBSTONE_RETENTION_MS = 90 * 24 * 3_600_000;

export interface ChangePage {
  /** In the order in which they were committed; of each bookmark its last state only. */
  readonly changes: readonly BookmarkEvent[];
  /** Asks for what comes after these. */
  readonly syncToken: string;
  /** Whether more is there already. */
  readonly more: boolean;
}

/** What has changed since a client last asked: the delta sync. */
@Injectable()
export class ChangeFeedService {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
  ) {}

  /** The newest position, taken before a list is read: what changes meanwhile is in the list, in the feed, or in both. */
  async currentToken(): Promise<string> {
    return toSyncToken({ seq: await this.store.latestSeq(), at: this.clock.now() });
  }

  /**
   * At most `limit` changes after a time (ISO 8601) or a token.
   *
   * @throws PlimsollError `invalid-cursor` for what is neither, and for a token older than what is remembered of
   *   deletions; `invalid-parameter` for a malformed time
   */
  async since(modifiedSince: string, limit: number): Promise<ChangePage> {
    const at = this.clock.now();
    const seq = await this.positionOf(modifiedSince, at);
    const changes = await this.store.changesSince(seq, limit);
    const last = changes.at(-1);
    return {
      changes,
      syncToken: toSyncToken({ seq: last?.seq ?? seq, at }),
      more: changes.length === limit,
    };
  }

  /** Since when deletions are known, epoch ms; a client that has not asked for longer may hold what is gone. */
  deletionsKnownSince(): number {
    return this.clock.now() - TOMBSTONE_RETENTION_MS;
  }

  private async positionOf(modifiedSince: string, now: number): Promise<number> {
    if (isSyncToken(modifiedSince)) {
      const { seq, at } = fromSyncToken(modifiedSince);
      if (at >= now - TOMBSTONE_RETENTION_MS && seq <= (await this.store.latestSeq())) return seq;
      throw new PlimsollError(
        'invalid-cursor',
        'The sync token is older than what is remembered of deletions, or of another database; read the whole list and go on with its syncToken.',
      );
    }
    const time = INSTANT.safeParse(modifiedSince);
    if (!time.success) {
      throw new PlimsollError(
        'invalid-parameter',
        'modifiedSince: must be a time such as 2026-01-31T12:00:00Z, or the syncToken of an earlier answer.',
      );
    }
    return this.store.seqAt(time.data);
  }
}
