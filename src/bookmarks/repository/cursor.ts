import { PlimsollError } from '../../errors/index.js';

/** Where a page ended: the value that the list is sorted by, and what tells ties apart. */
export interface CursorPosition {
  readonly value: string | number;
  readonly tie: string | number;
}

/** Longer is none of ours, characters: titles are cut to 100 before they are sorted by. */
const MAX_CURSOR_LENGTH = 2_048;

/** @param list name of the list and its order: a cursor of another one is refused */
export function writeCursor(list: string, { value, tie }: CursorPosition): string {
  return Buffer.from(JSON.stringify([list, value, tie])).toString('base64url');
}

/** @throws PlimsollError `invalid-cursor` */
export function readCursor<V extends 'string' | 'number', T extends 'string' | 'number'>(
  list: string,
  cursor: string,
  valueType: V,
  tieType: T,
): CursorPosition {
  const parts = parse(cursor);
  const [of, value, tie] = Array.isArray(parts) && parts.length === 3 ? (parts as readonly unknown[]) : [];
  if (of !== list || !fits(value, valueType) || !fits(tie, tieType)) {
    throw new PlimsollError(
      'invalid-cursor',
      'The cursor is not one of this list in this order; take it from the answer of the page before, unchanged.',
    );
  }
  return { value, tie };
}

function parse(cursor: string): unknown {
  if (cursor.length > MAX_CURSOR_LENGTH || !/^[\w-]+$/.test(cursor)) return undefined;
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
}

function fits(value: unknown, type: 'string' | 'number'): value is string | number {
  return type === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && !value.includes('\0');
}
