import type { Bookmark } from '../../model/bookmark.js';
import { escapeMarkup, isSafeUrl } from './escape-markup.js';
import type { ExportWriter, WriteContext } from './export-format.js';

const iso = (ms: number): string => new Date(ms).toISOString();

/** RFC 4287. Ids are those of the bookmarks, so that a reader shows each once, however often it changes. */
export class AtomWriter implements ExportWriter {
  readonly contentType = 'application/atom+xml; charset=utf-8';
  readonly extension = 'atom';

  begin({ now, self }: WriteContext, newest: Bookmark | null): string {
    const address = escapeMarkup(self);
    return [
      '<?xml version="1.0" encoding="utf-8"?>',
      '<feed xmlns="http://www.w3.org/2005/Atom">',
      `  <id>${address}</id>`,
      '  <title>Bookmarks</title>',
      '  <author><name>Plimsoll</name></author>',
      '  <generator>Plimsoll</generator>',
      `  <link rel="self" type="application/atom+xml" href="${address}"/>`,
      `  <updated>${iso(newest?.modifiedAt ?? now)}</updated>`,
      '',
    ].join('\n');
  }

  write(bookmark: Bookmark): string {
    if (!isSafeUrl(bookmark.url)) return '';
    const text = [bookmark.description, bookmark.note].filter((part) => part !== null).join('\n\n');
    const lines = [
      '  <entry>',
      `    <id>urn:uuid:${escapeMarkup(bookmark.id)}</id>`,
      `    <title>${escapeMarkup(bookmark.title ?? bookmark.url)}</title>`,
      `    <link rel="alternate" href="${escapeMarkup(bookmark.url)}"/>`,
      `    <published>${iso(bookmark.createdAt)}</published>`,
      `    <updated>${iso(bookmark.modifiedAt)}</updated>`,
      ...bookmark.tags.map((tag) => `    <category term="${escapeMarkup(tag)}"/>`),
      ...(text === '' ? [] : [`    <summary>${escapeMarkup(text)}</summary>`]),
      '  </entry>',
      '',
    ];
    return lines.join('\n');
  }

  end(): string {
    return '</feed>\n';
  }
}
