/** `0` or `1`: SQLite knows no boolean and its driver refuses one. */
export type Flag = 0 | 1;

/** Epoch milliseconds. PostgreSQL's `bigint` is read as a number: 2^53 is enough until the year 287 396. */
export type EpochMs = number;

/** JSON as text, on both engines; the repository that owns the column parses it. */
export type JsonText = string;

export interface BookmarksTable {
  /** UUID version 7: sorts by creation. */
  readonly id: string;
  url: string;
  normalised_url: string;
  /** Lower-case hex SHA-256 of `normalised_url`; unique. An index over the text itself would break PostgreSQL's 2 704 bytes. */
  url_key: string;
  normaliser_version: number;
  /** Host of the URL, lower case, without `www.`. */
  host: string;
  /** Labels of `host` from the right, each with a dot after it (`com.example.`): a domain and all below it are one range. */
  host_key: string;
  /** Effective values of the layered fields in `fields`, for lists, sorting and full-text search. */
  title: string | null;
  /** For sorting: the first characters of `title`, NFKC and lower case; U+10FFFF, the last of all, without a title. */
  title_key: string;
  description: string | null;
  note: string | null;
  archived: Flag;
  favourite: Flag;
  /** Layered fields with their sources: `FieldLayers` as JSON. */
  fields: JsonText;
  /** Preview candidates and the one that won: `PreviewState` as JSON. */
  preview: JsonText;
  http_status: number | null;
  http_checked_at: EpochMs | null;
  /** First of the failures in a row, and when two of them, days apart, made it dead. */
  failing_since: EpochMs | null;
  dead_since: EpochMs | null;
  enrichment_state: string;
  enrichment_attempts: number;
  enrichment_error: string | null;
  enrichment_at: EpochMs | null;
  /** When the next refresh is due; null: never by itself. */
  refresh_at: EpochMs | null;
  /** Id at a source such as Karakeep, `karakeep:<id>`; unique when set. */
  external_id: string | null;
  created_at: EpochMs;
  modified_at: EpochMs;
  /** Grows by one with each change; the ETag. */
  revision: number;
  /** Position in the change feed: unique, grows in commit order. */
  change_seq: number;
}

export interface TagsTable {
  readonly id: string;
  /** As first written. */
  name: string;
  /** NFKC and lower case of `name`; unique. */
  name_key: string;
  created_at: EpochMs;
}

export interface BookmarkTagsTable {
  bookmark_id: string;
  tag_id: string;
}

/** What was deleted, so that clients and the search index learn of it. */
export interface TombstonesTable {
  readonly bookmark_id: string;
  url_key: string;
  deleted_at: EpochMs;
  change_seq: number;
}

/** Named counters; `change_seq` is handed out by updating its row inside the writing transaction. */
export interface CountersTable {
  readonly name: string;
  value: number;
}

export interface JobsTable {
  readonly id: string;
  kind: string;
  payload: JsonText;
  /** At most one job that has not ended per key. */
  dedupe_key: string | null;
  state: string;
  /** Smaller runs first. */
  priority: number;
  attempts: number;
  max_attempts: number;
  /** Not before this time. */
  run_at: EpochMs;
  /** Who runs it, and until when the claim holds; renewed by heartbeat. */
  lease_owner: string | null;
  lease_until: EpochMs | null;
  /** `JobProgress` as JSON. */
  progress: JsonText | null;
  result: JsonText | null;
  error_code: string | null;
  error_message: string | null;
  created_at: EpochMs;
  updated_at: EpochMs;
  finished_at: EpochMs | null;
}

/** Bookkeeping of long imports and pulls: a name and a JSON value. */
export interface StateTable {
  readonly name: string;
  value: JsonText;
  updated_at: EpochMs;
}

export interface Tables {
  bookmarks: BookmarksTable;
  tags: TagsTable;
  bookmark_tags: BookmarkTagsTable;
  tombstones: TombstonesTable;
  counters: CountersTable;
  jobs: JobsTable;
  state: StateTable;
}
