import {
  FIELD_SOURCES,
  LAYERED_FIELDS,
  type FieldLayers,
  type FieldSource,
  type LayeredField,
} from '../model/bookmark.js';
import type { BookmarkDraft } from '../model/bookmark-store.js';
import { storable } from './keys.js';

/** The value of the best source, or null. */
export function effective(layers: FieldLayers, field: LayeredField): string | null {
  const values = layers[field];
  if (values === undefined) return null;
  for (const source of FIELD_SOURCES) {
    const value = values[source];
    if (value !== undefined) return value;
  }
  return null;
}

/** Sets, or with null takes back, what one source says. */
export function withValues(
  layers: FieldLayers,
  source: FieldSource,
  values: Readonly<Partial<Record<LayeredField, string | null>>>,
): FieldLayers {
  const next: { -readonly [F in LayeredField]?: FieldLayers[F] } = { ...layers };
  for (const field of LAYERED_FIELDS) {
    const value = values[field];
    if (value === undefined) continue;
    const { [source]: _before, ...others } = layers[field] ?? {};
    const changed = value === null ? others : { ...others, [source]: storable(value) };
    if (Object.keys(changed).length === 0) delete next[field];
    else next[field] = changed;
  }
  return next;
}

/** The layers that a draft brings. */
export function layersOf({ fields, source, values }: BookmarkDraft): FieldLayers {
  return fields === undefined ? withValues({}, source, values) : cleanLayers(fields);
}

/** Known fields and sources only, each value storable. */
export function cleanLayers(given: FieldLayers): FieldLayers {
  let layers: FieldLayers = {};
  for (const source of FIELD_SOURCES) {
    layers = withValues(
      layers,
      source,
      Object.fromEntries(LAYERED_FIELDS.map((field) => [field, given[field]?.[source]])),
    );
  }
  return layers;
}

/** Fields that nobody has filled yet are taken from `more`, layer by layer; the others stay. */
export function filledFrom(layers: FieldLayers, more: FieldLayers): FieldLayers {
  const next: { -readonly [F in LayeredField]?: FieldLayers[F] } = { ...layers };
  for (const field of LAYERED_FIELDS) {
    if (effective(layers, field) === null && more[field] !== undefined) next[field] = more[field];
  }
  return next;
}
