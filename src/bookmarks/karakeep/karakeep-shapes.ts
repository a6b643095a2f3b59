import { z } from 'zod';

/** Null and absent are the same upstream (DESIGN section 10, rule 10). */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

const LINK = z.object({
  type: z.literal('link'),
  url: z.string(),
  title: text,
  description: text,
  author: text,
  publisher: text,
  datePublished: text,
  imageUrl: text,
  imageAssetId: text,
  screenshotAssetId: text,
  favicon: text,
});

/** Notes, files and what later versions may bring: told apart, not kept. */
const OTHER = z.object({ type: z.string() }).transform(() => ({ type: 'other' as const }));

const BOOKMARK = z.object({
  id: z.string().min(1).max(200),
  createdAt: z.string(),
  modifiedAt: text,
  title: text,
  note: text,
  archived: flag,
  favourited: flag,
  tags: z
    .array(z.object({ name: z.string() }))
    .nullish()
    .transform((tags) => (tags ?? []).map(({ name }) => name)),
  content: z.union([LINK, OTHER]),
});

const PAGE = z.object({
  bookmarks: z.array(z.unknown()).max(1_000),
  nextCursor: z
    .string()
    .max(2_000)
    .nullish()
    .transform((cursor) => cursor ?? null),
});

/** A bookmark as Karakeep's API v1 shows it, as far as it is used here. */
export type KarakeepBookmark = z.output<typeof BOOKMARK>;
export type KarakeepLink = KarakeepBookmark & { readonly content: z.output<typeof LINK> };

export interface KarakeepPage {
  readonly bookmarks: readonly KarakeepBookmark[];
  /** Items that could not be read: one broken item does not hold up the others. */
  readonly unreadable: number;
  readonly nextCursor: string | null;
}

/** `null` when the answer is no page of bookmarks at all. */
export function readPage(json: unknown): KarakeepPage | null {
  const page = PAGE.safeParse(json);
  if (!page.success) return null;
  const bookmarks: KarakeepBookmark[] = [];
  for (const item of page.data.bookmarks) {
    const read = BOOKMARK.safeParse(item);
    if (read.success) bookmarks.push(read.data);
  }
  return {
    bookmarks,
    unreadable: page.data.bookmarks.length - bookmarks.length,
    nextCursor: page.data.nextCursor,
  };
}

export const isLink = (bookmark: KarakeepBookmark): bookmark is KarakeepLink =>
  bookmark.content.type === 'link';
