import type { Bookmark, LayeredField, PreviewState } from '../model/bookmark.js';
import type { BookmarkChange, BookmarkDraft } from '../model/bookmark-store.js';
import { normaliseBookmarkUrl } from '../normalise/normalise-bookmark-url.js';
import { EDITABLE_FIELDS, type BookmarkPatch, type NewBookmark } from './bookmark-input.js';

/** As many candidates as a preview keeps. */
const MAX_CANDIDATES = 12;

/** What a person gave becomes a draft. @throws PlimsollError `invalid-bookmark-url` */
export function draftOf(input: NewBookmark): BookmarkDraft {
  const { url, normalisedUrl, host } = normaliseBookmarkUrl(input.url);
  const values: Partial<Record<LayeredField, string>> = {};
  for (const field of EDITABLE_FIELDS) {
    const value = input[field];
    if (typeof value === 'string') values[field] = value;
  }
  return {
    url,
    normalisedUrl,
    host,
    source: 'user',
    values,
    tags: input.tags ?? [],
    ...(typeof input.note === 'string' ? { note: input.note } : {}),
    ...(input.archived === undefined ? {} : { archived: input.archived }),
    ...(input.favourite === undefined ? {} : { favourite: input.favourite }),
    ...(input.createdAt === undefined ? {} : { createdAt: input.createdAt }),
    ...(typeof input.imageUrl === 'string' ? { preview: withPicture(NO_PREVIEW, input.imageUrl) } : {}),
  };
}

/** A change, and whether the page has to be looked at again for it. */
export interface PatchPlan {
  readonly change: BookmarkChange;
  readonly enrich: boolean;
}

/**
 * What a patch does to a bookmark. Another URL is another page: what the old one said of itself goes, what people and
 * imports said stays.
 *
 * @throws PlimsollError `invalid-bookmark-url`
 */
export function changeOf(current: Bookmark, patch: BookmarkPatch): PatchPlan {
  const moved = patch.url === undefined ? undefined : movedTo(current, patch.url);
  const isOtherPage = moved !== undefined && moved.normalisedUrl !== current.normalisedUrl;
  const fields = overrides(patch);
  const kept = isOtherPage ? withoutPage(current.preview) : current.preview;
  const preview = patch.imageUrl === undefined ? kept : withPicture(kept, patch.imageUrl);
  return {
    change: {
      ...(moved === undefined ? {} : { url: moved }),
      ...(isOtherPage ? OTHER_PAGE : {}),
      ...(isOtherPage ? { fields: layersOfPeople(current) } : {}),
      ...(Object.keys(fields).length === 0 ? {} : { values: { source: 'user' as const, fields } }),
      ...(patch.note === undefined ? {} : { note: patch.note }),
      ...(patch.tags === undefined ? {} : { tags: patch.tags }),
      ...(patch.archived === undefined ? {} : { archived: patch.archived }),
      ...(patch.favourite === undefined ? {} : { favourite: patch.favourite }),
      ...(patch.createdAt === undefined ? {} : { createdAt: patch.createdAt }),
      ...(preview === current.preview ? {} : { preview }),
    },
    enrich: isOtherPage || (preview !== current.preview && preview.chosen === null),
  };
}

const NO_PREVIEW: PreviewState = { candidates: [], chosen: null };

/** Nothing is known yet of the page behind a new URL. */
const OTHER_PAGE = {
  http: { status: null, checkedAt: null, failingSince: null, deadSince: null },
  enrichment: { state: 'pending', attempts: 0, error: null, at: null, refreshAt: null },
} as const satisfies BookmarkChange;

function movedTo(current: Bookmark, input: string): BookmarkChange['url'] {
  const { url, normalisedUrl, host } = normaliseBookmarkUrl(input);
  return url === current.url ? undefined : { url, normalisedUrl, host };
}

function overrides(patch: BookmarkPatch): Partial<Record<LayeredField, string | null>> {
  const fields: Partial<Record<LayeredField, string | null>> = {};
  for (const field of EDITABLE_FIELDS) {
    const value = patch[field];
    if (value !== undefined) fields[field] = value;
  }
  return fields;
}

function layersOfPeople({ fields }: Bookmark): Bookmark['fields'] {
  return Object.fromEntries(
    Object.entries(fields).map(([field, { page: _page, oembed: _oembed, ...layers }]) => [field, layers]),
  );
}

function withoutPage({ candidates, chosen }: PreviewState): PreviewState {
  const own = candidates.filter(({ kind }) => kind === 'user');
  return { candidates: own, chosen: chosen?.kind === 'user' ? chosen : null };
}

/** A person's picture stands first; taking it back lets the page's own be chosen again. */
function withPicture({ candidates, chosen }: PreviewState, url: string | null): PreviewState {
  const others = candidates.filter(({ kind }) => kind !== 'user');
  if (url === null) return { candidates: others, chosen: chosen?.kind === 'user' ? null : chosen };
  const picture = { url, kind: 'user' } as const;
  return { candidates: [picture, ...others].slice(0, MAX_CANDIDATES), chosen: picture };
}
