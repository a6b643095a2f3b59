import { isShard, readFileName, shardNumber, type ObjectId } from './object-paths.js';
import { OBJECT_KINDS, type ObjectKind } from './object-store.js';
import { isMissing, systemCode } from './storage-error.js';
import type { StoreParts } from './store-parts.js';

/** What no record names and is older than this was left by a process that is gone. */
const ABANDONED_MS = 3_600_000;

/** Objects looked at together. */
const BATCH = 16;

interface FoundFiles {
  hasRecord: boolean;
  readonly generations: string[];
}

/**
 * The walk over all folders after a start: removes what a killed process left behind, and builds the index.
 * One folder is in memory at a time. What this process writes meanwhile it counts itself.
 */
export class StoreScan {
  private readonly startedAt: number;
  private removed = 0;

  constructor(private readonly parts: StoreParts) {
    this.startedAt = parts.clock.now();
  }

  /** Temporary and orphaned files removed. */
  get swept(): number {
    return this.removed;
  }

  /** Rejects when a folder cannot be read, and with the signal's reason when aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { catalogue, readOnly } = this.parts;
    if (!readOnly) await this.sweepTemporary(signal);
    catalogue.scanBegins();
    for (const kind of OBJECT_KINDS) await this.scanKind(kind, signal);
    catalogue.scanEnded();
  }

  private async sweepTemporary(signal: AbortSignal): Promise<void> {
    const { disk, generations, paths } = this.parts;
    for (const name of await disk.readdir(paths.temporary)) {
      signal.throwIfAborted();
      if (!generations.isOwn(name)) await this.removeAbandoned(paths.temporaryFile(name));
    }
  }

  private async scanKind(kind: ObjectKind, signal: AbortSignal): Promise<void> {
    const top = this.parts.paths.kind(kind);
    for (const outer of await this.shardsIn(top)) {
      for (const inner of await this.shardsIn(`${top}/${outer}`)) {
        signal.throwIfAborted();
        await this.scanShard(kind, `${top}/${outer}/${inner}`);
        if (kind === 'uploads') this.parts.catalogue.countedShard(shardNumber(outer + inner));
      }
    }
  }

  private async shardsIn(path: string): Promise<string[]> {
    return (await this.namesIn(path)).filter(isShard).sort();
  }

  private async scanShard(kind: ObjectKind, path: string): Promise<void> {
    const objects = [...group(await this.namesIn(path))];
    for (let at = 0; at < objects.length; at += BATCH) {
      await Promise.all(
        objects.slice(at, at + BATCH).map(([hash, files]) => this.scanObject({ kind, hash }, files)),
      );
    }
  }

  private async scanObject(id: ObjectId, files: FoundFiles): Promise<void> {
    const named = files.hasRecord ? await this.namedGeneration(id, files.generations) : null;
    for (const generation of files.generations) {
      if (generation === named) await this.note(id, generation);
      else if (!this.parts.readOnly && !this.parts.generations.isOwn(generation)) {
        await this.removeOrphan(id, generation);
      }
    }
  }

  /** Which of the data files the record names. */
  private async namedGeneration(id: ObjectId, generations: readonly string[]): Promise<string | null> {
    // The usual case needs no look into the record; a reader notices when it names another file.
    if (generations.length === 1) return generations[0] ?? null;
    const found = await this.parts.records.read(id);
    return found.state === 'ok' ? found.record.generation : null;
  }

  private async note(id: ObjectId, generation: string): Promise<void> {
    const { catalogue, disk, paths } = this.parts;
    try {
      const stats = await disk.stat(paths.data(id, generation));
      catalogue.found(id, { generation, bytes: stats.size }, stats.mtimeMs);
    } catch (error) {
      // Replaced or removed since the folder was listed.
      if (!isMissing(error)) throw error;
    }
  }

  /**
   * Removes a data file that the record does not name. The listing is only a hint, a folder may change under it:
   * the record is read again while no writer is at it, and one that cannot be read protects all its files.
   */
  private async removeOrphan(id: ObjectId, generation: string): Promise<void> {
    const { locks, paths, records } = this.parts;
    await locks.run(id.hash, async () => {
      const found = await records.read(id);
      const isOrphan =
        found.state === 'missing' || (found.state === 'ok' && found.record.generation !== generation);
      if (isOrphan) await this.removeAbandoned(paths.data(id, generation));
    });
  }

  private async removeAbandoned(path: string): Promise<void> {
    const { clock, disk } = this.parts;
    try {
      const { mtimeMs } = await disk.stat(path);
      if (mtimeMs >= this.startedAt && mtimeMs >= clock.now() - ABANDONED_MS) return;
      await disk.unlink(path);
      this.removed += 1;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  private async namesIn(path: string): Promise<string[]> {
    try {
      return await this.parts.disk.readdir(path);
    } catch (error) {
      // A stray file, or a folder that someone removed.
      if (isMissing(error) || systemCode(error) === 'ENOTDIR') return [];
      throw error;
    }
  }
}

function group(names: readonly string[]): Map<string, FoundFiles> {
  const objects = new Map<string, FoundFiles>();
  for (const name of names) {
    const file = readFileName(name);
    if (file === null) continue;
    const known = objects.get(file.hash) ?? { hasRecord: false, generations: [] };
    objects.set(file.hash, known);
    if (file.generation === null) known.hasRecord = true;
    else known.generations.push(file.generation);
  }
  return objects;
}
