import { randomBytes } from 'node:crypto';
import { GENERATION_DIGITS, START_DIGITS } from './object-paths.js';

const COUNTER_BITS = BigInt((GENERATION_DIGITS - START_DIGITS) * 4);
const COUNTER_MASK = (1n << COUNTER_BITS) - 1n;

/**
 * Names for what is written: 24 random bits of this start, then a counter from a random place. No two writes
 * share one, so the old and the new bytes of a key lie side by side, and a name tells whether this process made it.
 */
export class Generations {
  private readonly start = randomBytes(START_DIGITS / 2).toString('hex');
  private counter = randomBytes(8).readBigUInt64BE() & COUNTER_MASK;

  next(): string {
    this.counter = (this.counter + 1n) & COUNTER_MASK;
    return this.start + this.counter.toString(16).padStart(GENERATION_DIGITS - START_DIGITS, '0');
  }

  /** Whether this process made it; also true of a file name that starts with one. */
  isOwn(generation: string): boolean {
    return generation.startsWith(this.start);
  }
}
