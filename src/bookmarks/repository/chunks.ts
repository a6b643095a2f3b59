import type { Dialect } from '../../database/index.js';

/**
 * Rows of one statement. SQLite: a statement of this size runs well under 10 ms, and the event loop gets its turn between
 * two. PostgreSQL: few round trips, 29 columns stay far under its 65 535 parameters.
 */
export const ROWS_PER_STATEMENT: Readonly<Record<Dialect, number>> = { sqlite: 50, postgres: 250 };

/** Values of one `in (…)` list. */
export const KEYS_PER_STATEMENT = 500;

export function* chunksOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
