import { existsSync } from 'node:fs';
import { join } from 'node:path';
import SqliteFile from 'better-sqlite3';

/** Looks into the SQLite file of a running server, as another process would; writes nothing. */
export class RowWatch {
  private file: SqliteFile.Database | null = null;

  constructor(private readonly dataDir: string) {}

  all<T>(query: string, ...values: readonly (string | number)[]): T[] {
    this.file ??= this.open();
    return this.file.prepare(query).all(...values) as T[];
  }

  /** The one number that the query asks for; 0 when there is none. */
  number(query: string, ...values: readonly (string | number)[]): number {
    const [row] = this.all<Record<string, number>>(query, ...values);
    return row === undefined ? 0 : (Object.values(row)[0] ?? 0);
  }

  /** To be called before the next server starts: beside an open reader it would not have to recover its log. */
  close(): void {
    this.file?.close();
    this.file = null;
  }

  private open(): SqliteFile.Database {
    const path = join(this.dataDir, 'plimsoll.db');
    if (!existsSync(path)) throw new Error('There is no database yet.');
    return new SqliteFile(path, { readonly: true, timeout: 5_000 });
  }
}
