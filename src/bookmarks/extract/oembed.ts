import { LIMITS } from '../model/bookmark.js';
import { MAX_NAME_CHARS, cleanText, decodeReferences, withoutTags } from './page-text.js';
import { resolvePageUrl } from './page-url.js';
import { isPlaceholderName, isPlaceholderTitle } from './placeholder.js';

/** Longest answer that is parsed, bytes or characters; the `html` of an embed makes the most of one. */
export const MAX_OEMBED_BYTES = 131_072;

/** What an oEmbed answer says (oembed.com, section 2.3); everything that cannot be used is absent. */
export interface OembedFacts {
  readonly title?: string;
  readonly author?: string;
  readonly provider?: string;
  readonly thumbnail?: { readonly url: string; readonly width?: number; readonly height?: number };
}

/**
 * Reads a JSON oEmbed answer. Its `html` is not looked at.
 *
 * @param json the answer, as bytes or text, or parsed already
 * @param pageUrl the page that it describes
 * @returns `null` when it is no JSON object, or larger than {@link MAX_OEMBED_BYTES}
 */
export function parseOembed(json: unknown, pageUrl: string): OembedFacts | null {
  const answer = typeof json === 'string' || Buffer.isBuffer(json) ? parse(json) : json;
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return null;
  const member = (name: string): unknown =>
    Object.hasOwn(answer, name) ? Reflect.get(answer, name) : undefined;
  const text = (name: string, maxChars: number): string | undefined => {
    const value = member(name);
    if (typeof value !== 'string') return undefined;
    return cleanText(withoutTags(decodeReferences(value.slice(0, maxChars * 8))), maxChars);
  };
  const title = text('title', LIMITS.title);
  const author = text('author_name', MAX_NAME_CHARS);
  const provider = text('provider_name', MAX_NAME_CHARS);
  const isPhoto = member('type') === 'photo';
  const thumbnail =
    pictureOf(member('thumbnail_url'), member('thumbnail_width'), member('thumbnail_height'), pageUrl) ??
    (isPhoto ? pictureOf(member('url'), member('width'), member('height'), pageUrl) : undefined);
  return {
    ...(title !== undefined && !isPlaceholderTitle(title, pageUrl) && { title }),
    ...(author !== undefined && !isPlaceholderName(author) && { author }),
    ...(provider !== undefined && !isPlaceholderName(provider) && { provider }),
    ...(thumbnail !== undefined && { thumbnail }),
  };
}

function parse(json: string | Buffer): unknown {
  if (json.length > MAX_OEMBED_BYTES) return undefined;
  try {
    return JSON.parse(json.toString().replace(/^\ufeff/, '')) as unknown;
  } catch {
    return undefined;
  }
}

function pictureOf(
  url: unknown,
  width: unknown,
  height: unknown,
  pageUrl: string,
): OembedFacts['thumbnail'] | undefined {
  const resolved = resolvePageUrl(typeof url === 'string' ? url : undefined, pageUrl);
  if (resolved === undefined) return undefined;
  const [w, h] = [pixelsOf(width), pixelsOf(height)];
  return { url: resolved, ...(w !== undefined && { width: w }), ...(h !== undefined && { height: h }) };
}

/** Providers write sizes as numbers or as text. */
function pixelsOf(value: unknown): number | undefined {
  const pixels = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
  return Number.isFinite(pixels) && pixels >= 1 && pixels < 100_000 ? Math.round(pixels) : undefined;
}
