import type { ObjectReader } from './object-reader.js';
import { isShard, readFileName } from './object-paths.js';
import { infoOf } from './object-record.js';
import type { ObjectInfo, ObjectKind } from './object-store.js';
import { isMissing, toStorageError } from './storage-error.js';
import type { StoreParts } from './store-parts.js';

/** Walks the folders of a kind, one shard in memory at a time. What is damaged is dropped and passed over. */
export class ObjectListing {
  constructor(
    private readonly parts: StoreParts,
    private readonly reader: ObjectReader,
  ) {}

  /** @throws PlimsollError `storage-unavailable`, from the step that met it. */
  async *list(kind: ObjectKind): AsyncGenerator<ObjectInfo, void, undefined> {
    const top = this.parts.paths.kind(kind);
    try {
      await this.parts.root.prepare();
      for (const outer of await this.shardsIn(top)) {
        for (const inner of await this.shardsIn(`${top}/${outer}`))
          yield* this.shard(kind, `${top}/${outer}/${inner}`);
      }
    } catch (error) {
      throw toStorageError(error);
    }
  }

  private async *shard(kind: ObjectKind, path: string): AsyncGenerator<ObjectInfo, void, undefined> {
    for (const name of await this.namesIn(path)) {
      const file = readFileName(name);
      if (file?.generation !== null) continue;
      const record = await this.reader.find({ kind, hash: file.hash });
      if (record !== null) yield infoOf(record);
    }
  }

  private async shardsIn(path: string): Promise<string[]> {
    return (await this.namesIn(path)).filter(isShard);
  }

  private async namesIn(path: string): Promise<string[]> {
    try {
      return await this.parts.disk.readdir(path);
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.parts.root.assertPresent();
      return [];
    }
  }
}
