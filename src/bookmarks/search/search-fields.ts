import { domainToUnicode } from 'node:url';
import type { Bookmark } from '../model/bookmark.js';

/** What is searched, in the order of columns and bits of both engines. */
export const SEARCH_FIELDS = ['title', 'tags', 'host', 'note', 'description'] as const;
export type SearchField = (typeof SEARCH_FIELDS)[number];

/** How much a match counts (the figures): a title says what a page is, a description may say anything. */
export const FIELD_BOOSTS: Readonly<Record<SearchField, number>> = {
  title: 4,
  tags: 3,
  host: 2,
  note: 1.5,
  description: 1,
};

/** The texts of one field: one, or one per tag. */
export function fieldTexts(bookmark: Bookmark, field: SearchField): readonly string[] {
  switch (field) {
    case 'title':
      return bookmark.title === null ? [] : [bookmark.title];
    case 'tags':
      return bookmark.tags;
    case 'host':
      // As people write it; the ASCII form of a name in another script is nobody's word.
      return [domainToUnicode(bookmark.host) || bookmark.host];
    case 'note':
      return bookmark.note === null ? [] : [bookmark.note];
    case 'description':
      return bookmark.description === null ? [] : [bookmark.description];
  }
}
