import { isDeepStrictEqual } from 'node:util';
import {
  LIMITS,
  type Bookmark,
  type Enrichment,
  type HttpState,
  type PreviewState,
} from '../model/bookmark.js';
import type { BookmarkDraft } from '../model/bookmark-store.js';
import { distinctTags, tagKey } from '../normalise/tag-name.js';
import { storable } from './keys.js';
import { effective, filledFrom, layersOf } from './layers.js';

export const NO_PREVIEW: PreviewState = { candidates: [], chosen: null };
export const NO_HTTP: HttpState = { status: null, checkedAt: null, failingSince: null, deadSince: null };
export const NOT_ENRICHED: Enrichment = {
  state: 'pending',
  attempts: 0,
  error: null,
  at: null,
  refreshAt: null,
};

/** A bookmark as its draft says; revision and position in the feed are given when it is written. */
export function fromDraft(draft: BookmarkDraft, id: string, now: number): Bookmark {
  const fields = layersOf(draft);
  return {
    id,
    url: storable(draft.url),
    normalisedUrl: storable(draft.normalisedUrl),
    host: storable(draft.host),
    title: effective(fields, 'title'),
    description: effective(fields, 'description'),
    note: noteOf(draft),
    tags: sortedTags(draft.tags),
    archived: draft.archived ?? false,
    favourite: draft.favourite ?? false,
    fields,
    preview: draft.preview ?? NO_PREVIEW,
    http: draft.http ?? NO_HTTP,
    enrichment: draft.enrichment ?? NOT_ENRICHED,
    externalId: draft.externalId ?? null,
    createdAt: timeOf(draft.createdAt, now),
    modifiedAt: now,
    revision: 0,
    changeSeq: 0,
  };
}

/** What the rule `merge` makes of a known bookmark; the same object when nothing changes. */
export function mergeDraft(known: Bookmark, draft: BookmarkDraft): Bookmark {
  const fields = filledFrom(known.fields, layersOf(draft));
  const merged: Bookmark = {
    ...known,
    fields,
    title: effective(fields, 'title'),
    description: effective(fields, 'description'),
    note: mergedNote(known.note, noteOf(draft)),
    tags: sortedTags([...known.tags, ...draft.tags]),
    createdAt: Math.min(known.createdAt, timeOf(draft.createdAt, known.createdAt)),
    externalId: known.externalId ?? draft.externalId ?? null,
    preview: known.preview.candidates.length === 0 ? (draft.preview ?? known.preview) : known.preview,
    http: known.http.checkedAt === null ? (draft.http ?? known.http) : known.http,
    enrichment: isDeepStrictEqual(known.enrichment, NOT_ENRICHED)
      ? (draft.enrichment ?? known.enrichment)
      : known.enrichment,
  };
  return isDeepStrictEqual(merged, known) ? known : merged;
}

/** One name for each key, the first; sorted by key. */
export function sortedTags(names: readonly string[]): readonly string[] {
  return distinctTags(names.map(storable))
    .map((name) => ({ name, key: tagKey(name) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ name }) => name);
}

/** Epoch ms that both engines can keep. */
export function timeOf(given: number | undefined, otherwise: number): number {
  const time = Math.trunc(given ?? otherwise);
  return Number.isSafeInteger(time) ? time : otherwise;
}

function noteOf(draft: BookmarkDraft): string | null {
  const note = storable(draft.note ?? '');
  return note === '' ? null : note;
}

function mergedNote(known: string | null, more: string | null): string | null {
  if (known === null || more === null) return known ?? more;
  return known.includes(more) ? known : `${known}\n\n${more}`.slice(0, LIMITS.note);
}
