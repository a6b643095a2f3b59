import type { PageIcon, PageImage } from '../model/page-facts.js';
import type { Findings } from './findings.js';
import type { FoundImage } from './found-images.js';
import type { LdFacts } from './json-ld.js';
import { resolvePageUrl } from './page-url.js';

/** Most pictures and icons that are kept. */
const MAX_IMAGES = 12;
const MAX_ICONS = 16;

/** A picture that says it is smaller is a counting pixel or an icon. */
const LEAST_SIDE_PX = 32;

/** One whose larger side says less is a logo (what large networks refuse as a preview, too). */
const SMALL_SIDE_PX = 200;

/** What is no picture by its name, or the one that content systems name when they have none. */
const NO_IMAGE =
  /\.(?:mp4|webm|mov|m4v|m3u8|mp3|pdf|html?)(?:[?#]|$)|^https?:\/\/s\d?\.wp\.com\/i\/blank\.jpg|\/(?:blank|spacer|pixel|1x1|transparent)\.(?:gif|png)(?:\?|$)/i;

/** The pictures of a page, best first, each address once; those that say that they are small come last. */
export function pickImages(findings: Findings, ld: readonly LdFacts[], base: string): PageImage[] {
  const images = new Map<string, PageImage>();
  const add = (from: PageImage['from'], found: FoundImage | undefined): void => {
    const url = resolvePageUrl(found?.secureUrl, base) ?? resolvePageUrl(found?.url, base);
    if (url === undefined || found === undefined || NO_IMAGE.test(url)) return;
    const { width, height, type } = found;
    if ((width ?? LEAST_SIDE_PX) < LEAST_SIDE_PX || (height ?? LEAST_SIDE_PX) < LEAST_SIDE_PX) return;
    const known = images.get(url);
    if (known === undefined && images.size >= MAX_IMAGES) return;
    const described = {
      ...(width !== undefined && { width }),
      ...(height !== undefined && { height }),
      ...(type !== undefined && { type }),
    };
    images.set(url, known === undefined ? { url, from, ...described } : { ...described, ...known });
  };
  for (const image of findings.ogImages.all) add('og', image);
  for (const url of findings.each('twitter:image', 'twitter:image:src')) {
    const { width, height } = findings.twitterImage;
    add('twitter', { url, ...(width !== undefined && { width }), ...(height !== undefined && { height }) });
  }
  for (const node of ld) {
    for (const image of node.images) add('json-ld', image);
  }
  for (const url of findings.each('itemprop:image', 'body:image')) add('link', { url });
  add('link', findings.imageLink === undefined ? undefined : { url: findings.imageLink });
  for (const url of findings.each('thumbnail')) add('link', { url });
  add('body', findings.bodyImage);
  return [...images.values()].sort((a, b) => Number(isSmall(a)) - Number(isSmall(b)));
}

const isSmall = ({ width, height }: PageImage): boolean =>
  Math.max(width ?? 0, height ?? 0) < SMALL_SIDE_PX && (width ?? height) !== undefined;

/** The icons of a page in its own order, each address and kind once. */
export function pickIcons(found: readonly PageIcon[], base: string): PageIcon[] {
  const icons = new Map<string, PageIcon>();
  for (const icon of found) {
    const url = resolvePageUrl(icon.url, base);
    if (url === undefined || icons.size >= MAX_ICONS) continue;
    const key = `${icon.rel} ${url}`;
    if (!icons.has(key)) icons.set(key, { ...icon, url });
  }
  return [...icons.values()];
}
