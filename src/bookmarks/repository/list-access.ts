import { sql } from 'kysely';
import type { Database, Queries } from '../../database/index.js';
import {
  countUpTo,
  MOST_COUNTED,
  rowSetsOf,
  type Ids,
  type ResolvedFilter,
  type RowSet,
} from './row-sets.js';

/**
 * How rows are got at. SQLite knows nothing of how many rows a filter leaves over, and without a word sorts 100 000 rows
 * for one page; PostgreSQL keeps statistics.
 */
export type Access =
  /** As the engine likes. */
  | { readonly by: 'planner' }
  /** Along the order until the page is full. `alongCreation`: that of creation, in which a span of time is one piece. */
  | { readonly by: 'walk'; readonly alongCreation: boolean }
  /** Along the order, past all whose ids are not in the list. */
  | { readonly by: 'sift'; readonly alongCreation: boolean; readonly set: RowSet; readonly ids: Ids }
  /** Along the index of one set, which is in the order of creation. */
  | { readonly by: 'follow'; readonly set: RowSet; readonly alongCreation: true }
  /** All of one set, which are then sorted. */
  | { readonly by: 'fetch'; readonly set: RowSet };

export const AS_PLANNED: Access = { by: 'planner' };

/** Costs, µs (measured on 150 000 bookmarks, 340 MB, with a page cache of 8 MiB). A step along the index of an order … */
const STEP_US = 0.2;
/** … one at which a tag is looked up, or the row for what that index does not hold … */
const STEP_WITH_ROW_US = 3;
/** … one at which the id is looked up in a list … */
const STEP_WITH_LIST_US = 0.4;
/** … an id put on that list … */
const LISTED_US = 0.3;
/** … and a row that is fetched for its sorting key: mostly a page that is not in the cache. */
const FETCHED_US = 5;

/** Sets that the indexes of the orders do not hold. */
const OUTSIDE_OF_ORDERS: ReadonlySet<RowSet> = new Set(['tag', 'host', 'favourite', 'dead']);

/** Sets whose index is in the order of creation. */
const IN_ORDER_OF_CREATION: ReadonlySet<RowSet> = new Set(['archived', 'favourite', 'dead', 'enrichment']);

interface Counted {
  readonly set: RowSet;
  readonly ids: Ids;
  readonly rows: number;
}

/** The cheapest access, by counting the sets of the filter. `null`: one of them is empty. */
export async function chooseAccess(
  { queries, dialect }: Database,
  filter: ResolvedFilter,
  limit: number,
  alongCreation: boolean,
): Promise<Access | null> {
  if (dialect === 'postgres') return AS_PLANNED;
  const counted: Counted[] = [];
  for (const [set, ids] of rowSetsOf(queries, filter, alongCreation)) {
    const rows = await countUpTo(queries, ids);
    if (rows === 0) return null;
    counted.push({ set, ids, rows });
  }
  const walk: Access = { by: 'walk', alongCreation };
  if (counted.length === 0) return walk;
  const total = await rowsAtMost(queries);
  const share = counted.reduce((product, { rows }) => product * shareOf(rows, total), 1);
  const steps = Math.min(total, limit / share);
  const isOutside = counted.some(({ set }) => OUTSIDE_OF_ORDERS.has(set));
  const ways: [costUs: number, access: Access][] = [[steps * (isOutside ? STEP_WITH_ROW_US : STEP_US), walk]];
  for (const { set, ids, rows } of counted) {
    if (alongCreation && IN_ORDER_OF_CREATION.has(set)) {
      const stepsWithin = Math.min(rows, (limit / share) * shareOf(rows, total));
      ways.push([stepsWithin * STEP_WITH_ROW_US, { by: 'follow', set, alongCreation }]);
    }
    if (rows >= MOST_COUNTED) continue;
    ways.push([rows * FETCHED_US, { by: 'fetch', set }]);
    if (OUTSIDE_OF_ORDERS.has(set))
      ways.push([rows * LISTED_US + steps * STEP_WITH_LIST_US, { by: 'sift', alongCreation, set, ids }]);
  }
  return ways.reduce((cheapest, way) => (way[0] < cheapest[0] ? way : cheapest))[1];
}

/** Of a set that was not counted to its end, the middle between the least and all, by proportion. */
function shareOf(rows: number, total: number): number {
  const least = Math.min(1, rows / total);
  return rows < MOST_COUNTED ? least : Math.sqrt(least);
}

/** The last of the numbers that rows were given: what was deleted counts. */
async function rowsAtMost(queries: Queries): Promise<number> {
  const { rows } = await sql<{ last: number | null }>`select max(rowid) as last from bookmarks`.execute(
    queries,
  );
  return rows[0]?.last ?? 0;
}
