import { isDeepStrictEqual } from 'node:util';
import type { Bookmark } from '../model/bookmark.js';
import type { BookmarkChange } from '../model/bookmark-store.js';
import { tagKey } from '../normalise/tag-name.js';
import { sortedTags, timeOf } from './draft-rules.js';
import { storable } from './keys.js';
import { cleanLayers, effective, withValues } from './layers.js';

/** The bookmark after a change; `null` when nothing would be different. */
export function applyChange(current: Bookmark, change: BookmarkChange): Bookmark | null {
  const whole = change.fields === undefined ? current.fields : cleanLayers(change.fields);
  const fields =
    change.values === undefined ? whole : withValues(whole, change.values.source, change.values.fields);
  const next: Bookmark = {
    ...current,
    ...urlOf(current, change),
    fields,
    title: effective(fields, 'title'),
    description: effective(fields, 'description'),
    note: change.note === undefined ? current.note : change.note === null ? null : storable(change.note),
    tags: tagsOf(current, change),
    archived: change.archived ?? current.archived,
    favourite: change.favourite ?? current.favourite,
    createdAt: timeOf(change.createdAt, current.createdAt),
    preview: change.preview ?? current.preview,
    http: change.http ?? current.http,
    enrichment: change.enrichment ?? current.enrichment,
    externalId: change.externalId === undefined ? current.externalId : change.externalId,
  };
  return isDeepStrictEqual(next, current) ? null : next;
}

/** Whether only what a check of the page notes down is different. */
export function isOnlyCheck(current: Bookmark, next: Bookmark): boolean {
  return isDeepStrictEqual(
    { ...current, http: null, enrichment: null },
    { ...next, http: null, enrichment: null },
  );
}

function urlOf(
  current: Bookmark,
  { url = current }: BookmarkChange,
): Pick<Bookmark, 'url' | 'normalisedUrl' | 'host'> {
  return { url: storable(url.url), normalisedUrl: storable(url.normalisedUrl), host: storable(url.host) };
}

/** Another spelling of the same tag is no change: the name is as first written. */
function tagsOf(current: Bookmark, { tags }: BookmarkChange): readonly string[] {
  if (tags === undefined) return current.tags;
  const spelling = new Map(current.tags.map((name) => [tagKey(name), name]));
  return sortedTags(tags).map((name) => spelling.get(tagKey(name)) ?? name);
}
