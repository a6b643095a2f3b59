import { createHash } from 'node:crypto';
import type { Bookmark } from '../../model/bookmark.js';
import { tagKey } from '../../normalise/tag-name.js';

export const FLAGS = ['archived', 'favourite', 'dead', 'untagged'] as const;
export type Flag = (typeof FLAGS)[number];

/** A property that a bookmark has or has not; both engines index them beside the words. */
export type Facet =
  | { readonly kind: 'tag'; readonly key: string }
  /** A host and all below it. */
  | { readonly kind: 'site'; readonly host: string }
  | { readonly kind: 'is'; readonly flag: Flag };

/** Begins the token of every facet: from the private-use area, so that no word begins with it. */
export const FACET_MARK = '\ue000';

/** Every document has it: "everything but …" needs something to take away from. */
export const ANY_DOCUMENT = `${FACET_MARK}any`;

/** Hosts are looked at down to this many labels from the right; deeper ones are checked on the row alone. */
const MAX_LABELS = 8;

export function holds(facet: Facet, bookmark: Bookmark): boolean {
  switch (facet.kind) {
    case 'tag':
      return bookmark.tags.some((tag) => tagKey(tag) === facet.key);
    case 'site':
      return bookmark.host === facet.host || bookmark.host.endsWith(`.${facet.host}`);
    case 'is':
      return hasFlag(facet.flag, bookmark);
  }
}

function hasFlag(flag: Flag, bookmark: Bookmark): boolean {
  switch (flag) {
    case 'archived':
      return bookmark.archived;
    case 'favourite':
      return bookmark.favourite;
    case 'dead':
      return bookmark.http.deadSince !== null;
    case 'untagged':
      return bookmark.tags.length === 0;
  }
}

/** The token of a facet: letters and digits only, whatever the user typed. */
export function facetToken(facet: Facet): string {
  switch (facet.kind) {
    case 'tag':
      return `${FACET_MARK}t${digest(facet.key)}`;
    case 'site':
      return `${FACET_MARK}s${digest(facet.host)}`;
    case 'is':
      return `${FACET_MARK}is${facet.flag}`;
  }
}

/** 64 bits: what collides once in a while is found out on the row. */
const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Beyond so many months a range of dates is told by its years, and beyond so many years not at all. */
const MOST_MONTHS = 24;
const MOST_YEARS = 80;

const yearToken = (year: number): string => `${FACET_MARK}y${year}`;
const monthToken = (month: number): string =>
  `${FACET_MARK}m${Math.floor(month / 12)}${String((month % 12) + 1).padStart(2, '0')}`;

/** Months since the year 0, UTC. */
function monthOf(time: number): number {
  const date = new Date(time);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/**
 * Tokens of which a document created between the two times has one: they spare the database most of the others. An open
 * beginning is 1970, an open end a year from now. `null` when there would be too many, or none is needed.
 *
 * @param after, before, now epoch ms
 */
export function periodTokens(after: number | null, before: number | null, now: number): string[] | null {
  if (after === null && before === null) return null;
  // Both times are exclusive: what ends with a month does not ask for the next one.
  const first = monthOf(Math.max(0, (after ?? -1) + 1));
  const last = before === null ? monthOf(now) + 12 : monthOf(Math.max(0, before - 1));
  const months = last - first + 1;
  if (months <= 0) return [];
  if (months <= MOST_MONTHS) return Array.from({ length: months }, (_, at) => monthToken(first + at));
  const [firstYear, lastYear] = [Math.floor(first / 12), Math.floor(last / 12)];
  const years = lastYear - firstYear + 1;
  return years > MOST_YEARS ? null : Array.from({ length: years }, (_, at) => yearToken(firstYear + at));
}

/** All facets of a bookmark, as tokens. */
export function facetTokens(bookmark: Bookmark): string[] {
  const tokens = [
    ANY_DOCUMENT,
    ...new Set(bookmark.tags.map((tag) => facetToken({ kind: 'tag', key: tagKey(tag) }))),
  ];
  const labels = bookmark.host.split('.').slice(-MAX_LABELS);
  for (let first = 0; first < labels.length; first++) {
    tokens.push(facetToken({ kind: 'site', host: labels.slice(first).join('.') }));
  }
  for (const flag of FLAGS) if (hasFlag(flag, bookmark)) tokens.push(facetToken({ kind: 'is', flag }));
  const month = monthOf(bookmark.createdAt);
  tokens.push(yearToken(Math.floor(month / 12)), monthToken(month));
  return tokens;
}
