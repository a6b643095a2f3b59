import type { Bookmark } from '../../model/bookmark.js';
import type { ExportWriter } from './export-format.js';

const COLUMNS = 'url,title,description,note,tags,created_at,modified_at,archived,favourite,host';

/**
 * RFC 4180 with a header line. A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break gets an apostrophe in
 * front, or a spreadsheet would run it as a formula (OWASP, "CSV injection"); our reader takes it off again.
 */
export class CsvWriter implements ExportWriter {
  readonly contentType = 'text/csv; charset=utf-8; header=present';
  readonly extension = 'csv';

  begin(): string {
    return `${COLUMNS}\r\n`;
  }

  write(bookmark: Bookmark): string {
    const cells = [
      bookmark.url,
      bookmark.title ?? '',
      bookmark.description ?? '',
      bookmark.note ?? '',
      bookmark.tags.map((tag) => tag.replaceAll(',', ' ')).join(','),
      new Date(bookmark.createdAt).toISOString(),
      new Date(bookmark.modifiedAt).toISOString(),
      String(bookmark.archived),
      String(bookmark.favourite),
      bookmark.host,
    ];
    return `${cells.map(cell).join(',')}\r\n`;
  }

  end(): string {
    return '';
  }
}

function cell(text: string): string {
  // what begins with an apostrophe before such a character gets one more, so that one can be taken off
  const safe = /^'*[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
