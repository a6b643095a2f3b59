import type { Settings } from '../config/index.js';
import { isPlimsollError } from '../errors/index.js';
import { backupDatabase } from './backup.js';

/** What a command has to say, and how it ends. */
export interface CommandResult {
  /** One sentence. */
  readonly message: string;
  readonly exitCode: 0 | 1;
}

/** `plimsoll backup FILE`. Never throws for what an operator can do something about. */
export async function runBackup(settings: Settings, target: string): Promise<CommandResult> {
  if (settings.values.DATABASE_URL !== undefined) {
    return {
      message:
        'DATABASE_URL is set: back PostgreSQL up with its own pg_dump, which is consistent while the server runs.',
      exitCode: 1,
    };
  }
  try {
    const { bytes, bookmarks } = await backupDatabase(settings.values.DATA_DIR, target);
    return { message: `Backed up ${bookmarks} bookmarks, ${bytes} bytes, to ${target}.`, exitCode: 0 };
  } catch (error) {
    if (!isPlimsollError(error)) throw error;
    return { message: error.message, exitCode: 1 };
  }
}
