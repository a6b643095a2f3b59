import { Inject, Injectable } from '@nestjs/common';
import { OBJECT_STORE, type ObjectKey, type ObjectStore } from '../../object-storage/index.js';

/** Removes the stored variants of deleted sources. Deletions that come during a walk share the next one. */
@Injectable()
export class VariantPurger {
  private waiting = new Set<ObjectKey>();
  private walk: Promise<void> | undefined;

  constructor(@Inject(OBJECT_STORE) private readonly store: ObjectStore) {}

  /** Resolves when the variants of this source are gone from the store. */
  async purge(source: ObjectKey): Promise<void> {
    this.waiting.add(source);
    const current = this.walk;
    if (current !== undefined) await current.catch(() => undefined);
    if (!this.waiting.has(source)) return this.walk;
    this.walk ??= this.removeWaiting().finally(() => {
      this.walk = undefined;
    });
    return this.walk;
  }

  private async removeWaiting(): Promise<void> {
    const sources = this.waiting;
    this.waiting = new Set();
    for await (const info of this.store.list('variants/')) {
      const source = info.attributes['sourceKey'];
      if (typeof source === 'string' && sources.has(source as ObjectKey)) await this.store.delete(info.key);
    }
  }
}
