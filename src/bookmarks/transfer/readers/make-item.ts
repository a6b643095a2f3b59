import { LIMITS } from '../../model/bookmark.js';
import { distinctTags } from '../../normalise/tag-name.js';
import type { ImportItem, ImportProblem, OwnState, SkipReason } from './import-entry.js';

/** What a reader found, before limits. */
export interface RawEntry {
  readonly line?: number | undefined;
  readonly url: string | undefined;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly note?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly createdAt?: number | undefined;
  readonly archived?: boolean | undefined;
  readonly favourite?: boolean | undefined;
  readonly folderPath?: readonly string[] | undefined;
  readonly extra?: Readonly<Record<string, string>> | undefined;
  readonly own?: OwnState | undefined;
}

/** Shown of a URL that was not taken (chosen: enough to find it). */
const SHOWN_URL_LENGTH = 200;
const MAX_FOLDER_LEVELS = 32;

/** A copy of its own, without NUL and other control characters, lone surrogates replaced. */
const flat = (text: string): string => Buffer.from(text.replace(CONTROLS, '')).toString();
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/** The first `limit` UTF-16 units, never half a surrogate pair. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit);
}

/** Trims, cuts and copies; remembers the names of fields that were cut. */
class Cutter {
  readonly cut: string[] = [];

  line(name: string, text: string | undefined, limit: number): string | undefined {
    return this.keep(name, text?.slice(0, limit * 4).replace(/\s+/g, ' '), limit);
  }

  text(name: string, text: string | undefined, limit: number): string | undefined {
    return this.keep(name, text?.replace(/\r\n?/g, '\n'), limit);
  }

  tags(tags: readonly string[]): string[] {
    const names = tags.flatMap((tag) => this.line('tags', tag, LIMITS.tag) ?? []);
    const distinct = distinctTags(names);
    if (distinct.length > LIMITS.tags) this.mark('tags');
    return distinct.slice(0, LIMITS.tags);
  }

  private keep(name: string, text: string | undefined, limit: number): string | undefined {
    if (text === undefined) return undefined;
    const trimmed = text.trim();
    if (trimmed === '') return undefined;
    if (trimmed.length > limit) this.mark(name);
    const kept = flat(cutText(trimmed, limit)).trim();
    return kept === '' ? undefined : kept;
  }

  private mark(name: string): void {
    if (!this.cut.includes(name)) this.cut.push(name);
  }
}

/** An entry within LIMITS, or the reason why there is none. */
export function makeItem(ordinal: number, raw: RawEntry): ImportItem {
  const url = settleUrl(raw.url ?? '');
  const reason = refusal(url);
  if (reason !== null) return makeProblem(ordinal, reason, raw);
  const cutter = new Cutter();
  const title = cutter.line('title', raw.title, LIMITS.title);
  const entry = {
    kind: 'entry' as const,
    ordinal,
    line: raw.line,
    url: flat(url),
    // exporters write the URL where there is no title
    title: title === url ? undefined : title,
    description: cutter.text('description', raw.description, LIMITS.description),
    note: cutter.text('note', raw.note, LIMITS.note),
    tags: cutter.tags(raw.tags ?? []),
    createdAt: raw.createdAt,
    archived: raw.archived,
    favourite: raw.favourite,
    folderPath: raw.folderPath
      ?.slice(0, MAX_FOLDER_LEVELS)
      .flatMap((name) => cutter.line('folder', name, LIMITS.tag) ?? []),
    extra: raw.extra,
    own: raw.own,
  };
  return withoutAbsent({ ...entry, ...(cutter.cut.length === 0 ? {} : { cut: cutter.cut }) });
}

export function makeProblem(
  ordinal: number,
  reason: SkipReason,
  raw: Partial<Pick<RawEntry, 'line' | 'url' | 'title'>> = {},
): ImportProblem {
  const shown = (text: string | undefined): string | undefined =>
    text === undefined || text.trim() === '' ? undefined : flat(cutText(text.trim(), SHOWN_URL_LENGTH));
  return withoutAbsent({
    kind: 'problem',
    ordinal,
    line: raw.line,
    reason,
    url: shown(raw.url),
    title: shown(raw.title),
  });
}

/** As browsers read an address: line breaks and tabs gone, spaces encoded. */
function settleUrl(text: string): string {
  return text
    .trim()
    .replace(/[\t\n\r]+/g, '')
    .replaceAll(' ', '%20');
}

function refusal(url: string): SkipReason | null {
  if (url === '') return 'no-url';
  if (/^https?:/i.test(url)) return url.length > LIMITS.url ? 'too-long' : null;
  return /^[a-z][a-z0-9+.-]*:/i.test(url) ? 'unsupported-scheme' : 'relative-url';
}

function withoutAbsent<T extends object>(value: T): RemoveUndefined<T> {
  for (const key of Object.keys(value) as (keyof T)[]) if (value[key] === undefined) delete value[key];
  return value as unknown as RemoveUndefined<T>;
}

type RemoveUndefined<T> = { [K in keyof T]: Exclude<T[K], undefined> };
