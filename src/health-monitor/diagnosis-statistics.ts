import { Injectable } from '@nestjs/common';
import {
  ByteAccounts,
  HeapInspector,
  type ByteAccountsSnapshot,
  type HeapStatistics,
} from '../process-memory/index.js';
import { ServerCache, type FamilyStats } from '../server-cache/index.js';

/** Families that are named; the rest holds less than each of these. */
const TOP_FAMILIES = 10;

export interface HeapDiagnosisStatistics extends HeapStatistics {
  readonly caches: ByteAccountsSnapshot;
  /** The families of the server cache that hold most bytes, largest first. */
  readonly cacheFamilies: readonly ({ readonly name: string } & FamilyStats)[];
}

/** Who holds what in the heap, as far as it is known without a snapshot. */
@Injectable()
export class DiagnosisStatistics {
  constructor(
    private readonly inspector: HeapInspector,
    private readonly accounts: ByteAccounts,
    private readonly serverCache: ServerCache,
  ) {}

  collect(): HeapDiagnosisStatistics {
    const families = Object.entries(this.serverCache.stats().families);
    return {
      ...this.inspector.statistics(),
      caches: this.accounts.snapshot(),
      cacheFamilies: families
        .map(([name, figures]) => ({ name, ...figures }))
        .sort((a, b) => b.bytes - a.bytes)
        .slice(0, TOP_FAMILIES),
    };
  }
}
