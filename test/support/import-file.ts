/** What an import must say about one item of the file. */
export type ExpectedOutcome = 'created' | 'merged' | 'skipped';

export interface ImportFile {
  readonly text: string;
  /** By ordinal, from 1. */
  readonly outcomes: ReadonlyMap<number, ExpectedOutcome>;
  readonly counts: Readonly<Record<ExpectedOutcome, number>>;
}

/** One in so many stands there a second time with another tag, or is no link. */
const TWICE_EVERY = 50;
const SCRIPT_EVERY = 97;

export const IMPORTED_URL = 'https://import.example.org/';

/** A Netscape file of many bookmarks, some of them twice and some no links, with what becomes of each. */
export function importFile(items: number): ImportFile {
  const outcomes = new Map<number, ExpectedOutcome>();
  const lines = ['<!DOCTYPE NETSCAPE-Bookmark-file-1>', '<DL><p>'];
  for (let ordinal = 1; ordinal <= items; ordinal += 1) {
    const before = ordinal - TWICE_EVERY / 2;
    if (ordinal % SCRIPT_EVERY === 0) {
      outcomes.set(ordinal, 'skipped');
      lines.push(`<DT><A HREF="javascript:x(${ordinal})">Script ${ordinal}</A>`);
    } else if (ordinal % TWICE_EVERY === 0 && outcomes.get(before) === 'created') {
      outcomes.set(ordinal, 'merged');
      lines.push(`<DT><A HREF="${IMPORTED_URL}${before}?utm_source=x" TAGS="twice">Again ${before}</A>`);
    } else {
      outcomes.set(ordinal, 'created');
      lines.push(
        `<DT><A HREF="${IMPORTED_URL}${ordinal}" ADD_DATE="${1_700_000_000 + ordinal}" TAGS="sevenths-${ordinal % 7}">Entry keel${ordinal}x</A>`,
        `<DD>Told about ${ordinal}`,
      );
    }
  }
  const count = (outcome: ExpectedOutcome): number =>
    [...outcomes.values()].filter((each) => each === outcome).length;
  return {
    text: `${[...lines, '</DL><p>'].join('\n')}\n`,
    outcomes,
    counts: { created: count('created'), merged: count('merged'), skipped: count('skipped') },
  };
}
