import { randomBytes } from 'node:crypto';
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import SqliteFile from 'better-sqlite3';
import { isPlimsollError, PlimsollError } from '../errors/index.js';
import { databaseUnavailable, reasonOf } from './database-error.js';
import { SQLITE_FILE_NAME } from './sqlite/open-sqlite.js';

export interface BackupResult {
  readonly bytes: number;
  readonly bookmarks: number;
}

/** All pages in one step: a copy in several would begin anew whenever the server writes between two. */
const ALL_PAGES = 0x7fffffff;

/** While a server starts or stops, its file is locked for a moment, ms. */
const BUSY_TIMEOUT_MS = 10_000;

/**
 * Copies the SQLite database to a new file, also while a server writes to it: the copy is of one moment. It has its name
 * only when it is whole, checked and flushed to the disk.
 *
 * @param dataDir DATA_DIR of the server
 * @param target path of the new file, in a folder that exists
 * @throws PlimsollError `database-unavailable`, its message fit for the operator
 */
export async function backupDatabase(dataDir: string, target: string): Promise<BackupResult> {
  const source = join(resolve(dataDir), SQLITE_FILE_NAME);
  const path = resolve(target);
  if (!existsSync(source)) throw refused(`DATA_DIR holds no ${SQLITE_FILE_NAME}`);
  const found = await lstat(path).catch(() => null);
  if (found?.isDirectory() === true) throw refused('that is a folder; name a new file in it');
  if (found !== null) throw refused('the file exists already, and a backup never replaces one');
  const partial = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`);
  try {
    await copy(source, partial);
    const bookmarks = check(partial);
    const bytes = await flushed(partial);
    await give(partial, path);
    return { bytes, bookmarks };
  } catch (error) {
    if (isPlimsollError(error)) throw error;
    throw refused(systemReason(error) ?? reasonOf(error) ?? 'the copy failed', error);
  } finally {
    for (const rest of ['', '-journal', '-wal', '-shm'])
      await rm(`${partial}${rest}`, { force: true }).catch(() => undefined);
  }
}

async function copy(source: string, partial: string): Promise<void> {
  const file = new SqliteFile(source, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    // Read-only to whoever else has an account on the machine: bookmarks are private.
    await (await open(partial, 'wx', 0o600)).close();
    await file.backup(partial, { progress: () => ALL_PAGES });
  } finally {
    file.close();
  }
}

/** @returns bookmarks in the copy @throws PlimsollError when it is damaged, as the original then is */
function check(partial: string): number {
  const file = new SqliteFile(partial, { fileMustExist: true });
  try {
    // One file that needs no other beside it, until a server opens it.
    file.pragma('journal_mode = delete');
    const verdict = file.pragma('quick_check(1)', { simple: true });
    if (verdict !== 'ok') throw refused(`the copy is damaged (${String(verdict)})`);
    return file.prepare<[], { count: number }>('select count(*) as count from bookmarks').get()?.count ?? 0;
  } finally {
    file.close();
  }
}

async function flushed(partial: string): Promise<number> {
  const handle = await open(partial, 'r+');
  try {
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

/** Linked, not renamed: a file that came into being meanwhile is not replaced. */
async function give(partial: string, path: string): Promise<void> {
  try {
    await link(partial, path);
  } catch (error) {
    if (!WITHOUT_LINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await rename(partial, path);
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** What file systems without links answer, such as those of USB sticks. */
const WITHOUT_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'ENOSYS']);

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'the folder of the file does not exist',
  ENOTDIR: 'the folder of the file does not exist',
  EEXIST: 'the file exists already, and a backup never replaces one',
  EACCES: 'the folder of the file may not be written',
  EPERM: 'the folder of the file may not be written',
  EROFS: 'the folder of the file may not be written',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
};

function systemReason(error: unknown): string | undefined {
  return SYSTEM_REASONS[(error as NodeJS.ErrnoException).code ?? ''];
}

function refused(reason: string, cause?: unknown): PlimsollError {
  const { logMessage } = databaseUnavailable(reason, cause);
  return new PlimsollError('database-unavailable', `No backup was made: ${reason}.`, {
    cause,
    ...(logMessage === undefined ? {} : { logMessage }),
  });
}
