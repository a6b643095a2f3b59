import { EvictionOrder } from './eviction-order.js';
import { MAX_INDEXED_BYTES, type IndexEntry, type ObjectIndex } from './object-index.js';

/** Objects removed at once; the next batch starts when this one is done. */
const BATCH = 32;

export interface Evictor {
  /** Whether nobody writes or holds the object now. */
  mayEvict(entry: IndexEntry): boolean;
  /** Removes the object's files. `false` when it is no longer what the entry says. */
  evict(entry: IndexEntry): Promise<boolean>;
  /** Objects that `mayEvict` refuses at the moment, at most. */
  readonly busy: number;
}

/**
 * The bound of what can be made again. Room is made before the bytes are written: what is indexed, what is
 * being written and what still waits for its removal never pass the bound together, once the start-up scan
 * has ended. The bound counts payload; a file system adds up to two blocks an object.
 */
export class StoreSpace {
  private readonly order: EvictionOrder;
  private reservedBytes = 0;
  private reservedCount = 0;
  private lingeringBytes = 0;
  private running: Promise<boolean> | null = null;
  private evicted = 0;

  constructor(
    readonly budgetBytes: number,
    private readonly index: ObjectIndex,
    private readonly evictor: Evictor,
  ) {
    this.order = new EvictionOrder(index);
  }

  get evictions(): number {
    return this.evicted;
  }

  /** All that counts against the bound now. */
  get usedBytes(): number {
    return this.index.bytes + this.reservedBytes + this.lingeringBytes;
  }

  /**
   * Evicts until `bytes` more fit and holds them for the caller, who calls `release` once the object is
   * indexed or has failed. `null` when no room can be made. Rejects when the disk fails.
   */
  async reserve(bytes: number): Promise<{ release(): void } | null> {
    if (bytes > this.budgetBytes || bytes > MAX_INDEXED_BYTES || this.index.maxCount < 1) return null;
    while (!this.fits(bytes)) {
      if (!(await this.evictBatch(bytes))) return null;
    }
    this.reservedBytes += bytes;
    this.reservedCount += 1;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.reservedBytes -= bytes;
        this.reservedCount -= 1;
      },
    };
  }

  /** Evicts what is over the bound: after the scan, or when the index is full. */
  async trim(): Promise<void> {
    while (!this.fits(0)) {
      if (!(await this.evictBatch(0))) return;
    }
  }

  /** The scan has brought older entries. */
  reorder(): void {
    this.order.reset();
  }

  /** Bytes of a file that is no longer indexed and not yet removed. */
  linger(bytes: number): () => void {
    this.lingeringBytes += bytes;
    let lingers = true;
    return () => {
      if (lingers) this.lingeringBytes -= bytes;
      lingers = false;
    };
  }

  private fits(bytes: number): boolean {
    const more = bytes > 0 ? 1 : 0;
    return (
      this.usedBytes + bytes <= this.budgetBytes &&
      this.index.count + this.reservedCount + more <= this.index.maxCount
    );
  }

  /** One batch at a time; whoever comes meanwhile waits for it. Resolves to whether anything went. */
  private evictBatch(bytes: number): Promise<boolean> {
    this.running ??= this.runBatch(bytes).finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async runBatch(bytes: number): Promise<boolean> {
    const { evictor, index } = this;
    const victims: IndexEntry[] = [];
    let excessBytes = this.usedBytes + bytes - this.budgetBytes;
    let excessCount = index.count + this.reservedCount + 1 - index.maxCount;
    while (victims.length < BATCH && (excessBytes > 0 || excessCount > 0)) {
      const [victim] = this.order.next(1, evictor.busy + victims.length, (entry) => evictor.mayEvict(entry));
      if (victim === undefined) break;
      victims.push(victim);
      excessBytes -= victim.bytes;
      excessCount -= 1;
    }
    const results = await Promise.allSettled(victims.map((victim) => evictor.evict(victim)));
    const failed = results.find((result) => result.status === 'rejected');
    const gone = results.filter((result) => result.status === 'fulfilled' && result.value).length;
    this.evicted += gone;
    if (gone === 0 && failed !== undefined) throw failed.reason;
    // A batch that met only changed entries is not the end: the next one meets others.
    return victims.length > 0;
  }
}
