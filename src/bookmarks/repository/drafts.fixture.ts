import type { BookmarkDraft } from '../model/bookmark-store.js';

/** A draft of `https://<host>/<path>`. */
export function draftOf(
  path: string,
  more: Partial<BookmarkDraft> = {},
  host = 'example.com',
): BookmarkDraft {
  const url = `https://${host}/${path}`;
  return {
    url,
    normalisedUrl: url,
    host,
    source: 'user',
    values: { title: `Title ${path}` },
    tags: [],
    ...more,
  };
}

/** Many of them, each with a title, a description, a note and three of forty tags. */
export function manyDrafts(count: number, from = 0): readonly BookmarkDraft[] {
  return Array.from({ length: count }, (_, place) => {
    const number = from + place;
    return draftOf(`page-${number}`, {
      values: {
        title: `The page that has the number ${number}`,
        description: `What stands on page ${number}, in twenty words or so, as pages describe themselves for others to show.`,
      },
      note: `Read ${number} again.`,
      tags: [`tag ${number % 40}`, `tag ${(number + 7) % 40}`, `Tag ${(number + 13) % 40}`],
      createdAt: Date.UTC(2020, 0, 1) + number * 1_000,
    });
  });
}
