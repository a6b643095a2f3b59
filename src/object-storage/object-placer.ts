import { shardNumber, type ObjectName } from './object-paths.js';
import type { ObjectRecord } from './object-record.js';
import { OBJECT_KINDS } from './object-store.js';
import { isMissing, storageUnavailable, systemCode } from './storage-error.js';
import type { StoreParts } from './store-parts.js';

const SHARDS = 65_536;

/**
 * Brings an object's two files to their place. The data file has a name of its own, so it is written where it
 * stays; the record is written aside and renamed, which commits. A failure leaves neither behind.
 */
export class ObjectPlacer {
  /** One bit a kind: the folders above this shard are on disk for good. */
  private readonly synced = new Uint8Array(SHARDS);

  constructor(private readonly parts: StoreParts) {}

  /** Writes bytes and record side by side (one waits for the disk while the other does), then commits. */
  async putBytes(name: ObjectName, record: ObjectRecord, bytes: Uint8Array, durable: boolean): Promise<void> {
    const { paths, records } = this.parts;
    const path = paths.data(name, record.generation);
    const [data, facts] = await Promise.allSettled([
      this.create(name, path).then((fd) => records.writeFile(path, fd, bytes, durable)),
      records.writeTemporary(record, durable),
    ]);
    try {
      if (data.status === 'rejected') throw data.reason;
      if (facts.status === 'rejected') throw facts.reason;
      await this.commit(name, facts.value);
    } catch (error) {
      if (data.status === 'fulfilled') await this.tryUnlink(path);
      if (facts.status === 'fulfilled') await this.tryUnlink(facts.value);
      throw error;
    }
  }

  /** Moves a finished spool into place and commits; on a failure the spool lies where it was. */
  async moveSpool(
    name: ObjectName,
    record: ObjectRecord,
    from: string,
    fd: number,
    durable: boolean,
  ): Promise<void> {
    const { disk, paths, records } = this.parts;
    const to = paths.data(name, record.generation);
    if (durable) await disk.sync(fd);
    const facts = await records.writeTemporary(record, durable);
    let moved = false;
    try {
      await this.inShard(name, () => disk.rename(from, to));
      moved = true;
      await this.commit(name, facts);
    } catch (error) {
      if (moved) await disk.rename(to, from).catch(() => undefined);
      await this.tryUnlink(facts);
      throw error;
    }
  }

  /** Puts a new record in the place of the old one, for the same bytes. */
  async replaceRecord(name: ObjectName, record: ObjectRecord, durable: boolean): Promise<void> {
    const facts = await this.parts.records.writeTemporary(record, durable);
    try {
      await this.commit(name, facts);
    } catch (error) {
      await this.tryUnlink(facts);
      throw error;
    }
  }

  /** The entries of this object are on disk when it resolves; the folders above are synced once a process. */
  async syncFolders(name: ObjectName): Promise<void> {
    const { disk, paths } = this.parts;
    const [outer, inner] = paths.shards(name);
    await disk.syncFolder(inner);
    const shard = shardNumber(name.hash);
    const bit = 1 << OBJECT_KINDS.indexOf(name.kind);
    if (((this.synced[shard] ?? 0) & bit) !== 0) return;
    await disk.syncFolder(outer);
    await disk.syncFolder(paths.kind(name.kind));
    this.synced[shard] = (this.synced[shard] ?? 0) | bit;
  }

  private commit(name: ObjectName, facts: string): Promise<void> {
    return this.parts.disk.rename(facts, this.parts.paths.record(name));
  }

  private create(name: ObjectName, path: string): Promise<number> {
    return this.inShard(name, () => this.parts.disk.open(path, 'wx'));
  }

  /** Runs `act`, and once more after making the shard's folders when they are missing: no look beforehand. */
  private async inShard<T>(name: ObjectName, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    await this.makeShard(name);
    return act();
  }

  /** Only the two shard levels, the inner first: a missing folder above them means that the volume is gone. */
  private async makeShard(name: ObjectName): Promise<void> {
    const [outer, inner] = this.parts.paths.shards(name);
    if (await this.makeFolder(inner)) return;
    if (!(await this.makeFolder(outer)) || !(await this.makeFolder(inner))) {
      throw storageUnavailable('its folder is gone');
    }
  }

  /** Whether it is there now; `false` when its parent is not. */
  private async makeFolder(path: string): Promise<boolean> {
    try {
      await this.parts.disk.mkdir(path);
      return true;
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return true;
      if (isMissing(error)) return false;
      throw error;
    }
  }

  private async tryUnlink(path: string): Promise<void> {
    // What cannot be removed now is swept at the next start.
    await this.parts.disk.unlink(path).catch(() => undefined);
  }
}
