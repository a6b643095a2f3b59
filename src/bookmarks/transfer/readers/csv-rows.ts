import { CsvError, parse, type Parser } from 'csv-parse';
import type { SkipReason } from './import-entry.js';

/** Largest row: every field at its limit and then some. */
const MAX_ROW_BYTES = 1024 ** 2;

export interface CsvRow {
  readonly cells: readonly string[];
  /** Where it ends, from 1. */
  readonly line: number;
}

/** Behind such a place the rest of the file cannot be told apart. */
export interface CsvFault {
  readonly reason: SkipReason;
  readonly line: number;
}

const REASONS: Readonly<Record<string, SkipReason>> = {
  CSV_MAX_RECORD_SIZE: 'too-long',
  CSV_QUOTE_NOT_CLOSED: 'truncated',
};

/**
 * csv-parse, fed by hand: as a stream it would throw away the good rows that stand before a fault in the same chunk.
 */
export class CsvRows {
  private readonly rows: CsvRow[] = [];
  private readonly parser: Parser;
  private line = 0;

  constructor(delimiter: string) {
    this.parser = parse({
      delimiter,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n', '\r'],
      max_record_size: MAX_ROW_BYTES,
      on_record: (cells: string[], { lines }: { lines: number }) => {
        this.line = lines;
        this.rows.push({ cells, line: lines });
        return null;
      },
    });
    // told by the callbacks below
    this.parser.on('error', () => undefined);
    this.parser.resume();
  }

  /** Rows since the last call. */
  take(): CsvRow[] {
    return this.rows.splice(0);
  }

  /** Copies the chunk: csv-parse keeps the end of one for the next. */
  write(chunk: Buffer): Promise<CsvFault | null> {
    return this.settled((done) => this.parser.write(Buffer.from(chunk), done));
  }

  end(): Promise<CsvFault | null> {
    return this.settled((done) => {
      this.parser.once('error', done);
      this.parser.once('end', () => done(null));
      this.parser.end();
    });
  }

  close(): void {
    this.parser.destroy();
  }

  private settled(run: (done: (error?: Error | null) => void) => void): Promise<CsvFault | null> {
    return new Promise((resolve, reject) => {
      run((error) => {
        if (error === null || error === undefined) resolve(null);
        else if (error instanceof CsvError)
          resolve({ reason: REASONS[error.code] ?? 'damaged', line: this.line + 1 });
        else reject(error);
      });
    });
  }
}
