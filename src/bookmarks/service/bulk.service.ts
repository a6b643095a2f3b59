import { setImmediate as nextTurn } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/index.js';
import { isPlimsollError, type ErrorCode, PlimsollError } from '../../errors/index.js';
import { JOB_QUEUE, type JobQueue, type NewJob } from '../../jobs/index.js';
import { enrichmentJobFor } from '../enrichment/enrichment-job.js';
import { LIMITS, type Bookmark } from '../model/bookmark.js';
import {
  BOOKMARK_STORE,
  type BookmarkStore,
  type StoreWrite,
  type WriteOutcome,
} from '../model/bookmark-store.js';
import { distinctTags, tagKey } from '../normalise/tag-name.js';
import { changeOf, draftOf } from './bookmark-changes.js';
import { BULK_OPERATION, type BulkOperation, type BulkRequest } from './bookmark-input.js';
import { BookmarksService } from './bookmarks.service.js';
import { invalidBody } from './invalid-body.js';
import { preconditionOf, revisionTag } from './revision-tag.js';

/** Operations of one transaction; on SQLite nobody else writes meanwhile (measured: the loop stands for 16 ms at most). */
const CHUNK = 100;

/** What became of one operation. */
export interface BulkResult {
  /** Place of the operation in the request, from 0. */
  readonly index: number;
  readonly outcome: 'created' | 'existing' | 'updated' | 'unchanged' | 'deleted' | 'refused';
  readonly id?: string;
  /** Revision after the operation; absent when it was deleted. */
  readonly etag?: string;
  readonly error?: { readonly code: ErrorCode; readonly detail: string };
}

export interface BulkReport {
  readonly results: readonly BulkResult[];
  readonly succeeded: number;
  readonly refused: number;
}

interface Planned {
  readonly index: number;
  readonly write: StoreWrite;
  /** Told by the write itself, which may run again after a conflict. */
  enrich: boolean;
}

/** Many operations in one request: each has its own outcome, a hundred share a transaction. */
@Injectable()
export class BulkService {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    @Inject(JOB_QUEUE) private readonly jobs: JobQueue,
    private readonly bookmarks: BookmarksService,
  ) {}

  /**
   * Runs the operations in their order. What is reported as done is durable; when the database fails on the way, the
   * rest is reported as refused, for the client to send again.
   *
   * @throws PlimsollError `read-only`; `database-unavailable` when nothing at all was done
   */
  async run({ operations }: BulkRequest): Promise<BulkReport> {
    this.bookmarks.assertWritable();
    const results: BulkResult[] = [];
    for (let start = 0; start < operations.length; start += CHUNK) {
      const chunk = operations.slice(start, start + CHUNK);
      try {
        results.push(...(await this.runChunk(chunk, start)));
      } catch (error) {
        if (start === 0 || !isPlimsollError(error)) throw error;
        results.push(...operations.slice(start).map((_, offset) => refused(start + offset, error)));
        break;
      }
      await nextTurn();
    }
    const refusals = results.filter(({ outcome }) => outcome === 'refused').length;
    return { results, succeeded: results.length - refusals, refused: refusals };
  }

  private async runChunk(chunk: readonly unknown[], start: number): Promise<BulkResult[]> {
    const results: BulkResult[] = [];
    const planned: Planned[] = [];
    for (const [offset, raw] of chunk.entries()) {
      try {
        planned.push(plan(parse(raw), start + offset));
      } catch (error) {
        if (!isPlimsollError(error)) throw error;
        results.push(refused(start + offset, error));
      }
    }
    if (planned.length > 0) {
      const outcomes = await this.store.applyAll(
        planned.map(({ write }) => write),
        async (queries, done) => {
          const jobs = this.jobsFor(planned, done);
          if (jobs.length > 0) await this.jobs.enqueueAll(jobs, queries);
        },
      );
      results.push(
        ...planned.map(({ index }, position) => resultOf(index, outcomes[position] as WriteOutcome)),
      );
    }
    return results.sort((one, other) => one.index - other.index);
  }

  private jobsFor(planned: readonly Planned[], outcomes: readonly WriteOutcome[]): NewJob[] {
    return outcomes.flatMap((done, position) => {
      const isNew = done.outcome === 'created';
      const isMoved = done.outcome === 'updated' && planned[position]?.enrich === true;
      const job = isNew || isMoved ? enrichmentJobFor(done.bookmark, this.settings) : null;
      return job === null ? [] : [job];
    });
  }
}

/** @throws PlimsollError `invalid-body` with the sentences of this operation alone */
function parse(raw: unknown): BulkOperation {
  const parsed = BULK_OPERATION.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw invalidBody(parsed.error.issues);
}

/** @throws PlimsollError `invalid-bookmark-url`, `invalid-parameter` */
function plan(operation: BulkOperation, index: number): Planned {
  if (operation.op === 'create')
    return { index, enrich: false, write: { kind: 'insert', draft: draftOf(operation), rule: 'keep' } };
  if (operation.op === 'delete') {
    const check = preconditionOf(operation.ifMatch);
    return {
      index,
      enrich: false,
      write: { kind: 'remove', id: operation.id, ...(check === undefined ? {} : { check }) },
    };
  }
  const precondition = operation.op === 'update' ? preconditionOf(operation.ifMatch) : undefined;
  const planned: Planned = {
    index,
    enrich: false,
    write: {
      kind: 'update',
      id: operation.id,
      change: (current) => {
        precondition?.(current);
        const { change, enrich } = changeOf(current, patchOf(operation, current));
        planned.enrich = enrich;
        return change;
      },
    },
  };
  return planned;
}

type Change = Exclude<BulkOperation, { op: 'create' | 'delete' }>;

function patchOf(operation: Change, current: Bookmark): Parameters<typeof changeOf>[1] {
  switch (operation.op) {
    case 'update':
      return operation;
    case 'addTags':
      return { tags: [...united(current.tags, operation.tags)] };
    case 'removeTags': {
      const gone = new Set(operation.tags.map(tagKey));
      return { tags: current.tags.filter((name) => !gone.has(tagKey(name))) };
    }
    case 'archive':
    case 'unarchive':
      return { archived: operation.op === 'archive' };
    case 'favourite':
    case 'unfavourite':
      return { favourite: operation.op === 'favourite' };
  }
}

/** @throws PlimsollError `invalid-body` above the most tags that a bookmark has */
function united(tags: readonly string[], more: readonly string[]): readonly string[] {
  const all = distinctTags([...tags, ...more]);
  if (all.length <= LIMITS.tags) return all;
  throw new PlimsollError('invalid-body', `A bookmark must not have more than ${LIMITS.tags} tags.`);
}

function resultOf(index: number, done: WriteOutcome): BulkResult {
  if (done.outcome === 'refused') return refused(index, done.error);
  if (done.outcome === 'removed') return { index, outcome: 'deleted', id: done.bookmark.id };
  const outcome = done.outcome === 'merged' ? 'updated' : done.outcome;
  return { index, outcome, id: done.bookmark.id, etag: revisionTag(done.bookmark) };
}

const refused = (index: number, { code, message }: PlimsollError): BulkResult => ({
  index,
  outcome: 'refused',
  error: { code, detail: message },
});
