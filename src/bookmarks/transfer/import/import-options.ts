import type { ImportFormat } from '../readers/import-entry.js';

/** What becomes of folders: each name a tag, or nothing. */
export const FOLDER_RULES = ['tags', 'ignore'] as const;
export type FolderRule = (typeof FOLDER_RULES)[number];

export interface ImportOptions {
  /** Recognised by its first 64 KiB when absent. */
  readonly format?: ImportFormat | undefined;
  readonly folders: FolderRule;
  /** Put on every bookmark of the file. */
  readonly tags: readonly string[];
  /** Lines for what was created or already there, too. */
  readonly verbose: boolean;
}

/** Payload of the job. */
export interface ImportPayload {
  readonly importId: string;
  readonly format: ImportFormat;
  readonly contentType: string | null;
  readonly folders: FolderRule;
  readonly tags: readonly string[];
  readonly verbose: boolean;
  /** Epoch ms of the upload: the same file read again gives the same times. */
  readonly startedAt: number;
}

export const IMPORT_JOB_KIND = 'import';
