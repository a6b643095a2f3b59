import { sha256Of } from './checksum.js';
import type { DamagedObjects } from './damaged-objects.js';
import type { FileSpool } from './file-spool.js';
import { ObjectPlacer } from './object-placer.js';
import { isEvictable, type IndexEntry } from './object-index.js';
import type { ObjectId, ObjectName } from './object-paths.js';
import { checkFacts, freezeRecord, infoOf, type ObjectRecord } from './object-record.js';
import type { ObjectInfo, PutOptions, WriteResult } from './object-store.js';
import { isMissing, storageUnavailable } from './storage-error.js';
import type { DataFile } from './store-catalogue.js';
import type { StoreParts } from './store-parts.js';
import { StoreSpace, type Evictor } from './store-space.js';

const NO_ATTRIBUTES: ObjectInfo['attributes'] = {};

/**
 * Everything that changes the store. One writer per key at a time; the rename of the record is the moment at
 * which the new bytes take the place of the old, whose file goes afterwards.
 */
export class ObjectWriter implements Evictor {
  readonly space: StoreSpace;
  private readonly placer: ObjectPlacer;
  private refused = 0;

  constructor(
    private readonly parts: StoreParts,
    private readonly damaged: DamagedObjects,
    budgetBytes: number,
  ) {
    this.space = new StoreSpace(budgetBytes, parts.catalogue.index, this);
    this.placer = new ObjectPlacer(parts);
  }

  /** Writes that found no room. */
  get notStored(): number {
    return this.refused;
  }

  async put(name: ObjectName, bytes: Uint8Array, options: PutOptions): Promise<WriteResult> {
    const { contentType, attributes, durable = false } = options;
    checkFacts(contentType, attributes);
    const sha256 = await sha256Of(bytes);
    const generation = this.parts.generations.next();
    const record = this.recordOf(name, generation, bytes.byteLength, sha256, contentType, attributes);
    const stored = await this.store(name, record, durable, () =>
      this.placer.putBytes(name, record, bytes, durable),
    );
    return { ...infoOf(record), stored };
  }

  async commit(name: ObjectName, spool: FileSpool, options: PutOptions): Promise<WriteResult> {
    const { contentType, attributes, durable = false } = options;
    checkFacts(contentType, attributes);
    const { bytes, generation, sha256 } = spool;
    const record = this.recordOf(name, generation, bytes, sha256, contentType, attributes);
    const stored = await spool.commit((fd) =>
      this.store(name, record, durable, () => this.placer.moveSpool(name, record, spool.path, fd, durable)),
    );
    return { ...infoOf(record), stored };
  }

  /** `null` when there is no such object; `'damaged'` when its record cannot be read. */
  async setAttributes(
    name: ObjectName,
    attributes: ObjectInfo['attributes'],
  ): Promise<ObjectInfo | null | 'damaged'> {
    checkFacts('', attributes);
    const { catalogue, locks, records, root } = this.parts;
    return locks.run(name.hash, async () => {
      const found = await records.read(name);
      if (found.state === 'missing') {
        await root.assertPresent();
        return null;
      }
      if (found.state !== 'ok') return 'damaged';
      const record = freezeRecord({ ...found.record, attributes });
      const durable = name.kind === 'uploads';
      await this.placer.replaceRecord(name, record, durable);
      catalogue.records.set(name.hash, record);
      if (durable) await this.placer.syncFolders(name);
      return infoOf(record);
    });
  }

  async delete(name: ObjectName): Promise<boolean> {
    const { catalogue, disk, locks, paths, records, root } = this.parts;
    return locks.run(name.hash, async () => {
      if ((await records.read(name)).state === 'missing') {
        await root.assertPresent();
        catalogue.removed(name, []);
        return false;
      }
      const files = await this.damaged.dataFiles(name);
      await disk.unlink(paths.record(name));
      catalogue.removed(name, files);
      await this.placer.syncFolders(name);
      await this.removeAll(name, files);
      return true;
    });
  }

  get busy(): number {
    return this.parts.pins.size + this.parts.locks.size;
  }

  mayEvict(entry: IndexEntry): boolean {
    return !this.parts.pins.isPinned(entry.generation) && !this.parts.locks.isHeld(entry.hash);
  }

  evict(entry: IndexEntry): Promise<boolean> {
    const { catalogue, disk, locks, paths } = this.parts;
    return locks.run(entry.hash, async () => {
      if (catalogue.index.get(entry.hash)?.generation !== entry.generation) return false;
      const gone = this.space.linger(entry.bytes);
      catalogue.removed(entry, []);
      try {
        await disk.unlink(paths.record(entry)).catch(ignoreMissing);
      } catch (error) {
        catalogue.index.set(entry, entry.generation, entry.bytes, entry.lastUse);
        gone();
        throw error;
      }
      // Once more: a reader may have filled the cache while the record was still there.
      catalogue.records.delete(entry.hash);
      gone();
      await this.removeAll(entry, [entry]);
      return true;
    });
  }

  /** Makes room, then `place`s under the key's lock, then removes what was there. `false`: no room, nothing done. */
  private async store(
    name: ObjectName,
    record: ObjectRecord,
    durable: boolean,
    place: () => Promise<void>,
  ): Promise<boolean> {
    const { catalogue, locks } = this.parts;
    const room = isEvictable(name.kind) ? await this.space.reserve(record.bytes) : NO_ROOM_NEEDED;
    if (room === null) {
      this.refused += 1;
      return false;
    }
    try {
      await locks.run(name.hash, async () => {
        const old = await this.replacedBy(name);
        await place();
        // From here on there is no way back: readers find the new bytes.
        const lingers = isEvictable(name.kind) ? old.map((file) => this.space.linger(file.bytes)) : [];
        catalogue.published(name, record, old);
        room.release();
        if (durable) await this.placer.syncFolders(name);
        for (const gone of lingers) gone();
        await this.removeAll(name, old);
      });
    } finally {
      room.release();
    }
    return true;
  }

  /** The data files that a write will replace, without a look at the disk where the index knows. */
  private async replacedBy(name: ObjectName): Promise<readonly DataFile[]> {
    const { catalogue, records } = this.parts;
    const indexed = catalogue.index.get(name.hash);
    if (indexed !== null) return [indexed];
    if (catalogue.knownMissing(name)) return [];
    const cached = catalogue.records.get(name.hash);
    if (cached !== undefined) return [cached];
    const found = await records.read(name);
    switch (found.state) {
      case 'ok':
        return [found.record];
      case 'missing':
        return [];
      case 'newer':
        if (name.kind === 'uploads')
          throw storageUnavailable('an upload was written by a newer version of the server');
        return this.damaged.dataFiles(name);
      case 'corrupt':
        return this.damaged.dataFiles(name);
    }
  }

  /** Removes data files that no record names any more; those that someone holds go when they are let go. */
  private async removeAll(id: ObjectId, files: readonly DataFile[]): Promise<void> {
    const { background, disk, logger, paths, pins } = this.parts;
    for (const file of files) {
      const gone = isEvictable(id.kind) ? this.space.linger(file.bytes) : () => undefined;
      const remove = async (): Promise<void> => {
        await disk.unlink(paths.data(id, file.generation)).catch(ignoreMissing);
        gone();
      };
      if (pins.defer(file.generation, () => background.add('Removing a replaced file', remove()))) continue;
      // The write itself has succeeded; what stays behind is swept at the next start, and counted until then.
      await remove().catch((error: Error) =>
        logger.warn(`A replaced file could not be removed: ${error.message}`),
      );
    }
  }

  private recordOf(
    name: ObjectName,
    generation: string,
    bytes: number,
    sha256: string,
    contentType: string,
    attributes = NO_ATTRIBUTES,
  ): ObjectRecord {
    const createdAt = this.parts.clock.now();
    return freezeRecord({ key: name.key, generation, bytes, sha256, contentType, createdAt, attributes });
  }
}

const NO_ROOM_NEEDED = { release: (): void => undefined };

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
