import { createHash } from 'node:crypto';
import { PlimsollError } from '../../errors/index.js';
import type { BookmarkFilter } from '../model/bookmark-store.js';
import type { HitPlace, SearchEngineName, SearchSort } from './search-engine.js';

/** Where a page of ranked hits ended. */
export interface RankedCursor {
  readonly kind: 'ranked';
  readonly engine: SearchEngineName;
  readonly isLenient: boolean;
  readonly place: HitPlace;
  /** Candidates that lie before; another engine, whose scores are other figures, goes on by them. */
  readonly seen: number;
}

/** A page of the plain list, which has a cursor of its own. */
export interface ListCursor {
  readonly kind: 'list';
  readonly cursor: string;
}

export type SearchCursor = RankedCursor | ListCursor;

/** The store's own cursors are at most 2 048 characters, and are wrapped once more. */
const MAX_LENGTH = 4_096;
const ENGINES: readonly string[] = ['memory', 'sqlite-fts', 'postgres'] satisfies readonly SearchEngineName[];

/** Tells searches apart: a cursor goes on with its own only. */
export function searchKey(text: string, filter: BookmarkFilter, sort: SearchSort): string {
  const entries = Object.entries(filter).filter(([, value]) => value !== undefined);
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([text.trim(), sorted, sort]))
    .digest('base64url')
    .slice(0, 16);
}

export function writeCursor(key: string, cursor: SearchCursor): string {
  const parts =
    cursor.kind === 'list'
      ? [key, cursor.cursor]
      : [
          key,
          cursor.engine,
          cursor.isLenient ? 1 : 0,
          cursor.place.primary,
          cursor.place.createdAt,
          cursor.place.id,
          cursor.seen,
        ];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** @throws PlimsollError `invalid-cursor` */
export function readCursor(key: string, text: string): SearchCursor {
  const parts = parse(text);
  if (!Array.isArray(parts) || parts[0] !== key) throw foreignCursor();
  if (parts.length === 2 && typeof parts[1] === 'string') return { kind: 'list', cursor: parts[1] };
  const [, engine, lenient, primary, createdAt, id, seen] = parts as readonly unknown[];
  if (
    parts.length !== 7 ||
    typeof engine !== 'string' ||
    !ENGINES.includes(engine) ||
    (lenient !== 0 && lenient !== 1) ||
    !(typeof primary === 'string' || Number.isFinite(primary)) ||
    !Number.isFinite(createdAt) ||
    typeof id !== 'string' ||
    !(Number.isSafeInteger(seen) && (seen as number) >= 0)
  ) {
    throw foreignCursor();
  }
  return {
    kind: 'ranked',
    engine: engine as SearchEngineName,
    isLenient: lenient === 1,
    place: { primary: primary as string | number, createdAt: createdAt as number, id },
    seen: seen as number,
  };
}

function parse(text: string): unknown {
  if (text.length > MAX_LENGTH || !/^[\w-]+$/.test(text)) return undefined;
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}

/** A cursor of another search, or of none. */
export const foreignCursor = (): PlimsollError =>
  new PlimsollError(
    'invalid-cursor',
    'The cursor is not one of this search; take it from the answer of the page before, with the same query, filters and order.',
  );
