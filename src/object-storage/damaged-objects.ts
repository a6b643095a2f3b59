import { readFileName, type ObjectId } from './object-paths.js';
import { isMissing, storageUnavailable } from './storage-error.js';
import type { DataFile } from './store-catalogue.js';
import type { StoreParts } from './store-parts.js';

export type Damage =
  'unreadable record' | 'record of a newer version' | 'missing data' | 'wrong length' | 'wrong checksum';

/**
 * Takes damaged objects out of the store. What can be made again is removed; an upload was acknowledged to
 * someone, so its remains move to `quarantine/`, where an operator may still rescue a picture with one bad bit.
 */
export class DamagedObjects {
  private count = 0;

  constructor(private readonly parts: StoreParts) {}

  get dropped(): number {
    return this.count;
  }

  /**
   * Drops the object unless a writer has replaced it meanwhile. `generation` is the damaged one, `null` when
   * the record itself is unreadable. `false` when the object is another by now, or gone.
   *
   * @throws PlimsollError `storage-unavailable` when it is an upload whose record a newer version wrote.
   */
  async drop(id: ObjectId, generation: string | null, damage: Damage): Promise<boolean> {
    if (damage === 'record of a newer version' && id.kind === 'uploads') {
      throw storageUnavailable('an upload was written by a newer version of the server');
    }
    return this.parts.locks.run(id.hash, () => this.dropLocked(id, generation, damage));
  }

  /** Every data file that lies there for the object, whatever its record says. */
  async dataFiles(id: ObjectId): Promise<DataFile[]> {
    const { disk, paths } = this.parts;
    const files: DataFile[] = [];
    for (const entry of await disk.readdir(paths.shards(id)[1])) {
      const file = readFileName(entry);
      if (file === null || file.hash !== id.hash || file.generation === null) continue;
      const stats = await disk.stat(paths.data(id, file.generation));
      files.push({ generation: file.generation, bytes: stats.size });
    }
    return files;
  }

  private async dropLocked(id: ObjectId, generation: string | null, damage: Damage): Promise<boolean> {
    const { catalogue, logger, paths, readOnly, records } = this.parts;
    const found = await records.read(id);
    if (found.state === 'missing') return false;
    if (found.state === 'ok' && found.record.generation !== generation) return false;
    this.count += 1;
    const name = `${id.kind}/${id.hash.slice(0, 8)}…`;
    logger.error(
      `Dropped a damaged object (${damage}): ${name}` +
        (readOnly
          ? ', left on disk because READ_ONLY is on.'
          : id.kind === 'uploads'
            ? ', kept in quarantine.'
            : '.'),
    );
    if (readOnly) {
      catalogue.removed(id, []);
      return true;
    }
    const files = await this.dataFiles(id);
    await this.take(id, paths.record(id), `${id.hash}.json`);
    catalogue.removed(id, files);
    for (const file of files) await this.takeData(id, file);
    return true;
  }

  private async takeData(id: ObjectId, file: DataFile): Promise<void> {
    const { background, paths, pins } = this.parts;
    const take = (): Promise<void> =>
      this.take(id, paths.data(id, file.generation), `${id.hash}.${file.generation}`);
    const waits = pins.defer(file.generation, () => background.add('Removing a damaged file', take()));
    if (!waits) await take();
  }

  private async take(id: ObjectId, path: string, name: string): Promise<void> {
    const { disk, paths } = this.parts;
    try {
      if (id.kind === 'uploads') await disk.rename(path, `${paths.quarantine}/${name}`);
      else await disk.unlink(path);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}
