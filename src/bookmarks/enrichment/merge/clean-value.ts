import { cleanText } from '../../extract/page-text.js';
import { LIMITS, type LayeredField } from '../../model/bookmark.js';

/** Longest value of each field that pages fill, UTF-16 code units; what the limits do not name is short. */
const MAX_CHARS: Readonly<Record<LayeredField, number>> = {
  title: LIMITS.title,
  description: LIMITS.description,
  author: 300,
  publisher: 300,
  siteName: 300,
  publishedAt: 40,
  language: 35,
  canonicalUrl: LIMITS.url,
  contentType: 100,
};

/** A value as it may be kept: see {@link cleanText}. `undefined` when nothing is left, or it is no text. */
export function cleanValue(field: LayeredField, value: unknown): string | undefined {
  return typeof value === 'string' ? cleanText(value, MAX_CHARS[field]) : undefined;
}
