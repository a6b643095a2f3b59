import { StringDecoder } from 'node:string_decoder';
import type { ByteChunks, ImportItem, ReadContext } from '../import-entry.js';
import { HtmlTokens } from './html-tokens.js';
import { NETSCAPE_ATTRIBUTES, NetscapeDocument } from './netscape-document.js';
import { TagFilter } from './tag-filter.js';

/** Bookmarks of a Netscape file in UTF-8, or of any HTML with links, in constant memory. */
export async function* readNetscape(chunks: ByteChunks, context: ReadContext): AsyncGenerator<ImportItem> {
  const filter = new TagFilter();
  const decoder = new StringDecoder('utf8');
  const document = new NetscapeDocument(context);
  const tokens = new HtmlTokens(document, NETSCAPE_ATTRIBUTES);
  for await (const chunk of chunks) {
    filter.write(chunk, (bytes) => tokens.write(decoder.write(bytes)));
    yield* document.takeItems();
  }
  tokens.write(decoder.end());
  tokens.end();
  yield* document.end(filter.endsInsideTag);
}
