import { dirname } from 'node:path';
import type { Disk } from './disk.js';
import type { ObjectPaths } from './object-paths.js';
import { OBJECT_KINDS } from './object-store.js';
import { isMissing, storageUnavailable, toStorageError } from './storage-error.js';

/**
 * The folders under DATA_DIR. Makes them when first needed, and tells an absent object from an absent volume:
 * a folder that was unmounted looks empty, and "not found" would be a lie.
 */
export class StoreRoot {
  private identity: { readonly dev: number; readonly ino: number } | null = null;
  private preparing: Promise<void> | null = null;

  constructor(
    private readonly disk: Disk,
    private readonly paths: ObjectPaths,
    private readonly readOnly: boolean,
  ) {}

  /** Makes what is missing; tried again on every call until it worked. @throws PlimsollError `storage-unavailable`. */
  prepare(): Promise<void> | undefined {
    if (this.identity !== null) return undefined;
    this.preparing ??= this.make().finally(() => {
      this.preparing = null;
    });
    return this.preparing;
  }

  /** @throws PlimsollError `storage-unavailable` when the folder is not the one that this process began with. */
  async assertPresent(): Promise<void> {
    const stats = await this.disk.stat(this.paths.objects).catch((error: unknown) => {
      throw isMissing(error) ? storageUnavailable('its folder is gone', error) : toStorageError(error);
    });
    if (this.identity === null || (stats.dev === this.identity.dev && stats.ino === this.identity.ino))
      return;
    throw storageUnavailable('its folder has been exchanged while the server runs');
  }

  private async make(): Promise<void> {
    const { disk, paths } = this;
    try {
      if (!this.readOnly) {
        for (const kind of OBJECT_KINDS) await disk.mkdirs(paths.kind(kind));
        await disk.mkdirs(paths.temporary);
        await disk.mkdirs(paths.quarantine);
        await disk.syncFolder(paths.objects);
        await disk.syncFolder(paths.root);
        // Above DATA_DIR nothing is ours: a parent that may not be opened is no fault.
        await disk.syncFolder(dirname(paths.root)).catch(() => undefined);
      }
      const { dev, ino } = await disk.stat(paths.objects);
      this.identity = { dev, ino };
    } catch (error) {
      throw toStorageError(error);
    }
  }
}
