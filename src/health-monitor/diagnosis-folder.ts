import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { PlimsollError } from '../errors/index.js';

/** A snapshot holds all that the process holds, tokens included. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** Files of each kind that stay; a snapshot is larger than the heap (chosen: leaks are found by comparing two or three). */
const KEPT = 3;

const PART = '.part';

export type DiagnosisKind = 'heapsnapshot' | 'json';

/** `name` is the file's name in the folder `diagnosis` of DATA_DIR. */
export interface DiagnosisFile {
  readonly name: string;
  readonly bytes: number;
}

/** Where diagnoses are left for the operator: `DATA_DIR/diagnosis`, for the owner only, the last three of each kind. */
@Injectable()
export class DiagnosisFolder {
  private readonly path: string;
  private readonly readOnly: boolean;

  constructor(@Inject(SETTINGS) settings: Settings) {
    this.path = resolve(settings.values.DATA_DIR, 'diagnosis');
    this.readOnly = settings.values.READ_ONLY;
  }

  /** Makes the folder. @throws PlimsollError `read-only`, `storage-unavailable`. */
  async prepare(): Promise<void> {
    if (this.readOnly) {
      throw new PlimsollError('read-only', 'This server runs read-only: no diagnosis is written.');
    }
    await guarded(() => mkdir(this.path, { recursive: true, mode: FOLDER_MODE }));
  }

  /**
   * Lets `write` fill a file, which then appears whole or not at all. `write` runs before this function first waits:
   * what the caller has just judged still holds.
   *
   * @throws PlimsollError `storage-unavailable`.
   */
  keep(kind: DiagnosisKind, at: number, write: (path: string) => void): Promise<DiagnosisFile> {
    const name = `${new Date(at).toISOString().replace(/[:.]/g, '-')}.${kind}`;
    const part = join(this.path, name + PART);
    return guarded(async () => {
      try {
        // Made before it is filled, so that no umask leaves it to others.
        closeSync(openSync(part, 'wx', FILE_MODE));
        write(part);
        const { size } = await stat(part);
        await rename(part, join(this.path, name));
        await this.tidy(kind);
        return { name, bytes: size };
      } finally {
        await rm(part, { force: true });
      }
    });
  }

  /** Drops all but the newest, and what a killed process left half written. Names sort by time. */
  private async tidy(kind: DiagnosisKind): Promise<void> {
    const names = (await readdir(this.path)).sort();
    const whole = names.filter((name) => name.endsWith(`.${kind}`));
    const parts = names.filter((name) => name.endsWith(PART));
    for (const name of [...whole.slice(0, -KEPT), ...parts]) await rm(join(this.path, name), { force: true });
  }
}

async function guarded<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw new PlimsollError('storage-unavailable', 'The diagnosis could not be written.', { cause: error });
  }
}
