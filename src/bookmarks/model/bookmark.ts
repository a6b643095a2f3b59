/**
 * Where a value came from, best first: a person's override wins for good, then what came with an import, a sync, the
 * page itself, its oEmbed description.
 */
export const FIELD_SOURCES = ['user', 'import', 'karakeep', 'page', 'oembed'] as const;
export type FieldSource = (typeof FIELD_SOURCES)[number];

/** Text fields that several sources may fill. */
export const LAYERED_FIELDS = [
  'title',
  'description',
  'author',
  'publisher',
  'siteName',
  'publishedAt',
  'language',
  'canonicalUrl',
  'contentType',
] as const;
export type LayeredField = (typeof LAYERED_FIELDS)[number];

/**
 * Every source keeps its own value; the effective one is the first by FIELD_SOURCES. So nothing overwrites a person's
 * edit, and taking an override back shows what lay beneath. A missing value never replaces one.
 */
export type FieldLayers = Readonly<
  Partial<Record<LayeredField, Readonly<Partial<Record<FieldSource, string>>>>>
>;

export interface FieldValue {
  readonly value: string;
  readonly source: FieldSource;
}

export type EnrichmentState = 'pending' | 'done' | 'failed' | 'given-up' | 'skipped';

export interface Enrichment {
  readonly state: EnrichmentState;
  /** In a row without success. */
  readonly attempts: number;
  /** Problem code of the last failure. */
  readonly error: string | null;
  /** Epoch ms of the last attempt that ended. */
  readonly at: number | null;
  /** Epoch ms of the next one; null: not by itself. */
  readonly refreshAt: number | null;
}

export interface HttpState {
  readonly status: number | null;
  readonly checkedAt: number | null;
  readonly failingSince: number | null;
  readonly deadSince: number | null;
}

export type PreviewKind = 'user' | 'page' | 'json-ld' | 'oembed' | 'icon' | 'karakeep' | 'card';

/** A picture that may stand for the bookmark. */
export interface PreviewCandidate {
  /** Absolute http(s) URL; for `karakeep` an asset of that server, fetched with its key. */
  readonly url: string;
  readonly kind: PreviewKind;
  readonly width?: number;
  readonly height?: number;
}

export interface PreviewState {
  /** In the order to try; at most 12. */
  readonly candidates: readonly PreviewCandidate[];
  /** The first that decoded; null: none did, the generated card stands in. */
  readonly chosen: PreviewCandidate | null;
}

/** A bookmark as the application sees it. Times are epoch ms. Frozen. */
export interface Bookmark {
  readonly id: string;
  /** As the user gave it. */
  readonly url: string;
  readonly normalisedUrl: string;
  readonly host: string;
  readonly title: string | null;
  readonly description: string | null;
  readonly note: string | null;
  /** Names as first written, sorted by their key. */
  readonly tags: readonly string[];
  readonly archived: boolean;
  readonly favourite: boolean;
  readonly fields: FieldLayers;
  readonly preview: PreviewState;
  readonly http: HttpState;
  readonly enrichment: Enrichment;
  readonly externalId: string | null;
  readonly createdAt: number;
  readonly modifiedAt: number;
  /** Its ETag is `"<id>-<revision>"`. */
  readonly revision: number;
  readonly changeSeq: number;
}

/** Limits, in UTF-16 code units; more is `invalid-body`, except in imports, which cut and say so. */
export const LIMITS = {
  url: 8_192,
  title: 1_000,
  description: 5_000,
  note: 20_000,
  tag: 100,
  tags: 100,
} as const;
