import type { PageIcon } from '../model/page-facts.js';
import { FoundImages, parsePixels, type FoundImage } from './found-images.js';
import { readJsonLd, type LdFacts } from './json-ld.js';
import { META_LIMITS } from './meta-names.js';
import { cleanText } from './page-text.js';

/** Most values of one name. */
const MAX_VALUES = 6;

/** Most objects of all JSON-LD, and most blocks that are parsed: pages list hundreds of products in one each. */
const MAX_LD_OBJECTS = 60;
const MAX_LD_BLOCKS = 40;

/** Most links of one kind. */
const MAX_LINKS = 24;

/** An icon as found; its URL is not resolved yet. */
export type FoundIcon = PageIcon;

/** What a scan has found so far: texts cleaned and copied, addresses as written. */
export class Findings {
  readonly ogImages = new FoundImages();
  readonly twitterImage: { width?: number | undefined; height?: number | undefined } = {};
  readonly icons: FoundIcon[] = [];
  readonly feeds: string[] = [];
  readonly ld: LdFacts[] = [];
  title: string | undefined;
  h1: string | undefined;
  authorLink: string | undefined;
  time: string | undefined;
  baseHref: string | undefined;
  language: string | undefined;
  canonical: string | undefined;
  imageLink: string | undefined;
  oembed: string | undefined;
  bodyImage: FoundImage | undefined;
  private ldBlocks = 0;
  private readonly metas = new Map<string, string[]>();

  /** The values of the first of these names that has any. */
  all(...names: readonly string[]): readonly string[] {
    for (const name of names) {
      const values = this.metas.get(name);
      if (values !== undefined) return values;
    }
    return [];
  }

  /** The values of these names, in order. */
  each(...names: readonly string[]): readonly string[] {
    return names.flatMap((name) => this.metas.get(name) ?? []);
  }

  addMeta(name: string, content: string): void {
    if (name.startsWith('og:image')) {
      this.addOgImage(name, content);
      return;
    }
    if (name === 'twitter:image:width') this.twitterImage.width ??= parsePixels(content);
    if (name === 'twitter:image:height') this.twitterImage.height ??= parsePixels(content);
    const limit = META_LIMITS.get(name);
    if (limit === undefined) return;
    const values = this.metas.get(name) ?? [];
    if (values.length >= MAX_VALUES) return;
    const text = cleanText(content, limit);
    if (text === undefined || values.includes(text)) return;
    values.push(text);
    this.metas.set(name, values);
  }

  /** @param source one block of JSON-LD */
  addLd(source: string): void {
    if (this.ldBlocks >= MAX_LD_BLOCKS) return;
    this.ldBlocks += 1;
    this.ld.push(...readJsonLd(source).slice(0, MAX_LD_OBJECTS - this.ld.length));
  }

  addFeed(href: string): void {
    const text = cleanText(href, 4_096);
    if (text !== undefined && this.feeds.length < MAX_LINKS && !this.feeds.includes(text))
      this.feeds.push(text);
  }

  addIcon(icon: FoundIcon): void {
    if (this.icons.length < MAX_LINKS) this.icons.push(icon);
  }

  private addOgImage(name: string, content: string): void {
    const text = cleanText(content, 4_096);
    if (text !== undefined && (name === 'og:image' || name[8] === ':'))
      this.ogImages.add(name.slice(9), text);
  }
}
