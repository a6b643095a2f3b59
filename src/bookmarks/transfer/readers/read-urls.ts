import type { ByteChunks, ImportItem } from './import-entry.js';
import { makeItem, makeProblem } from './make-item.js';
import { splitLines } from './split-lines.js';

const MAX_LINE_BYTES = 64 * 1024;

/**
 * One URL a line; what follows it behind white space or ` | ` (OneTab) is the title. Empty lines and lines that begin
 * with `#` are no entries.
 */
export async function* readUrls(chunks: ByteChunks): AsyncGenerator<ImportItem> {
  let ordinal = 0;
  for await (const { number, text } of splitLines(chunks, MAX_LINE_BYTES)) {
    const line = text?.trim();
    if (line === '' || line?.startsWith('#') === true) continue;
    ordinal += 1;
    if (line === undefined) yield makeProblem(ordinal, 'too-long', { line: number });
    else {
      const [, url = line, title] = /^(\S+)(?:\s+(?:\|\s+)?(.*))?$/.exec(line) ?? [];
      yield makeItem(ordinal, { line: number, url, title });
    }
  }
}
