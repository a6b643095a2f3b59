import { setImmediate as nextTurn } from 'node:timers/promises';
import { AbortedError } from '../../../errors/index.js';
import type { BookmarkStore } from '../../model/bookmark-store.js';
import type { ByteChunks, ImportFormat, ImportProblem } from '../readers/import-entry.js';
import { peekHead, readImport, recogniseImport } from '../readers/read-import.js';
import type { FormatHints } from '../readers/detect-format.js';
import { draftOf, isProblem } from './draft-of.js';
import { NO_COUNTS, Tally, type ImportCounts } from './import-counts.js';
import type { ImportOptions } from './import-options.js';

/** Problems that the answer names; the rest is counted. */
const SHOWN_PROBLEMS = 100;
/** Lookups between two turns of the loop: 100 of about 0.1 ms. */
const LOOKUPS_PER_TURN = 100;

export interface DryRunReport {
  readonly dryRun: true;
  readonly format: ImportFormat;
  /** `new` and `known` instead of `created` and `merged`; a URL that stands twice in the file counts twice. */
  readonly counts: ImportCounts;
  readonly problems: readonly Omit<ImportProblem, 'kind'>[];
}

/** Reads a stream to its end and says what an import of it would do; writes nothing. */
export async function dryRun(
  stream: ByteChunks,
  hints: () => FormatHints,
  options: ImportOptions,
  parts: {
    readonly store: Pick<BookmarkStore, 'findByUrl'>;
    readonly now: number;
    readonly signal: AbortSignal;
  },
): Promise<DryRunReport> {
  const { head, chunks } = await peekHead(stream);
  const kind = recogniseImport(head, hints(), options.format);
  const { created: _created, merged: _merged, unchanged: _unchanged, ...none } = NO_COUNTS;
  const tally = new Tally({ new: 0, known: 0, ...none });
  const problems: Omit<ImportProblem, 'kind'>[] = [];
  let lookups = 0;
  for await (const item of readImport(chunks, kind, { now: parts.now })) {
    if (parts.signal.aborted) throw new AbortedError();
    const found = item.kind === 'entry' ? draftOf(item, options) : item;
    if (isProblem(found)) {
      const { kind: _kind, ...problem } = found;
      tally.skip(found.reason);
      if (problems.length < SHOWN_PROBLEMS) problems.push(problem);
      continue;
    }
    if (item.kind === 'entry' && item.cut !== undefined) tally.add('cut');
    tally.add((await parts.store.findByUrl(found.normalisedUrl)) === null ? 'new' : 'known');
    lookups += 1;
    if (lookups % LOOKUPS_PER_TURN === 0) await nextTurn();
  }
  return { dryRun: true, format: kind.format, counts: tally.toCounts(), problems };
}
