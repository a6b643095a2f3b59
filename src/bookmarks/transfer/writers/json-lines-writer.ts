import type { Bookmark } from '../../model/bookmark.js';
import { JSON_LINES_MARK } from '../readers/read-json-lines.js';
import type { ExportWriter, WriteContext } from './export-format.js';

const iso = (ms: number): string => new Date(ms).toISOString();

/**
 * One bookmark a line, with everything that can be kept of it: every layer of every field, state of enrichment and
 * HTTP, previews. Id, revision and time of modification are told but not taken back: they belong to one server.
 */
export class JsonLinesWriter implements ExportWriter {
  readonly contentType = 'application/x-ndjson; charset=utf-8';
  readonly extension = 'jsonl';

  begin({ now }: WriteContext): string {
    return `${JSON.stringify({ [JSON_LINES_MARK]: 'bookmarks', version: 1, exportedAt: iso(now) })}\n`;
  }

  write(bookmark: Bookmark): string {
    const { id, url, title, description, note, tags, archived, favourite } = bookmark;
    const { fields, http, enrichment, preview, externalId, createdAt, modifiedAt, revision } = bookmark;
    const line = {
      url,
      title,
      description,
      note,
      tags,
      archived,
      favourite,
      createdAt: iso(createdAt),
      modifiedAt: iso(modifiedAt),
      id,
      revision,
      fields,
      http,
      enrichment,
      preview,
      externalId,
    };
    return `${JSON.stringify(line)}\n`;
  }

  end(): string {
    return '';
  }
}
