import { CsvRows, type CsvRow } from './csv-rows.js';
import type { ByteChunks, ImportItem, ReadContext } from './import-entry.js';
import { makeItem, makeProblem, type RawEntry } from './make-item.js';
import { isSpecialFolder } from './netscape/folders.js';
import { readTime } from './read-time.js';

const MAX_COLUMNS = 256;

/** Names under which exporters write a column, lower case, best first. */
const COLUMNS = {
  url: ['url', 'href', 'link', 'uri'],
  title: ['title', 'name'],
  description: ['description', 'excerpt'],
  note: ['note', 'notes', 'comment'],
  tags: ['tags', 'labels', 'tag'],
  createdAt: ['created_at', 'time_added', 'created', 'date_added', 'timestamp', 'date'],
  archived: ['archived', 'is_archived'],
  favourite: ['favourite', 'favorite', 'starred'],
  folder: ['folder', 'collection'],
  status: ['status'],
} as const;
type Column = keyof typeof COLUMNS;

/** Reads one row by the names of the columns. */
type Row = (column: Column) => string | undefined;

/**
 * Rows of Pocket (`title,url,time_added,tags,status`), Raindrop (`id,title,note,excerpt,url,folder,tags,created,…`),
 * our own export, and whatever else has a header line with a URL in it. Pocket parts tags by `|`, the others by commas.
 */
export async function* readCsv(chunks: ByteChunks, context: ReadContext): AsyncGenerator<ImportItem> {
  const rows = new CsvRows(delimiterOf(context.head));
  let positions: ReadonlyMap<Column, number> | null = null;
  let ordinal = 0;
  const read = ({ cells, line }: CsvRow): ImportItem[] => {
    if (positions === null) {
      positions = positionsOf(cells);
      return [];
    }
    const found = positions;
    ordinal += 1;
    return [
      makeItem(
        ordinal,
        readRow((column) => cells[found.get(column) ?? -1], line, context.now),
      ),
    ];
  };
  try {
    for await (const chunk of chunks) {
      const fault = await rows.write(chunk);
      yield* rows.take().flatMap(read);
      if (fault === null) continue;
      yield makeProblem(ordinal + 1, fault.reason, fault);
      return;
    }
    const fault = await rows.end();
    yield* rows.take().flatMap(read);
    if (fault !== null) yield makeProblem(ordinal + 1, fault.reason, fault);
  } finally {
    rows.close();
  }
}

function delimiterOf(head: string): string {
  const line = /^[^\r\n]*/.exec(head)?.[0] ?? '';
  return [',', ';', '\t'].find((mark) => line.includes(mark)) ?? ',';
}

function positionsOf(header: readonly string[]): ReadonlyMap<Column, number> {
  const names = header.slice(0, MAX_COLUMNS).map((name) => name.trim().toLowerCase());
  const found = new Map<Column, number>();
  for (const [column, aliases] of Object.entries(COLUMNS) as [Column, readonly string[]][]) {
    const position = aliases.map((alias) => names.indexOf(alias)).find((at) => at !== -1);
    if (position !== undefined) found.set(column, position);
  }
  return found;
}

function readRow(of: Row, line: number, now: number): RawEntry {
  const tags = plain(of('tags')) ?? '';
  const folders = (plain(of('folder')) ?? '')
    .split(/\s*\/\s*/)
    .filter((name, level) => name.trim() !== '' && !(level === 0 && isSpecialFolder(name)));
  return {
    line,
    url: plain(of('url')),
    title: plain(of('title')),
    description: plain(of('description')),
    note: plain(of('note')),
    tags: tags.split(tags.includes('|') ? '|' : ','),
    createdAt: readTime(of('createdAt'), now),
    archived: isOn(of('archived')) || /^archived?$/i.test(of('status')?.trim() ?? '') || undefined,
    favourite: isOn(of('favourite')) || undefined,
    folderPath: folders.length === 0 ? undefined : folders,
  };
}

const isOn = (value: string | undefined): boolean => /^(?:1|true|yes)$/i.test(value?.trim() ?? '');

/** Takes back the apostrophe that our export, and Excel, put before what a spreadsheet would run as a formula. */
const plain = (value: string | undefined): string | undefined => value?.replace(/^'(?='*[=+\-@\t\r\n])/, '');
