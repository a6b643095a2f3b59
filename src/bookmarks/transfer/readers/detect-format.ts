import { PlimsollError } from '../../../errors/index.js';
import { IMPORT_FORMATS, type ImportFormat } from './import-entry.js';

/** How much of a file is looked at before reading it. */
export const HEAD_BYTES = 64 * 1024;

export interface FormatHints {
  readonly fileName?: string | undefined;
  readonly contentType?: string | undefined;
}

/**
 * What kind of file it is, by its first 64 KiB; the name and the content type decide only where text alone cannot.
 *
 * @throws PlimsollError `unreadable-import` for what is none of them: binary, empty, something else
 */
export function detectFormat(head: string, hints: FormatHints, given?: ImportFormat): ImportFormat {
  const text = head.trimStart();
  if (text === '') throw unreadable('The file is empty.');
  if (isBinary(text)) throw unreadable('The file is binary; a text file is expected.');
  if (given !== undefined && !fits(given, text))
    throw unreadable(`The file is not what format=${given} says.`);
  const format = given ?? (text.startsWith('{') || text.startsWith('[') ? ofJson(text) : ofText(text, hints));
  if (format === null) throw unreadable('The file is not of a kind that is known here.');
  return format;
}

/** What a file of the format cannot be without: under a wrong name nothing would be read, and that would count as done. */
function fits(format: ImportFormat, text: string): boolean {
  switch (format) {
    case 'netscape':
      return /<[a-z!]/i.test(text);
    case 'karakeep':
    case 'linkding':
      return /^[[{]/.test(text);
    case 'jsonl':
      return /^[ \t]*\{/m.test(text);
    case 'csv':
    case 'pocket':
    case 'raindrop':
      return columnsOf(text).some((name) => /^(?:url|href|link|uri)$/.test(name));
    case 'urls':
      return true;
  }
}

export function unreadable(what: string, cause?: unknown): PlimsollError {
  return new PlimsollError(
    'unreadable-import',
    `${what} Bookmarks can be read from ${IMPORT_FORMATS.join(', ')}; name one with format= to try it.`,
    { cause },
  );
}

/** Control characters that no text has, in more than one place in a hundred: a stray NUL makes no file binary. */
function isBinary(text: string): boolean {
  const sample = text.slice(0, 16 * 1024);
  const controls = sample.match(/[\u0000-\u0008\u000e-\u001f\ufffd]/g)?.length ?? 0;
  return controls > sample.length / 100 + 3;
}

function ofJson(text: string): ImportFormat | null {
  const line = /^[^\r\n]*/.exec(text)?.[0] ?? '';
  if (isLine(line)) return 'jsonl';
  if (/"(?:tag_names|date_added|is_archived)"\s*:/.test(text) || /"results"\s*:\s*\[/.test(text))
    return 'linkding';
  if (/"bookmarks"\s*:\s*\[/.test(text) || /"content"\s*:\s*\{/.test(text)) return 'karakeep';
  return text.startsWith('[') && /"url"\s*:/.test(text) ? 'linkding' : null;
}

/** A first line that is a whole object by itself, and one of a bookmark. */
function isLine(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && ('plimsoll' in value || 'url' in value);
  } catch {
    return false;
  }
}

function ofText(text: string, { fileName = '', contentType = '' }: FormatHints): ImportFormat | null {
  // not beyond the next tag: 64 KiB of `<a ` would take a second
  if (/<!doctype\s+netscape|<d[lt]\b|<a\s[^<>]*href/i.test(text)) return 'netscape';
  const columns = columnsOf(text);
  if (columns.length > 1 && columns.includes('url')) {
    if (columns.includes('time_added')) return 'pocket';
    return columns.includes('excerpt') && columns.includes('folder') ? 'raindrop' : 'csv';
  }
  const first = text.split(/\r?\n/, 200).find((line) => line.trim() !== '' && !line.startsWith('#'));
  if (first !== undefined && /^\s*https?:\/\//i.test(first)) return 'urls';
  if (
    /<(?:!doctype\s+)?html\b/i.test(text) ||
    /\.html?$/i.test(fileName) ||
    /^text\/html\b/i.test(contentType)
  )
    return /<\w/.test(text) ? 'netscape' : null;
  return null;
}

/** Names in the first line of a CSV file, lower case. */
function columnsOf(text: string): string[] {
  const header = (/^[^\r\n]*/.exec(text)?.[0] ?? '').toLowerCase();
  return header.split(/[,;\t]/).map((name) => name.trim().replace(/^"|"$/g, ''));
}
