import type { SourceFormat } from '../../image-memory/index.js';

/** What the first bytes say: a format that we decode, or the name of something that we do not. */
export type SniffedType =
  | { readonly kind: 'image'; readonly format: SourceFormat }
  | { readonly kind: 'other'; /** For a sentence: "The bytes look like …". */ readonly what: string };

/** How many leading bytes {@link sniffFormat} wants to see: room for comments before `<svg`. */
export const SNIFF_BYTES = 4096;

const ASCII = new TextDecoder('latin1');

const image = (format: SourceFormat): SniffedType => ({ kind: 'image', format });
const other = (what: string): SniffedType => ({ kind: 'other', what });

/**
 * The type of a file by its first bytes alone: extensions and `Content-Type` lie. Formats whose pixels we cannot
 * decode are named, because some of them (HEIC) get through a header parser and fail later.
 */
export function sniffFormat(head: Uint8Array): SniffedType {
  if (head.length === 0) return other('an empty file');
  const text = ASCII.decode(head.subarray(0, 64));
  if (text.startsWith('\xff\xd8\xff')) return image('jpeg');
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return image('png');
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return image('gif');
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return image('webp');
  if (/^(?:II[*+]\0|MM\0[*+])/.test(text)) return image('tiff');
  if (text.slice(4, 8) === 'ftyp') return isoMedia(head);
  return sniffOther(text) ?? sniffText(head);
}

/** ISO base media: the brands in the `ftyp` box tell AVIF from HEIC and from films. */
function isoMedia(head: Uint8Array): SniffedType {
  const size = new DataView(head.buffer, head.byteOffset, 4).getUint32(0);
  const box = ASCII.decode(head.subarray(8, Math.min(size, head.length, 256)));
  const brands = [box.slice(0, 4), ...(box.slice(8).match(/.{4}/gs) ?? [])];
  if (brands.some((brand) => brand === 'avif' || brand === 'avis')) return image('avif');
  if (brands.some((brand) => /^(?:hei[cmsx]|hev[cmsx])$/.test(brand))) return other('HEIC');
  if (brands.includes('mif1') || brands.includes('msf1')) return other('HEIF');
  return other('a video or another ISO media file');
}

function sniffOther(text: string): SniffedType | undefined {
  if (text.startsWith('\xff\x0a') || text.startsWith('\0\0\0\x0cJXL ')) return other('JPEG XL');
  if (text.startsWith('\0\0\0\x0cjP  ') || text.startsWith('\xff\x4f\xff\x51')) return other('JPEG 2000');
  if (text.startsWith('%PDF-')) return other('PDF');
  if (text.startsWith('BM')) return other('BMP');
  if (/^\0\0[\x01\x02]\0/.test(text)) return other('an ICO or CUR icon');
  if (text.startsWith('8BPS')) return other('Photoshop');
  if (text.startsWith('\x1f\x8b')) return other('gzip');
  if (text.startsWith('PK\x03\x04')) return other('a ZIP archive');
  return undefined;
}

/** SVG after an optional byte order mark, declaration, comments and document type; else HTML, XML or unknown. */
function sniffText(head: Uint8Array): SniffedType {
  let rest = ASCII.decode(head.subarray(0, SNIFF_BYTES)).replace(/^\xef\xbb\xbf/, '');
  for (;;) {
    rest = rest.trimStart();
    const skipped = /^(?:<\?[^>]*\?>|<!--[^]*?-->|<!DOCTYPE\s+svg\b(?:[^>[]|\[[^]*?\]\s*)*>)/i.exec(rest);
    if (skipped === null) break;
    rest = rest.slice(skipped[0].length);
  }
  if (/^<svg[\s>/]/.test(rest)) return image('svg');
  if (/^<(?:!doctype html|html|head|body|script|meta|title|div|!--)/i.test(rest)) return other('HTML');
  return other(rest.startsWith('<') ? 'XML' : 'something else');
}
