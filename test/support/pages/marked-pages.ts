import { readFileSync } from 'node:fs';

/** What a marked page is expected to say; a member that is absent is not asked about, `null` must not be found. */
export interface ExpectedFacts {
  readonly title?: string | null;
  /** Other readings of the page that are right, too. */
  readonly titleAlso?: readonly string[];
  readonly authorAlso?: readonly string[];
  readonly publisherAlso?: readonly string[];
  readonly imageAlso?: readonly string[];
  readonly titleStarts?: string;
  readonly titleMaxChars?: number;
  readonly description?: string | null;
  readonly author?: string | null;
  readonly publisher?: string | null;
  readonly siteName?: string | null;
  readonly publishedAt?: string | null;
  readonly language?: string | null;
  readonly canonicalUrl?: string | null;
  /** Address of the best picture. */
  readonly image?: string | null;
  readonly images?: readonly object[];
  readonly icons?: readonly object[];
  readonly feedUrls?: readonly string[];
  readonly oembedUrl?: string | null;
  readonly charset?: string;
  readonly wall?: string | null;
}

export interface MarkedPage {
  readonly name: string;
  readonly url: string;
  readonly requestedUrl?: string;
  readonly contentType: string;
  readonly note?: string;
  readonly expected: ExpectedFacts;
  readonly bytes: Buffer;
}

/** Weight of a page that is too large to be kept: `with` is repeated to `bytes` bytes, in place of `<!--fill-->`. */
interface Fill {
  readonly with: string;
  readonly bytes: number;
}

const folder = new URL('file://' + import.meta.dirname + '/');

/** The marked pages of this folder: bytes as a server would send them, and what they say. */
export function markedPages(): MarkedPage[] {
  const list = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8')) as Omit<
    MarkedPage & { readonly fill?: Fill },
    'bytes'
  >[];
  return list.map(({ fill, ...page }) => {
    const bytes = readFileSync(new URL(`${page.name}.page`, folder));
    return { ...page, bytes: fill === undefined ? bytes : filled(bytes, fill) };
  });
}

function filled(page: Buffer, fill: Fill): Buffer {
  const mark = '<!--fill-->';
  const at = page.indexOf(mark);
  if (at < 0) throw new Error(`A page with "fill" has no ${mark}.`);
  const weight = Buffer.from(fill.with.repeat(Math.ceil(fill.bytes / fill.with.length)));
  return Buffer.concat([page.subarray(0, at), weight, page.subarray(at + mark.length)]);
}
