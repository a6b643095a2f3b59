import { sql, type ExpressionBuilder, type RawBuilder, type SelectQueryBuilder } from 'kysely';
import type { BookmarksTable, Dialect, Queries, Tables } from '../../database/index.js';
import type {
  Bookmark,
  Enrichment,
  EnrichmentState,
  FieldLayers,
  HttpState,
  PreviewState,
} from '../model/bookmark.js';
import { NORMALISER_VERSION } from '../normalise/normalise-bookmark-url.js';
import { hostKey, titleKey, urlKey } from './keys.js';

/** A row with the names of its tags as a JSON array: one statement, so that both are of one moment. */
export type BookmarkRow = BookmarksTable & { readonly tags: string };

export const TAG_NAMES: Readonly<Record<Dialect, RawBuilder<string>>> = {
  sqlite: sql<string>`(select json_group_array(tags.name order by tags.name_key) from bookmark_tags join tags on tags.id = bookmark_tags.tag_id where bookmark_tags.bookmark_id = bookmarks.id)`,
  postgres: sql<string>`(select coalesce(json_agg(tags.name order by tags.name_key), '[]')::text from bookmark_tags join tags on tags.id = bookmark_tags.tag_id where bookmark_tags.bookmark_id = bookmarks.id)`,
};

export type BookmarkSelection = SelectQueryBuilder<Tables, 'bookmarks', BookmarkRow>;
export type BookmarkExpressions = ExpressionBuilder<Tables, 'bookmarks'>;

export function selectBookmarks(queries: Queries, dialect: Dialect): BookmarkSelection {
  return queries.selectFrom('bookmarks').selectAll('bookmarks').select(TAG_NAMES[dialect].as('tags'));
}

export function toBookmark(row: BookmarkRow): Bookmark {
  return Object.freeze({
    id: row.id,
    url: row.url,
    normalisedUrl: row.normalised_url,
    host: row.host,
    title: row.title,
    description: row.description,
    note: row.note,
    tags: Object.freeze(JSON.parse(row.tags) as string[]),
    archived: row.archived === 1,
    favourite: row.favourite === 1,
    fields: JSON.parse(row.fields) as FieldLayers,
    preview: JSON.parse(row.preview) as PreviewState,
    http: httpOf(row),
    enrichment: enrichmentOf(row),
    externalId: row.external_id,
    createdAt: row.created_at,
    modifiedAt: row.modified_at,
    revision: row.revision,
    changeSeq: row.change_seq,
  });
}

export function toRow(bookmark: Bookmark): BookmarksTable {
  const { http, enrichment } = bookmark;
  return {
    id: bookmark.id,
    url: bookmark.url,
    normalised_url: bookmark.normalisedUrl,
    url_key: urlKey(bookmark.normalisedUrl),
    normaliser_version: NORMALISER_VERSION,
    host: bookmark.host,
    host_key: hostKey(bookmark.host),
    title: bookmark.title,
    title_key: titleKey(bookmark.title),
    description: bookmark.description,
    note: bookmark.note,
    archived: bookmark.archived ? 1 : 0,
    favourite: bookmark.favourite ? 1 : 0,
    fields: JSON.stringify(bookmark.fields),
    preview: JSON.stringify(bookmark.preview),
    http_status: http.status,
    http_checked_at: http.checkedAt,
    failing_since: http.failingSince,
    dead_since: http.deadSince,
    enrichment_state: enrichment.state,
    enrichment_attempts: enrichment.attempts,
    enrichment_error: enrichment.error,
    enrichment_at: enrichment.at,
    refresh_at: enrichment.refreshAt,
    external_id: bookmark.externalId,
    created_at: bookmark.createdAt,
    modified_at: bookmark.modifiedAt,
    revision: bookmark.revision,
    change_seq: bookmark.changeSeq,
  };
}

const httpOf = (row: BookmarkRow): HttpState => ({
  status: row.http_status,
  checkedAt: row.http_checked_at,
  failingSince: row.failing_since,
  deadSince: row.dead_since,
});

const enrichmentOf = (row: BookmarkRow): Enrichment => ({
  state: row.enrichment_state as EnrichmentState,
  attempts: row.enrichment_attempts,
  error: row.enrichment_error,
  at: row.enrichment_at,
  refreshAt: row.refresh_at,
});
