import type { PageIcon } from '../model/page-facts.js';
import type { Findings } from './findings.js';
import { cleanText } from './page-text.js';
import type { Attributes } from './tag-stream.js';

/** Longest address that is kept, characters. */
const MAX_HREF_CHARS = 4_096;

const ICON_RELS: ReadonlyMap<string, PageIcon['rel']> = new Map([
  ['icon', 'icon'],
  ['apple-touch-icon', 'apple-touch-icon'],
  ['apple-touch-icon-precomposed', 'apple-touch-icon'],
  ['mask-icon', 'mask-icon'],
  ['manifest', 'manifest'],
]);

const FEED_TYPE = /^application\/(?:(?:rss|atom)\+xml|feed\+json|json\+feed)/i;
const OEMBED_TYPE = /^(?:application|text)\/json\+oembed/i;

/** The names under which a `<meta>` says something, lower case; most pages mix them up, so all of them count. */
export function metaNames(attributes: Attributes): string[] {
  return ['property', 'name', 'http-equiv'].flatMap((attribute) => {
    const name = attributes.get(attribute)?.trim().toLowerCase();
    return name === undefined || name === '' ? [] : [name];
  });
}

/** Reads a `<link>`: canonical address, icons, feeds, oEmbed, picture. */
export function readLink(attributes: Attributes, findings: Findings): void {
  const href = attributes.get('href');
  if (href === undefined || href === '') return;
  const rels = new Set((attributes.get('rel') ?? '').trim().toLowerCase().split(/\s+/));
  const type = cleanText(attributes.get('type'), 80);
  if (rels.has('canonical')) findings.canonical ??= cleanText(href, MAX_HREF_CHARS);
  if (rels.has('image_src')) findings.imageLink ??= cleanText(href, MAX_HREF_CHARS);
  if (rels.has('alternate') && type !== undefined) {
    if (FEED_TYPE.test(type)) findings.addFeed(href);
    else if (OEMBED_TYPE.test(type)) findings.oembed ??= cleanText(href, MAX_HREF_CHARS);
  }
  for (const rel of rels) {
    const kind = ICON_RELS.get(rel);
    if (kind !== undefined) addIcon(kind, href, attributes.get('sizes'), type, findings);
  }
}

function addIcon(
  rel: PageIcon['rel'],
  href: string,
  sizes: string | undefined,
  type: string | undefined,
  findings: Findings,
): void {
  const url = cleanText(href, MAX_HREF_CHARS);
  if (url === undefined) return;
  const size = largestSize(sizes);
  findings.addIcon({
    url,
    rel,
    ...(size !== undefined && { size }),
    ...(type !== undefined && { type: type.toLowerCase() }),
  });
}

/** The largest side of `sizes`, pixels; 0 for `any`. */
function largestSize(sizes: string | undefined): number | undefined {
  if (sizes === undefined) return undefined;
  const sides = [...sizes.slice(0, 200).matchAll(/(\d{1,4})\s*x\s*(\d{1,4})/gi)].map(([, width, height]) =>
    Math.max(Number(width), Number(height)),
  );
  if (sides.length > 0) return Math.max(...sides);
  return /\bany\b/i.test(sizes) ? 0 : undefined;
}
