import { isPlimsollError } from '../../errors/index.js';
import type { StoreWrite, WriteOutcome } from '../model/bookmark-store.js';
import { insertDrafts } from './insert-drafts.js';
import { bookmarkNotFound, removeBookmark, updateBookmark, type Changed } from './update-bookmark.js';
import type { WriteContext } from './write-context.js';

type InsertWrite = Extract<StoreWrite, { readonly kind: 'insert' }>;

/** Applies writes in their order within one transaction; neighbouring inserts together. */
export async function applyWrites(
  context: WriteContext,
  writes: readonly StoreWrite[],
): Promise<Changed<readonly WriteOutcome[]>> {
  const outcomes: WriteOutcome[] = [];
  let newest: number | null = null;
  while (outcomes.length < writes.length) {
    const { result, seq } = await applyNext(context, writes, outcomes.length);
    outcomes.push(...result);
    newest = seq ?? newest;
  }
  return { result: outcomes, seq: newest };
}

async function applyNext(
  context: WriteContext,
  writes: readonly StoreWrite[],
  place: number,
): Promise<Changed<readonly WriteOutcome[]>> {
  const write = writes[place] as StoreWrite;
  if (write.kind === 'insert') {
    const drafts = insertsFrom(writes, place, write.rule).map(({ draft }) => draft);
    const { outcomes, seq } = await insertDrafts(context, drafts, write.rule);
    return { result: outcomes, seq };
  }
  try {
    const { result, seq } = await applyOne(context, write);
    return { result: [result], seq };
  } catch (error) {
    // A fault of the engine ends the whole transaction; a refusal comes before its write has changed a row.
    if (
      !isPlimsollError(error) ||
      isPlimsollError(error, 'database-unavailable', 'read-only', 'shutting-down')
    )
      throw error;
    return { result: [{ outcome: 'refused', error }], seq: null };
  }
}

async function applyOne(
  context: WriteContext,
  write: Exclude<StoreWrite, InsertWrite>,
): Promise<Changed<WriteOutcome>> {
  if (write.kind === 'update') {
    const { result, seq } = await updateBookmark(context, write.id, write.change);
    return { result: { outcome: result.written ? 'updated' : 'unchanged', bookmark: result.bookmark }, seq };
  }
  const { result, seq } = await removeBookmark(context, write.id, (current) => write.check?.(current));
  if (result === null) throw bookmarkNotFound();
  return { result: { outcome: 'removed', bookmark: result }, seq };
}

function insertsFrom(
  writes: readonly StoreWrite[],
  place: number,
  rule: InsertWrite['rule'],
): readonly InsertWrite[] {
  const run: InsertWrite[] = [];
  for (const write of writes.slice(place)) {
    if (write.kind !== 'insert' || write.rule !== rule) break;
    run.push(write);
  }
  return run;
}
