import { decodeHead, detectCharset, toUtf8, type Charset } from './charset.js';
import { detectFormat, HEAD_BYTES, type FormatHints } from './detect-format.js';
import type { ByteChunks, ImportFormat, ImportItem, ReadContext } from './import-entry.js';
import { readCsv } from './read-csv.js';
import { readJsonLines } from './read-json-lines.js';
import { readKarakeep, readLinkding } from './read-json-export.js';
import { readNetscape } from './netscape/read-netscape.js';
import { readUrls } from './read-urls.js';

type Reader = (chunks: ByteChunks, context: ReadContext) => AsyncGenerator<ImportItem>;

const READERS: Readonly<Record<ImportFormat, Reader>> = {
  netscape: readNetscape,
  karakeep: readKarakeep,
  linkding: readLinkding,
  pocket: readCsv,
  raindrop: readCsv,
  csv: readCsv,
  urls: readUrls,
  jsonl: readJsonLines,
};

/** What the beginning of a file says about all of it. */
export interface ImportKind {
  readonly format: ImportFormat;
  readonly charset: Charset;
  /** The beginning as text. */
  readonly head: string;
}

/** @throws PlimsollError `unreadable-import` */
export function recogniseImport(head: Buffer, hints: FormatHints, given?: ImportFormat): ImportKind {
  const charset = detectCharset(head, hints.contentType);
  const text = decodeHead(head, charset);
  return { format: detectFormat(text, hints, given), charset, head: text };
}

/** Read at a stretch: at most some 400 short bookmarks, 4 ms. */
const PIECE_BYTES = 16 * 1024;

async function* inPieces(chunks: ByteChunks): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; from += PIECE_BYTES)
      yield chunk.subarray(from, from + PIECE_BYTES);
  }
}

/** Everything in the file, in its order; the same bytes and context give the same items. */
export function readImport(
  chunks: ByteChunks,
  kind: ImportKind,
  context: Omit<ReadContext, 'head'>,
): AsyncGenerator<ImportItem> {
  return READERS[kind.format](inPieces(toUtf8(chunks, kind.charset)), { ...context, head: kind.head });
}

/** The first 64 KiB of a stream, and the whole of it again. */
export async function peekHead(chunks: ByteChunks): Promise<{ head: Buffer; chunks: ByteChunks }> {
  const iterator = chunks[Symbol.asyncIterator]();
  const taken: Buffer[] = [];
  let bytes = 0;
  while (bytes < HEAD_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    taken.push(Buffer.from(next.value));
    bytes += next.value.length;
  }
  const head = Buffer.concat(taken);
  return { head: head.subarray(0, HEAD_BYTES), chunks: replay(head, iterator) };
}

async function* replay(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (;;) {
      const next = await rest.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}
