import type { Bookmark, Enrichment, HttpState } from '../../model/bookmark.js';
import type { BookmarkChange } from '../../model/bookmark-store.js';
import type { Failure } from '../failure.js';
import { linkFails, linkUndecided, linkWorks } from '../merge/http-state.js';
import { newValues, valuesOf } from '../merge/page-values.js';
import type { PageReading } from '../page-reader.js';
import { candidatesOf, replaceCandidates, sameCandidates } from '../preview/preview-candidates.js';
import { recheckAfterFailure, refreshAfterSuccess, retryBehindWall } from '../refresh/refresh-times.js';

/** What the rules depend on beside the row and the result. */
export interface OutcomeTerms {
  /** Epoch ms. */
  readonly now: number;
  readonly maxAttempts: number;
  readonly refreshAfterMs: number;
  /** 0 to 1. */
  readonly random: number;
}

/** The change that a reading makes to its bookmark, wall or not. */
export function afterReading(current: Bookmark, reading: PageReading, terms: OutcomeTerms): BookmarkChange {
  if (reading.kind === 'page' && reading.facts.wall !== undefined) {
    return afterFailure(
      current,
      { kind: 'walled', code: 'origin-refused', status: reading.status, retryAfterMs: null },
      terms,
    );
  }
  const values = newValues(current, 'page', valuesOf(reading, current));
  const candidates = candidatesAfter(current, reading);
  const { now, refreshAfterMs, random } = terms;
  return settled(current, {
    ...(Object.keys(values).length === 0 ? {} : { values: { source: 'page', fields: values } }),
    ...(sameCandidates(candidates, current.preview.candidates)
      ? {}
      : { preview: { ...current.preview, candidates } }),
    http: linkWorks(reading.status, now),
    enrichment: {
      state: 'done',
      attempts: 0,
      error: null,
      at: now,
      refreshAt: refreshAfterSuccess(now, refreshAfterMs, random),
    },
  });
}

/** The change that a failure makes: HTTP state and bookkeeping, never a field. */
export function afterFailure(current: Bookmark, failure: Failure, terms: OutcomeTerms): BookmarkChange {
  const { now, random, maxAttempts } = terms;
  const http = httpAfter(current.http, failure, now);
  const attempts = current.enrichment.attempts + 1;
  const gaveUp = attempts >= maxAttempts && failure.kind !== 'missing' && failure.kind !== 'forbidden';
  const enrichment: Enrichment = {
    state: failure.kind === 'forbidden' ? 'skipped' : gaveUp ? 'given-up' : 'failed',
    attempts,
    error: failure.code,
    at: now,
    refreshAt:
      failure.kind === 'forbidden'
        ? null
        : http.failingSince === null
          ? retryBehindWall(now, gaveUp ? Infinity : attempts, random)
          : recheckAfterFailure(now, http, random),
  };
  return settled(current, { http, enrichment });
}

/**
 * Adds `quiet` when nothing changed that anyone would look at. Fields, pictures, the status of the link, whether it
 * fails or is dead, the state and its error count as changes; when it was looked at, how often in a row it failed
 * and when it is due again do not: a client that holds the bookmark would fetch it again for nothing, and its
 * `If-Match` would fail for an edit that nobody made.
 */
function settled(
  current: Bookmark,
  change: BookmarkChange & { readonly http: HttpState; readonly enrichment: Enrichment },
): BookmarkChange {
  const { http, enrichment } = change;
  const quiet =
    change.values === undefined &&
    change.preview === undefined &&
    http.status === current.http.status &&
    http.failingSince === current.http.failingSince &&
    http.deadSince === current.http.deadSince &&
    enrichment.state === current.enrichment.state &&
    enrichment.error === current.enrichment.error;
  return quiet ? { ...change, quiet } : change;
}

function candidatesAfter(current: Bookmark, reading: PageReading): Bookmark['preview']['candidates'] {
  const { candidates } = current.preview;
  if (reading.kind === 'page') {
    return replaceCandidates(candidates, ['page', 'json-ld', 'icon'], candidatesOf(reading.facts));
  }
  if (reading.contentType?.startsWith('image/') !== true) return candidates;
  return replaceCandidates(
    candidates,
    ['page', 'json-ld', 'oembed', 'icon'],
    [{ url: reading.finalUrl, kind: 'page' }],
  );
}

function httpAfter(before: HttpState, { kind, status }: Failure, now: number): HttpState {
  switch (kind) {
    case 'missing':
    case 'failing':
      return linkFails(before, status, now);
    case 'forbidden':
    case 'fault':
      return before;
    case 'aborted':
    case 'deferred':
    case 'throttled':
    case 'walled':
      return linkUndecided(before, status, now);
  }
}
