import { LIMITS, type LayeredField, type PreviewCandidate } from '../model/bookmark.js';
import type { BookmarkDraft } from '../model/bookmark-store.js';
import { cleanValue } from '../enrichment/merge/clean-value.js';
import { replaceCandidates } from '../enrichment/preview/preview-candidates.js';
import { cleanText } from '../extract/page-text.js';
import { normaliseBookmarkUrl } from '../normalise/normalise-bookmark-url.js';
import { distinctTags } from '../normalise/tag-name.js';
import type { KarakeepLink } from './karakeep-shapes.js';

/** All of ours lie between these two, by bytes. */
export const EXTERNAL_IDS = { prefix: 'karakeep:', behind: 'karakeep;' } as const;

/** Ours by Karakeep's id: `createdAt` moves there when a bookmark is saved again, and so may the URL. */
export const externalIdOf = (id: string): string => EXTERNAL_IDS.prefix + id;

/** A draft that carries all that a sync may write. */
export interface KarakeepDraft extends BookmarkDraft {
  readonly externalId: string;
  readonly archived: boolean;
  readonly favourite: boolean;
  readonly candidates: readonly PreviewCandidate[];
  /** Epoch ms of the last edit over there; `undefined` when it says none. */
  readonly editedAt: number | undefined;
}

/**
 * A link as a draft.
 *
 * @throws PlimsollError `invalid-bookmark-url`
 */
export function toDraft(link: KarakeepLink, assetUrl: (assetId: string) => string): KarakeepDraft {
  const { url, normalisedUrl, host } = normaliseBookmarkUrl(link.content.url);
  const candidates = replaceCandidates([], [], candidatesOf(link, assetUrl));
  const note = link.note?.trim().slice(0, LIMITS.note) ?? '';
  const createdAt = timeOf(link.createdAt);
  return {
    url,
    normalisedUrl,
    host,
    source: 'karakeep',
    values: valuesOf(link),
    ...(note === '' ? {} : { note: Buffer.from(note).toString() }),
    tags: tagsOf(link),
    archived: link.archived,
    favourite: link.favourited,
    ...(createdAt === undefined ? {} : { createdAt }),
    externalId: externalIdOf(link.id),
    preview: { candidates, chosen: null },
    candidates,
    editedAt: timeOf(link.modifiedAt),
  };
}

/** A person's title over there comes before the page's. */
function valuesOf({ title, content }: KarakeepLink): Readonly<Partial<Record<LayeredField, string>>> {
  const given = {
    title: title ?? content.title,
    description: content.description,
    author: content.author,
    publisher: content.publisher,
    publishedAt: isoOf(content.datePublished),
  };
  const values: Partial<Record<LayeredField, string>> = {};
  for (const [field, value] of Object.entries(given) as [LayeredField, string | undefined][]) {
    const clean = cleanValue(field, value);
    if (clean !== undefined) values[field] = clean;
  }
  return values;
}

/** In the order that Karakeep itself falls back: the page's picture, its kept copy, the screenshot, the icon. */
function candidatesOf({ content }: KarakeepLink, assetUrl: (assetId: string) => string): PreviewCandidate[] {
  const { imageUrl, imageAssetId, screenshotAssetId, favicon } = content;
  const assets = [imageAssetId, screenshotAssetId].filter((id) => id !== undefined);
  return [
    ...(imageUrl === undefined ? [] : [{ url: imageUrl, kind: 'page' as const }]),
    ...(favicon === undefined ? [] : [{ url: favicon, kind: 'icon' as const }]),
    ...assets.map((id) => ({ url: assetUrl(id), kind: 'karakeep' as const })),
  ];
}

function tagsOf({ tags }: KarakeepLink): readonly string[] {
  const names = tags.flatMap((name) => cleanText(name, LIMITS.tag) ?? []);
  return distinctTags(names).slice(0, LIMITS.tags);
}

function timeOf(text: string | undefined): number | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) || time < 0 ? undefined : time;
}

function isoOf(text: string | undefined): string | undefined {
  const time = timeOf(text);
  return time === undefined ? undefined : new Date(time).toISOString();
}
