import { isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import type { ByteChunks } from './import-entry.js';

/** `guess`: UTF-8 until bytes say otherwise, then windows-1252. `utf-8`: said so, faults become U+FFFD. */
export type Charset = string;

/** Where META must stand; exporters write it in the first lines. */
const META_WITHIN_BYTES = 4_096;
const BOMS: readonly (readonly [string, readonly number[]])[] = [
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
];

const bomOf = (head: Buffer): readonly [string, readonly number[]] | undefined =>
  BOMS.find(([, bytes]) => bytes.every((byte, index) => head[index] === byte));

/** BOM, then META (of HTML), then the `Content-Type`, else a guess while reading. */
export function detectCharset(head: Buffer, contentType?: string): Charset {
  const bom = bomOf(head);
  if (bom !== undefined) return bom[0];
  const start = head.toString('latin1', 0, META_WITHIN_BYTES);
  const meta = /<meta\b[^>]*?charset\s*=\s*["']?\s*([\w.:-]{2,40})/i.exec(start)?.[1];
  const named = known(meta) ?? known(/charset\s*=\s*"?([\w.:-]{2,40})/i.exec(contentType ?? '')?.[1]);
  // a META that could be read as ASCII stands in no UTF-16 file
  if (named === undefined) return 'guess';
  return named.startsWith('utf-16') ? 'utf-8' : named;
}

function known(label: string | undefined): string | undefined {
  if (label === undefined) return undefined;
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return undefined;
  }
}

interface Decoder {
  decode(bytes?: Buffer, options?: { stream?: boolean }): string;
}

/** What windows-1252 has between 0x80 and 0x9f (WHATWG Encoding, index-windows-1252). */
const WINDOWS_1252 =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';

/** Node 20 decodes windows-1252 as ISO 8859-1 (nodejs/node#56542): euro signs and curly quotes would be lost. */
function makeDecoder(charset: Charset): Decoder {
  if (charset !== 'windows-1252') return new TextDecoder(charset);
  return {
    decode: (bytes) =>
      (bytes?.toString('latin1') ?? '').replace(
        /[\u0080-\u009f]/g,
        (character) => WINDOWS_1252[character.charCodeAt(0) - 0x80] ?? '',
      ),
  };
}

/** The beginning of a file as text; a character that its end tears is left out. */
export function decodeHead(head: Buffer, charset: Charset): string {
  return makeDecoder(charset === 'guess' ? guessOf(head) : charset).decode(head, { stream: true });
}

function guessOf(head: Buffer): string {
  return isUtf8(head.subarray(0, head.length - tornLength(head))) ? 'utf-8' : 'windows-1252';
}

/** The same text in UTF-8, without its BOM. UTF-8 passes uncopied. */
export async function* toUtf8(chunks: ByteChunks, charset: Charset): AsyncGenerator<Buffer> {
  if (charset === 'utf-8') yield* withoutBom(chunks);
  else if (charset === 'guess') yield* guessed(chunks);
  else yield* decoded(chunks, makeDecoder(charset));
}

async function* withoutBom(chunks: ByteChunks): AsyncGenerator<Buffer> {
  let start: Buffer | null = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (start === null) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.length < 3) continue;
    yield bomOf(start)?.[0] === 'utf-8' ? start.subarray(3) : start;
    start = null;
  }
  if (start !== null && start.length > 0) yield start;
}

async function* decoded(chunks: ByteChunks, decoder: Decoder): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    if (text !== '') yield Buffer.from(text);
  }
  const rest = decoder.decode();
  if (rest !== '') yield Buffer.from(rest);
}

async function* guessed(chunks: ByteChunks): AsyncGenerator<Buffer> {
  let torn = Buffer.alloc(0);
  let fallback: Decoder | null = null;
  for await (const chunk of chunks) {
    const bytes: Buffer = torn.length === 0 ? chunk : Buffer.concat([torn, chunk]);
    torn = Buffer.alloc(0);
    if (fallback === null) {
      const whole = bytes.length - tornLength(bytes);
      if (isUtf8(bytes.subarray(0, whole))) {
        torn = Buffer.from(bytes.subarray(whole));
        if (whole > 0) yield bytes.subarray(0, whole);
        continue;
      }
      fallback = makeDecoder('windows-1252');
    }
    yield Buffer.from(fallback.decode(bytes));
  }
  if (torn.length > 0) yield Buffer.from(makeDecoder('windows-1252').decode(torn));
}

/** Bytes at the end that begin a character and do not finish it. */
function tornLength(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return needed > back ? back : 0;
    }
  }
  return 0;
}
