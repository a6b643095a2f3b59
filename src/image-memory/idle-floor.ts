/** A minimum older than one to two of these is forgotten: what a process holds at rest changes with time. */
const BUCKET_MS = 300_000;

/**
 * What the process holds when it does nothing and caches nothing, bytes: the least of RSS minus cache bytes seen
 * while nothing was reserved, over the last 5 to 10 minutes. Before any such moment it is the first reading; after a
 * long time without one, the last known.
 */
export class IdleFloor {
  private current: { readonly startedMs: number; leastBytes: number } | null = null;
  private previousBytes = Infinity;
  private knownBytes = 0;

  get bytes(): number {
    return this.knownBytes;
  }

  /** A reading taken while nothing was reserved. */
  observe(rssBytes: number, cacheBytes: number, nowMs: number): void {
    if (!(rssBytes > 0)) return;
    const restBytes = Math.max(0, rssBytes - cacheBytes);
    if (this.current === null || nowMs - this.current.startedMs >= BUCKET_MS) {
      this.previousBytes = this.current?.leastBytes ?? Infinity;
      this.current = { startedMs: nowMs, leastBytes: restBytes };
    }
    this.current.leastBytes = Math.min(this.current.leastBytes, restBytes);
    this.knownBytes = Math.min(this.current.leastBytes, this.previousBytes);
  }
}
