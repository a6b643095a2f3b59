import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '../../config/index.js';
import { PlimsollError } from '../../errors/index.js';
import type { JobQueue, NewJob } from '../../jobs/index.js';
import type { Bookmark } from '../model/bookmark.js';
import type { BookmarkStore, StoreWrite, WriteOutcome } from '../model/bookmark-store.js';
import { BookmarksService } from './bookmarks.service.js';
import { BulkService } from './bulk.service.js';

const GIB = 1024 ** 3;
const MACHINE = { containerLimitBytes: null, totalMemoryBytes: 8 * GIB, heapLimitBytes: GIB };
const lost = (): PlimsollError => new PlimsollError('database-unavailable', 'The disk is full.');

/** A store that takes `chunks` transactions, then none any more. */
function rooms(chunks: number): { bulk: BulkService; written: () => number; enqueued: NewJob[] } {
  const settings = loadSettings({}, MACHINE);
  const enqueued: NewJob[] = [];
  let written = 0;
  let left = chunks;
  const store = {
    applyAll: async (
      writes: readonly StoreWrite[],
      alongside: (queries: never, outcomes: readonly WriteOutcome[]) => Promise<void>,
    ): Promise<readonly WriteOutcome[]> => {
      if (left === 0) throw lost();
      left -= 1;
      const outcomes = writes.map((_, index): WriteOutcome => ({
        outcome: 'created',
        bookmark: { id: `${written + index}`, revision: 1 } as Bookmark,
      }));
      await alongside(undefined as never, outcomes);
      written += writes.length;
      return outcomes;
    },
  } as unknown as BookmarkStore;
  const jobs = {
    enqueueAll: (more: readonly NewJob[]) => Promise.resolve(enqueued.push(...more)),
  } as unknown as JobQueue;
  return {
    bulk: new BulkService(settings, store, jobs, new BookmarksService(settings, store, jobs)),
    written: () => written,
    enqueued,
  };
}

const creations = (count: number): unknown[] =>
  Array.from({ length: count }, (_, index) => ({ op: 'create', url: `https://example.org/${index}` }));

describe('many operations in one request', () => {
  it('share a transaction by the hundred, their jobs with them', async () => {
    const { bulk, written, enqueued } = rooms(3);

    const report = await bulk.run({ operations: creations(250) });

    expect(report).toMatchObject({ succeeded: 250, refused: 0 });
    expect(written()).toBe(250);
    expect(enqueued).toHaveLength(250);
  });

  it('report what is durable when the database fails on the way, and the rest as refused', async () => {
    const { bulk, written } = rooms(2);

    const { results, succeeded, refused } = await bulk.run({ operations: creations(250) });

    expect({ succeeded, refused, written: written() }).toEqual({ succeeded: 200, refused: 50, written: 200 });
    expect(results.map(({ index }) => index)).toEqual(results.map((_, index) => index));
    expect(results.at(-1)).toEqual({
      index: 249,
      outcome: 'refused',
      error: { code: 'database-unavailable', detail: 'The disk is full.' },
    });
  });

  it('fail as a whole when nothing could be written', async () => {
    const { bulk } = rooms(0);

    await expect(bulk.run({ operations: creations(5) })).rejects.toMatchObject({
      code: 'database-unavailable',
    });
  });

  it('that cannot be read are refused without a transaction', async () => {
    const { bulk } = rooms(0);

    expect(await bulk.run({ operations: [null, 'x', { op: 'create' }] })).toMatchObject({ refused: 3 });
  });
});
