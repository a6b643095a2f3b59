import type { Database as SqliteFile, Statement } from 'better-sqlite3';

/** Compiled statements kept per connection (chosen: the repositories have some sixty). */
const MAX_STATEMENTS = 128;

/** Longer ones are batches whose text changes with their size, characters. */
const MAX_KEPT_LENGTH = 4_096;

/** Compiled statements by their text, least recently used first: compiling costs more than most of them run. */
export class Statements {
  private readonly kept = new Map<string, Statement>();

  constructor(readonly file: SqliteFile) {}

  prepare(text: string): Statement {
    const known = this.kept.get(text);
    if (known !== undefined) {
      this.kept.delete(text);
      this.kept.set(text, known);
      return known;
    }
    const statement = this.file.prepare(text);
    if (text.length > MAX_KEPT_LENGTH) return statement;
    this.kept.set(text, statement);
    const oldest = this.kept.keys().next().value;
    if (this.kept.size > MAX_STATEMENTS && oldest !== undefined) this.kept.delete(oldest);
    return statement;
  }

  /** Copies the log into the file, as far as nobody reads it: whoever takes the file alone takes everything. */
  finish(): void {
    try {
      this.file.pragma('wal_checkpoint(truncate)');
    } catch {
      // A full or failing disk: the log stays, and with it what was acknowledged.
    }
  }

  close(): void {
    this.kept.clear();
    this.file.close();
  }
}
