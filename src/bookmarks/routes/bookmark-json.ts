import {
  FIELD_SOURCES,
  LAYERED_FIELDS,
  type Bookmark,
  type FieldValue,
  type LayeredField,
  type PreviewKind,
} from '../model/bookmark.js';
import type { BookmarkPictureLinks } from './picture-links.js';

/** A bookmark as clients see it; times are ISO 8601 in UTC. */
export interface BookmarkJson {
  readonly id: string;
  /** As it was given. */
  readonly url: string;
  /** What decides whether another URL is the same bookmark. */
  readonly normalisedUrl: string;
  /** Without `www.`. */
  readonly host: string;
  readonly title: string | null;
  readonly description: string | null;
  readonly note: string | null;
  readonly tags: readonly string[];
  readonly archived: boolean;
  readonly favourite: boolean;
  readonly createdAt: string;
  readonly modifiedAt: string;
  /** Grows by one with each change; the ETag is `"<id>-<revision>"`. */
  readonly revision: number;
  /** What is known about the page, field by field, with who said so: `user`, `import`, `karakeep`, `page`, `oembed`. */
  readonly metadata: Readonly<Partial<Record<LayeredField, FieldValue>>>;
  /**
   * Always there; `source` is `card` while no picture is known. Takes the parameters of the image routes. Where tokens
   * are asked for, the URL is signed, so that a browser can show it, and ends after a day or two.
   */
  readonly image: { readonly url: string; readonly source: PreviewKind };
  /** How the page answered when it was last looked at. `deadSince` after failures days apart. */
  readonly http: {
    readonly status: number | null;
    readonly checkedAt: string | null;
    readonly failingSince: string | null;
    readonly deadSince: string | null;
  };
  readonly enrichment: {
    readonly state: Bookmark['enrichment']['state'];
    readonly attempts: number;
    /** Problem code of the last failure. */
    readonly error: string | null;
    readonly at: string | null;
    /** When the page is looked at again; null: not by itself. */
    readonly refreshAt: string | null;
  };
  /** Id at the source that it came from. */
  readonly externalId: string | null;
}

/** The one place that decides how a bookmark looks outside. */
export function toJson(bookmark: Bookmark, links: BookmarkPictureLinks): BookmarkJson {
  const { http, enrichment, preview } = bookmark;
  return {
    id: bookmark.id,
    url: bookmark.url,
    normalisedUrl: bookmark.normalisedUrl,
    host: bookmark.host,
    title: bookmark.title,
    description: bookmark.description,
    note: bookmark.note,
    tags: bookmark.tags,
    archived: bookmark.archived,
    favourite: bookmark.favourite,
    createdAt: iso(bookmark.createdAt),
    modifiedAt: iso(bookmark.modifiedAt),
    revision: bookmark.revision,
    metadata: metadataOf(bookmark),
    image: {
      url: links.sign(`/api/bookmarks/${bookmark.id}/image`),
      source: preview.chosen?.kind ?? 'card',
    },
    http: {
      status: http.status,
      checkedAt: isoOrNull(http.checkedAt),
      failingSince: isoOrNull(http.failingSince),
      deadSince: isoOrNull(http.deadSince),
    },
    enrichment: {
      state: enrichment.state,
      attempts: enrichment.attempts,
      error: enrichment.error,
      at: isoOrNull(enrichment.at),
      refreshAt: isoOrNull(enrichment.refreshAt),
    },
    externalId: bookmark.externalId,
  };
}

function metadataOf({ fields }: Bookmark): Partial<Record<LayeredField, FieldValue>> {
  const metadata: Partial<Record<LayeredField, FieldValue>> = {};
  for (const field of LAYERED_FIELDS) {
    const layers = fields[field];
    const source = FIELD_SOURCES.find((name) => layers?.[name] !== undefined);
    const value = source === undefined ? undefined : layers?.[source];
    if (source !== undefined && value !== undefined) metadata[field] = { value, source };
  }
  return metadata;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));
