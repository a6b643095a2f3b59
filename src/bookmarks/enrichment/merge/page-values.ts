import {
  isPlaceholderDescription,
  isPlaceholderName,
  isPlaceholderTitle,
} from '../../extract/placeholder.js';
import { parseUrl } from '../../../url/index.js';
import type { Bookmark, FieldSource, LayeredField } from '../../model/bookmark.js';
import type { PageReading } from '../page-reader.js';
import { cleanValue } from './clean-value.js';
import { fileTitle } from './file-title.js';

export type FieldValues = Readonly<Partial<Record<LayeredField, string>>>;

/** What a reading has to say about its page, ready to be kept; a wall has nothing to say. */
export function valuesOf(reading: PageReading, bookmark: Pick<Bookmark, 'url' | 'title'>): FieldValues {
  if (reading.kind === 'file') {
    // Its name is a title only where there is none.
    const title = bookmark.title === null ? fileTitle(reading.finalUrl) : undefined;
    return usable({ title, contentType: reading.contentType }, [bookmark.url, reading.finalUrl]);
  }
  if (reading.facts.wall !== undefined) return {};
  const { facts, contentType, finalUrl } = reading;
  return usable({ ...facts, contentType, canonicalUrl: httpUrl(facts.canonicalUrl) }, [
    bookmark.url,
    finalUrl,
  ]);
}

/** Values as they may be kept: cleaned; no placeholder, nothing empty. `urls`: the addresses of the page. */
export function usable(
  values: Readonly<Partial<Record<LayeredField, unknown>>>,
  urls: readonly string[],
): FieldValues {
  const kept: Partial<Record<LayeredField, string>> = {};
  for (const field of FILLED_BY_PAGES) {
    const value = cleanValue(field, values[field]);
    if (value === undefined) continue;
    if (!isPlaceholder(field, value, urls)) kept[field] = value;
  }
  return kept;
}

/** The extractor looks too; this is the door that every source of values passes. */
function isPlaceholder(field: LayeredField, value: string, urls: readonly string[]): boolean {
  switch (field) {
    case 'title':
      return urls.some((url) => isPlaceholderTitle(value, url));
    case 'description':
      return isPlaceholderDescription(value);
    case 'author':
    case 'publisher':
    case 'siteName':
      return isPlaceholderName(value);
    case 'publishedAt':
    case 'language':
    case 'canonicalUrl':
    case 'contentType':
      return false;
  }
}

const FILLED_BY_PAGES: readonly LayeredField[] = [
  'title',
  'description',
  'author',
  'publisher',
  'siteName',
  'publishedAt',
  'language',
  'canonicalUrl',
  'contentType',
];

/** Those that differ from what this source has said before. A field that it names no more keeps its value. */
export function newValues(current: Bookmark, source: FieldSource, values: FieldValues): FieldValues {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([field, value]) => current.fields[field as LayeredField]?.[source] !== value,
    ),
  );
}

function httpUrl(url: string | undefined): string | undefined {
  return url !== undefined && /^https?:\/\//i.test(url) && parseUrl(url) !== undefined ? url : undefined;
}
