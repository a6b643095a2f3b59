import type { SkipReason } from '../readers/import-entry.js';

/** What became of the items of a file; reasons of what was skipped stand as `skipped.<reason>`. */
export type ImportCounts = Readonly<Record<string, number>>;

export type CountName =
  | 'created'
  | 'merged'
  | 'unchanged'
  | 'skipped'
  | 'failed'
  | 'cut'
  | `skipped.${SkipReason}`
  | 'new'
  | 'known';

export const NO_COUNTS: ImportCounts = { created: 0, merged: 0, unchanged: 0, skipped: 0, failed: 0 };

/** Adds up without touching what it began with: a transaction that is tried again counts once. */
export class Tally {
  private readonly counts: Record<string, number>;

  constructor(before: ImportCounts) {
    this.counts = { ...before };
  }

  add(name: CountName): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }

  skip(reason: SkipReason): void {
    this.add('skipped');
    this.add(`skipped.${reason}`);
  }

  toCounts(): ImportCounts {
    return { ...this.counts };
  }
}
