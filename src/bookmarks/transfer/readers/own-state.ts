import {
  FIELD_SOURCES,
  LAYERED_FIELDS,
  LIMITS,
  type Enrichment,
  type FieldLayers,
  type FieldSource,
  type HttpState,
  type LayeredField,
  type PreviewCandidate,
  type PreviewState,
} from '../../model/bookmark.js';
import type { OwnState } from './import-entry.js';
import { objectOf, textOf, type JsonObject } from './json-values.js';
import { cutText } from './make-item.js';

const STATES: readonly Enrichment['state'][] = ['pending', 'done', 'failed', 'given-up', 'skipped'];
const KINDS: readonly PreviewCandidate['kind'][] = [
  'user',
  'page',
  'json-ld',
  'oembed',
  'icon',
  'karakeep',
  'card',
];
const MAX_CANDIDATES = 12;
const MAX_ID_LENGTH = 200;
const MAX_ATTEMPTS = 1_000_000;

/** Layers, HTTP state, enrichment and preview as our own export writes them; what is not of that shape is left out. */
export function readOwnState(value: JsonObject): OwnState | undefined {
  const state: { -readonly [K in keyof OwnState]: OwnState[K] } = {};
  const fields = readLayers(objectOf(value['fields']));
  const http = readHttp(objectOf(value['http']));
  const enrichment = readEnrichment(objectOf(value['enrichment']));
  const preview = readPreview(objectOf(value['preview']));
  const externalId = textOf(value['externalId']);
  if (fields !== undefined) state.fields = fields;
  if (http !== undefined) state.http = http;
  if (enrichment !== undefined) state.enrichment = enrichment;
  if (preview !== undefined) state.preview = preview;
  if (externalId !== undefined && externalId !== '') state.externalId = flat(externalId, MAX_ID_LENGTH);
  return Object.keys(state).length === 0 ? undefined : state;
}

const flat = (text: string, limit: number): string => Buffer.from(cutText(text, limit)).toString();

const limitOf = (field: LayeredField): number =>
  field === 'description' ? LIMITS.description : field === 'canonicalUrl' ? LIMITS.url : LIMITS.title;

function readLayers(value: JsonObject | undefined): FieldLayers | undefined {
  if (value === undefined) return undefined;
  const layers: Partial<Record<LayeredField, Partial<Record<FieldSource, string>>>> = {};
  for (const field of LAYERED_FIELDS) {
    const sources = objectOf(value[field]);
    if (sources === undefined) continue;
    const layer: Partial<Record<FieldSource, string>> = {};
    for (const source of FIELD_SOURCES) {
      const text = sources[source];
      if (typeof text === 'string' && text !== '') layer[source] = flat(text, limitOf(field));
    }
    if (Object.keys(layer).length > 0) layers[field] = layer;
  }
  return layers;
}

const numberOf = (value: unknown, most = Number.MAX_SAFE_INTEGER): number | null =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most ? value : null;

function readHttp(value: JsonObject | undefined): HttpState | undefined {
  if (value === undefined) return undefined;
  return {
    status: numberOf(value['status'], 999),
    checkedAt: numberOf(value['checkedAt']),
    failingSince: numberOf(value['failingSince']),
    deadSince: numberOf(value['deadSince']),
  };
}

function readEnrichment(value: JsonObject | undefined): Enrichment | undefined {
  const state = STATES.find((each) => each === value?.['state']);
  if (value === undefined || state === undefined) return undefined;
  const error = textOf(value['error']);
  return {
    state,
    attempts: numberOf(value['attempts'], MAX_ATTEMPTS) ?? 0,
    error: error === undefined ? null : flat(error, MAX_ID_LENGTH),
    at: numberOf(value['at']),
    refreshAt: numberOf(value['refreshAt']),
  };
}

function readPreview(value: JsonObject | undefined): PreviewState | undefined {
  if (value === undefined) return undefined;
  const list: readonly unknown[] = Array.isArray(value['candidates']) ? value['candidates'] : [];
  const candidates = list.slice(0, MAX_CANDIDATES).flatMap((each) => readCandidate(objectOf(each)) ?? []);
  return { candidates, chosen: readCandidate(objectOf(value['chosen'])) ?? null };
}

function readCandidate(value: JsonObject | undefined): PreviewCandidate | undefined {
  const url = textOf(value?.['url']);
  const kind = KINDS.find((each) => each === value?.['kind']);
  if (value === undefined || url === undefined || kind === undefined) return undefined;
  if (url.length > LIMITS.url || !/^https?:\/\//i.test(url)) return undefined;
  const uploadId = textOf(value['uploadId']);
  const width = numberOf(value['width']);
  const height = numberOf(value['height']);
  return {
    url: flat(url, LIMITS.url),
    kind,
    ...(width === null ? {} : { width }),
    ...(height === null ? {} : { height }),
    ...(uploadId === undefined || !/^[\w-]{1,64}$/.test(uploadId) ? {} : { uploadId }),
  };
}
