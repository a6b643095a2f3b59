/** Which cache keys were made from which source: several to one. Holds no empty sets. */
export class SourceIndex {
  private readonly keys = new Map<string, Set<string>>();
  private count = 0;

  /** Pairs of source and key. */
  get size(): number {
    return this.count;
  }

  add(sourceKey: string, key: string): void {
    let keys = this.keys.get(sourceKey);
    if (keys === undefined) this.keys.set(sourceKey, (keys = new Set()));
    if (keys.has(key)) return;
    keys.add(key);
    this.count += 1;
  }

  remove(sourceKey: string, key: string): void {
    const keys = this.keys.get(sourceKey);
    if (keys?.delete(key) !== true) return;
    this.count -= 1;
    if (keys.size === 0) this.keys.delete(sourceKey);
  }

  /** A copy, so that the caller may remove while it walks. */
  keysOf(sourceKey: string): readonly string[] {
    return [...(this.keys.get(sourceKey) ?? [])];
  }
}
