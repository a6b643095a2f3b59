import type { Bookmark, EnrichmentState } from '../../model/bookmark.js';
import type { BookmarkFilter } from '../../model/bookmark-store.js';
import { tagKey } from '../../normalise/tag-name.js';
import { fieldTexts, SEARCH_FIELDS } from '../search-fields.js';
import { canonicalText, isUnspaced, tokensOf } from '../text/tokens.js';
import { holds, type Facet, type Flag } from './facet.js';
import type { QueryPhrase, SearchQuery } from './search-query.js';

/** A query and a filter as one; all of it must hold. */
export interface SearchCriteria extends SearchQuery {
  readonly enrichment: EnrichmentState | null;
}

export function searchCriteria(query: SearchQuery, filter: BookmarkFilter): SearchCriteria {
  const required = [...query.required];
  const forbidden = [...query.forbidden];
  for (const tag of filter.tags ?? []) required.push({ kind: 'tag', key: tagKey(tag) });
  if (filter.host !== undefined) required.push({ kind: 'site', host: filter.host.toLowerCase() });
  const flag = (name: Flag, value: boolean | undefined): void => {
    if (value !== undefined) (value ? required : forbidden).push({ kind: 'is', flag: name });
  };
  flag('archived', filter.archived);
  flag('favourite', filter.favourite);
  flag('dead', filter.dead);
  flag('untagged', filter.untagged);
  return {
    ...query,
    required,
    forbidden,
    before: least(query.before, filter.before),
    after: most(query.after, filter.after),
    enrichment: filter.enrichment ?? null,
  };
}

const least = (a: number | null, b: number | undefined): number | null =>
  a === null ? (b ?? null) : Math.min(a, b ?? a);
const most = (a: number | null, b: number | undefined): number | null =>
  a === null ? (b ?? null) : Math.max(a, b ?? a);

/** Whether anything is looked for by its words: a phrase counts, an exclusion does not. */
export function hasWords({ words, phrases }: SearchCriteria): boolean {
  return words.length > 0 || phrases.length > 0;
}

/** The same as a filter of the store; `null` when a filter cannot say it. */
export function asFilter(criteria: SearchCriteria): BookmarkFilter | null {
  const { words, phrases, excluded, required, forbidden, before, after, enrichment } = criteria;
  if (words.length + phrases.length + excluded.length > 0) return null;
  const tags: string[] = [];
  const hosts = new Set<string>();
  const flags: Partial<Record<Flag, boolean>> = {};
  const say = (facet: Facet, value: boolean): boolean => {
    if (facet.kind === 'is') {
      if (flags[facet.flag] === !value) return false;
      flags[facet.flag] = value;
      return true;
    }
    if (!value) return false;
    if (facet.kind === 'tag') tags.push(facet.key);
    else hosts.add(facet.host);
    return hosts.size <= 1;
  };
  const sayable =
    required.every((facet) => say(facet, true)) && forbidden.every((facet) => say(facet, false));
  if (!sayable) return null;
  const [host] = hosts;
  return {
    ...flags,
    ...(tags.length > 0 ? { tags } : {}),
    ...(host !== undefined ? { host } : {}),
    ...(before !== null ? { before } : {}),
    ...(after !== null ? { after } : {}),
    ...(enrichment !== null ? { enrichment } : {}),
  };
}

/**
 * Whether a row satisfies every operator, phrase and exclusion; the words, which may be mistyped, are the index's to
 * judge. An index can only promise candidates: it knows no order of words, and may be a moment behind.
 */
export function satisfies(bookmark: Bookmark, criteria: SearchCriteria): boolean {
  const { required, forbidden, before, after, enrichment, phrases, excluded } = criteria;
  if (before !== null && bookmark.createdAt >= before) return false;
  if (after !== null && bookmark.createdAt <= after) return false;
  if (enrichment !== null && bookmark.enrichment.state !== enrichment) return false;
  if (!required.every((facet) => holds(facet, bookmark))) return false;
  if (forbidden.some((facet) => holds(facet, bookmark))) return false;
  if (phrases.length === 0 && excluded.length === 0) return true;
  const texts = SEARCH_FIELDS.flatMap((field) => fieldTexts(bookmark, field));
  const canonical = texts.map((text) => ` ${canonicalText(text)} `);
  return (
    phrases.every((phrase) => canonical.some((text) => containsPhrase(text, phrase))) &&
    !excluded.some(
      (phrase) => canonical.some((text) => containsPhrase(text, phrase)) || isPartOf(phrase, texts),
    )
  );
}

/** Whole words at both ends, except in scripts that have no spaces. */
function containsPhrase(text: string, phrase: QueryPhrase): boolean {
  const start = isUnspaced(phrase.text.slice(0, 2)) ? '' : ' ';
  const end = isUnspaced(phrase.text.slice(-2)) ? '' : ' ';
  return text.includes(`${start}${phrase.text}${end}`);
}

/** An excluded word also excludes what is found by it as a part: `-6050` takes away `MPU6050`. */
function isPartOf({ text }: QueryPhrase, texts: readonly string[]): boolean {
  if (text.includes(' ')) return false;
  return texts.some((field) => tokensOf(field).some(({ token, kind }) => kind === 'part' && token === text));
}
