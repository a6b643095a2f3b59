import type { Clock } from '../../../clock/index.js';
import type { CompactIndex } from './compact-index.js';

export type MisfitCause = 'budget' | 'documents';

/** How often what did not fit is measured again, ms; each time costs one count of the rows. */
export const FIT_CHECK_MS = 60_000;
/** What did not fit comes back when it would take this share of the budget, or of the documents; without the gap it would come and go. */
const FIT_SHARE = 0.9;
const FIT_DOCUMENTS_SHARE = 0.98;

/** Whether all bookmarks fit into an index within its bounds, as far as earlier ones have shown. */
export class IndexFit {
  /** Of the last index that did not fit; 0 when it was their number. */
  private bytesPerDocument: number | null = null;
  private nextCheckMs = -Infinity;

  /** @param mostDocuments `Infinity` when the bytes alone limit it */
  constructor(
    private readonly clock: Clock,
    private readonly budgetBytes: number,
    readonly mostDocuments: number,
  ) {}

  /** Whether it is time to count the rows again. */
  get isDue(): boolean {
    return this.clock.monotonicMs() >= this.nextCheckMs;
  }

  /** Whether the last index did not fit, and none was begun since. */
  get isRefused(): boolean {
    return this.bytesPerDocument !== null;
  }

  fits(documents: number): boolean {
    if (this.bytesPerDocument === null) return documents <= this.mostDocuments;
    return (
      documents <= FIT_DOCUMENTS_SHARE * this.mostDocuments &&
      documents * this.bytesPerDocument <= FIT_SHARE * this.budgetBytes
    );
  }

  /** What an index has outgrown; `null` when it is within its bounds. */
  outgrown(index: CompactIndex): MisfitCause | null {
    if (index.bytes > this.budgetBytes) return 'budget';
    return index.documents.count > this.mostDocuments ? 'documents' : null;
  }

  /** @param bytes of the index that had so many documents; 0 when none was begun */
  refuse(cause: MisfitCause, documents: number, bytes: number): void {
    this.bytesPerDocument = cause === 'budget' ? bytes / Math.max(1, documents) : 0;
    this.postpone();
  }

  postpone(): void {
    this.nextCheckMs = this.clock.monotonicMs() + FIT_CHECK_MS;
  }

  /** A new index is begun: it will show for itself. */
  begin(): void {
    this.bytesPerDocument = null;
  }
}
