import { Inject, Injectable } from '@nestjs/common';
import { SearchService } from '../bookmarks/index.js';
import { PlimsollError } from '../errors/index.js';
import { ImageMemoryManager } from '../image-memory/index.js';
import { HitTable } from '../images/index.js';
import { OBJECT_STORE, type ObjectStore } from '../object-storage/index.js';
import { ByteAccounts } from '../process-memory/index.js';
import { ServerCache } from '../server-cache/index.js';

/** Bytes given up, by the part that gave them up. */
export type FreedBytes = Readonly<Record<string, number>>;

/** Shows and empties the caches of all rooms. Emptying touches no work in flight: it ends as if nothing had happened. */
@Injectable()
export class AdminCaches {
  /** What each name empties. Prepared answers are of no use without their images and go with them. */
  private readonly flushes = new Map<string, () => FreedBytes>([
    ['image', () => ({ hits: this.clearHits(), image: this.imageMemory.clear() })],
    ['server', () => ({ server: this.serverCache.clear('admin') })],
    ['search', () => ({ search: this.search.flush() })],
  ]);

  constructor(
    private readonly accounts: ByteAccounts,
    private readonly imageMemory: ImageMemoryManager,
    private readonly serverCache: ServerCache,
    private readonly hits: HitTable,
    private readonly search: SearchService,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {
    if (store.forgetRecords !== undefined) {
      this.flushes.set('existence', () => ({ existence: store.forgetRecords?.() ?? 0 }));
    }
  }

  /** Sizes and counts; a plain read. */
  overview(): object {
    return {
      accounts: this.accounts.snapshot(),
      image: this.imageMemory.snapshot().cache,
      server: this.serverCache.stats(),
      hits: this.hits.snapshot(),
      store: this.store.snapshot(),
      search: this.search.snapshot(),
    };
  }

  /** Empties the cache of this name, or `all`. @throws PlimsollError `invalid-parameter` for a name that is none. */
  clear(name: string): FreedBytes {
    if (name === 'all') return Object.assign({}, ...[...this.flushes.values()].map((flush) => flush()));
    const flush = this.flushes.get(name);
    if (flush === undefined) {
      const names = [...this.flushes.keys(), 'all'].join(', ');
      throw new PlimsollError('invalid-parameter', `There is no cache of this name; there are: ${names}.`);
    }
    return flush();
  }

  private clearHits(): number {
    const { usedBytes } = this.hits.snapshot();
    this.hits.clear();
    return usedBytes;
  }
}
