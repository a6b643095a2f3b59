import type { Bookmark } from '../../model/bookmark.js';
import { joinNotes } from '../readers/netscape/linkding-notes.js';
import { TO_READ_TAG } from '../readers/netscape/netscape-document.js';
import { escapeMarkup, isSafeUrl } from './escape-markup.js';
import type { ExportWriter } from './export-format.js';

const HEAD = `<!DOCTYPE NETSCAPE-Bookmark-file-1>
<!-- This is an automatically generated file. It will be read and overwritten. Do not edit! -->
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
<TITLE>Bookmarks</TITLE>
<H1>Bookmarks</H1>
<DL><p>
`;

const seconds = (ms: number): number => Math.floor(ms / 1_000);

/**
 * The format that every browser reads. A DD holds the description, and the note between linkding's marks; ARCHIVED,
 * FAVOURITE and TOREAD are attributes that others pass over. Times lose their milliseconds, commas in tags become
 * spaces: the format has no room for them.
 */
export class NetscapeWriter implements ExportWriter {
  readonly contentType = 'text/html; charset=utf-8';
  readonly extension = 'html';

  begin(): string {
    return HEAD;
  }

  write(bookmark: Bookmark): string {
    if (!isSafeUrl(bookmark.url)) return '';
    const attributes = [
      ['HREF', bookmark.url],
      ['ADD_DATE', String(seconds(bookmark.createdAt))],
      ['LAST_MODIFIED', String(seconds(bookmark.modifiedAt))],
      ['TAGS', bookmark.tags.map((tag) => tag.replaceAll(',', ' ')).join(',')],
      ['TOREAD', bookmark.tags.some((tag) => tag.toLowerCase() === TO_READ_TAG) ? '1' : ''],
      ['ARCHIVED', bookmark.archived ? '1' : ''],
      ['FAVOURITE', bookmark.favourite ? '1' : ''],
    ]
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name}="${escapeMarkup(value ?? '')}"`);
    const text = joinNotes(bookmark.description ?? '', bookmark.note);
    const link = `    <DT><A ${attributes.join(' ')}>${escapeMarkup(bookmark.title ?? bookmark.url)}</A>\n`;
    return text === '' ? link : `${link}    <DD>${escapeMarkup(text)}\n`;
  }

  end(): string {
    return '</DL><p>\n';
  }
}
