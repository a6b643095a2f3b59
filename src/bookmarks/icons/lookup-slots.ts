import { AbortedError, PlimsollError } from '../../errors/index.js';

interface Waiting {
  readonly enter: () => void;
}

/** At most so many searches at once; the others wait in line, at most so many of them. */
export class LookupSlots {
  private readonly line = new Set<Waiting>();
  private active = 0;

  constructor(
    private readonly maxActive: number,
    private readonly maxWaiting: number,
  ) {}

  /**
   * @returns what frees the slot; calling it twice is harmless
   * @throws AbortedError; PlimsollError `server-busy` when the line is full
   */
  async acquire(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw new AbortedError();
    if (this.active < this.maxActive) this.active += 1;
    else if (this.line.size >= this.maxWaiting) {
      throw new PlimsollError('server-busy', 'Too many sites are being searched for their icons.', {
        retryAfterSeconds: 5,
      });
    } else await this.wait(signal);
    let isFree = false;
    return () => {
      if (isFree) return;
      isFree = true;
      this.release();
    };
  }

  private wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.line.delete(waiting);
        reject(new AbortedError());
      };
      const waiting: Waiting = {
        enter: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.line.add(waiting);
    });
  }

  /** The slot goes to the first in line. */
  private release(): void {
    const [next] = this.line;
    if (next === undefined) {
      this.active -= 1;
      return;
    }
    this.line.delete(next);
    next.enter();
  }
}
