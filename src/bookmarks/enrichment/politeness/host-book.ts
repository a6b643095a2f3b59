import type { ByteAccount } from '../../../process-memory/index.js';
import { HostLine, type LineTerms } from './host-line.js';

/** Most hosts that are remembered, and their bytes (chosen: more than fail at once in any collection). */
const MAX_HOSTS = 2_048;
export const HOST_BOOK_BYTES = 6 * 1024 ** 2;

/** Clean lines that one look tidies away at most. */
const TIDY_STEP = 8;

/** The hosts that are remembered: bounded in number and bytes; those with nothing worth remembering go first. */
export class HostBook {
  /** Least recently used first. */
  private readonly lines = new Map<string, HostLine>();

  /** @param account with a budget of {@link HOST_BOOK_BYTES} */
  constructor(
    private readonly terms: LineTerms,
    private readonly account: ByteAccount,
  ) {}

  get size(): number {
    return this.lines.size;
  }

  /** Without counting as a use. */
  peek(host: string): HostLine | undefined {
    return this.lines.get(host);
  }

  all(): IterableIterator<HostLine> {
    return this.lines.values();
  }

  /** The line of a host, as the most recently used one. */
  touch(host: string): HostLine {
    const known = this.lines.get(host);
    if (known !== undefined) {
      this.lines.delete(host);
      this.lines.set(host, known);
      return known;
    }
    this.tidy();
    const line = new HostLine(host, this.terms);
    this.lines.set(host, line);
    this.account.add(line.weightBytes);
    for (const old of this.lines.values()) {
      if (this.lines.size <= MAX_HOSTS && this.account.usedBytes <= HOST_BOOK_BYTES) break;
      if (old !== line && old.inLine === 0) this.drop(old);
    }
    return line;
  }

  drop(line: HostLine): void {
    if (this.lines.get(line.host) !== line) return;
    this.lines.delete(line.host);
    this.account.add(-line.weightBytes);
  }

  /** Forgets all and closes the account. */
  close(): void {
    this.lines.clear();
    this.account.close();
  }

  private tidy(): void {
    let looked = 0;
    for (const line of this.lines.values()) {
      if ((looked += 1) > TIDY_STEP) break;
      if (line.clean) this.drop(line);
    }
  }
}
