import { toIsoDate } from './page-date.js';
import { MAX_NAME_CHARS, cleanText, decodeReferences, withoutTags } from './page-text.js';
import { LIMITS } from '../model/bookmark.js';

/** Longest block that is parsed, characters. */
export const MAX_JSON_LD_CHARS = 262_144;

/** Most objects of a block that are looked at, and how deep in each other. */
const MAX_NODES = 200;
const MAX_DEPTH = 5;

/** Most pictures and names of one object. */
const MAX_IMAGES = 8;
const MAX_NAMES = 5;

/** A picture as JSON-LD names it; its URL is not resolved yet. */
export interface LdImage {
  readonly url: string;
  readonly width?: number;
  readonly height?: number;
}

/** What one object says. */
export interface LdFacts {
  /** `main`: what the page is about; `page`: the page itself; `site`: who publishes it. */
  readonly role: 'main' | 'page' | 'site';
  readonly isArticle: boolean;
  readonly title?: string;
  readonly description?: string;
  readonly author?: string;
  readonly publisher?: string;
  readonly publishedAt?: string;
  readonly language?: string;
  readonly url?: string;
  readonly images: readonly LdImage[];
}

type Json = Readonly<Record<string, unknown>>;

const ARTICLES = /(?:Article|BlogPosting|Report|SocialMediaPosting|DiscussionForumPosting|LiveBlogPosting)$/;
const THINGS =
  /^(?:Product|ProductGroup|Recipe|VideoObject|Movie|TVSeries|TVEpisode|Book|Event|\w+Event|SoftwareApplication|WebApplication|MobileApplication|SoftwareSourceCode|Course|HowTo|PodcastEpisode|PodcastSeries|MusicAlbum|MusicRecording|Question|Dataset|JobPosting|Review|Photograph|CreativeWork|Place|Restaurant|LocalBusiness|Person|ProfilePage)$/;
const PAGES = /^(?:WebPage|\w+Page)$/;
const SITES = /^(?:WebSite|Organization|\w+Organization|Corporation|Blog)$/;

/** What a block of JSON-LD says about its page; broken JSON says nothing. */
export function readJsonLd(source: string): LdFacts[] {
  const nodes: Json[] = [];
  gather(parse(source), nodes, 0);
  const byId = new Map(
    nodes.flatMap((node) => (typeof node['@id'] === 'string' ? [[node['@id'], node]] : [])),
  );
  return nodes.flatMap((node) => factsOf(node, byId) ?? []);
}

/** Comments and CDATA marks around the JSON are common and harmless, and so are the faults that `REPAIRS` mend. */
function parse(source: string): unknown {
  let text = source
    .replace(/^[\s\ufeff]*(?:\/\/\s*|\/\*\s*)?(?:<!\[CDATA\[|<!--)(?:\s*\*\/)?/, '')
    .replace(/(?:\/\/\s*|\/\*\s*)?(?:\]\]>|-->)(?:\s*\*\/)?\s*$/, '')
    .replace(/;\s*$/, '');
  for (const repair of REPAIRS) {
    const repaired = repair(text);
    if (repaired === text && repair !== REPAIRS[0]) continue;
    text = repaired;
    try {
      return JSON.parse(text);
    } catch {
      // the next repair, on top of this one
    }
  }
  return undefined;
}

/** What templates get wrong, each tried on top of those before, only when the JSON does not parse without it. */
const REPAIRS: readonly ((text: string) => string)[] = [
  (text) => text,
  // Line breaks and tabs within strings.
  (text) => text.replace(/[\u0000-\u001f]+/g, ' '),
  // All of it escaped once more.
  (text) => (text.includes('"') ? text : decodeReferences(text)),
  // A comma after the last of a list.
  (text) => text.replace(/,\s*([}\]])/g, '$1'),
  // Several objects one after the other.
  (text) => (/\}\s*\{/.test(text) ? `[${text.replace(/\}\s*\{/g, '},{')}]` : text),
];

function gather(value: unknown, nodes: Json[], depth: number): void {
  if (depth > MAX_DEPTH || nodes.length >= MAX_NODES) return;
  if (Array.isArray(value)) {
    for (const item of value.slice(0, MAX_NODES)) gather(item, nodes, depth + 1);
  } else if (isObject(value)) {
    nodes.push(value);
    gather(value['@graph'], nodes, depth + 1);
    gather(value['mainEntity'], nodes, depth + 1);
  }
}

function factsOf(node: Json, byId: ReadonlyMap<unknown, Json>): LdFacts | undefined {
  const types = typesOf(node);
  const isArticle = types.some((type) => ARTICLES.test(type));
  const role = roleOf(types, isArticle);
  if (role === undefined) return undefined;
  const find = (value: unknown): unknown => follow(value, byId);
  const name = textOf(node['headline'], LIMITS.title) ?? textOf(node['name'], LIMITS.title);
  if (role === 'site') {
    return { role, isArticle, images: [], ...(name !== undefined && { publisher: name }) };
  }
  const facts = {
    title: name,
    description: textOf(node['description'], LIMITS.description),
    author: namesOf(node['author'] ?? node['creator'], find),
    publisher: namesOf(node['publisher'], find),
    publishedAt: dateOf(node['datePublished']) ?? dateOf(node['uploadDate']) ?? dateOf(node['dateCreated']),
    language: textOf(node['inLanguage'], 35),
    url: textOf(idOf(node['url'] ?? node['mainEntityOfPage'] ?? node['@id']), 4_096),
  };
  const images = imagesOf(node['image'] ?? node['primaryImageOfPage'], find);
  return {
    role,
    isArticle,
    ...withoutUndefined(facts),
    images: images.length > 0 ? images : imagesOf(node['thumbnailUrl'] ?? node['thumbnail'], find),
  };
}

function typesOf(node: Json): string[] {
  const type = node['@type'];
  const types: readonly unknown[] = Array.isArray(type) ? type.slice(0, 8) : [type];
  return types.flatMap((name) => (typeof name === 'string' ? [name.replace(/^.*[/#:]/, '')] : []));
}

function roleOf(types: readonly string[], isArticle: boolean): LdFacts['role'] | undefined {
  if (isArticle || types.some((type) => THINGS.test(type))) return 'main';
  if (types.some((type) => PAGES.test(type))) return 'page';
  return types.some((type) => SITES.test(type)) ? 'site' : undefined;
}

/** An object that is only a reference stands for the one with that `@id` in the same block. */
function follow(value: unknown, byId: ReadonlyMap<unknown, Json>): unknown {
  if (!isObject(value) || typeof value['@id'] !== 'string') return value;
  return Object.keys(value).length <= 2 ? (byId.get(value['@id']) ?? value) : value;
}

function namesOf(value: unknown, find: (value: unknown) => unknown): string | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value.slice(0, MAX_NAMES) : [value];
  const names = list.flatMap((item) => {
    const found = find(item);
    return textOf(isObject(found) ? found['name'] : found, MAX_NAME_CHARS) ?? [];
  });
  return names.length === 0 ? undefined : cleanText([...new Set(names)].join(', '), MAX_NAME_CHARS);
}

function imagesOf(value: unknown, find: (value: unknown) => unknown): LdImage[] {
  const list: readonly unknown[] = Array.isArray(value) ? value.slice(0, MAX_IMAGES) : [value];
  return list.flatMap((item) => {
    const found = find(item);
    const url = textOf(
      isObject(found) ? (found['contentUrl'] ?? found['url'] ?? found['@id']) : found,
      4_096,
    );
    if (url === undefined) return [];
    const size = isObject(found) ? { width: sizeOf(found['width']), height: sizeOf(found['height']) } : {};
    return [{ url, ...withoutUndefined(size) }];
  });
}

function textOf(value: unknown, maxChars: number): string | undefined {
  const plain: unknown = isObject(value) ? value['@value'] : Array.isArray(value) ? value[0] : value;
  if (typeof plain !== 'string') return undefined;
  return cleanText(withoutTags(decodeReferences(plain.slice(0, maxChars * 8))), maxChars);
}

const dateOf = (value: unknown): string | undefined => {
  const date = toIsoDate(textOf(value, 80));
  return date;
};

const idOf = (value: unknown): unknown => (isObject(value) ? (value['@id'] ?? value['url']) : value);

function sizeOf(value: unknown): number | undefined {
  const plain: unknown = isObject(value) ? value['value'] : value;
  const size =
    typeof plain === 'number' ? plain : Number.parseInt(typeof plain === 'string' ? plain : '', 10);
  return Number.isFinite(size) && size > 0 && size < 100_000 ? Math.round(size) : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The members that have a value. */
function withoutUndefined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
