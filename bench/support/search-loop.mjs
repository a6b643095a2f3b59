import { openSync, readSync } from 'node:fs';

/**
 * What the system says of this thread since it began, ms: how long it computed (brought up to date every 4 ms), and how
 * long it could have computed and waited for a processor. Zeros where it does not say.
 */
export const threadTimes = (() => {
  let file;
  try {
    file = openSync('/proc/self/schedstat', 'r');
  } catch {
    return () => ({ computedMs: 0, waitedMs: 0 });
  }
  const buffer = Buffer.alloc(128);
  return () => {
    const length = readSync(file, buffer, 0, buffer.length, 0);
    const [computed, waited] = buffer.latin1Slice(0, length).split(' ');
    return { computedMs: Number(computed) / 1e6, waitedMs: Number(waited) / 1e6 };
  };
})();

/**
 * Looks at the event loop on each of its turns: how long did the last one take? Three answers: by the clock; without the
 * wait for a processor; and what this thread computed, for under load it also waits for its helpers, which wait too.
 */
export class LoopWatch {
  #isOver = false;
  #ended;
  #longest = { wallMs: 0, ownMs: 0, computedMs: 0 };

  constructor() {
    let started = { nowMs: performance.now(), ...threadTimes() };
    this.#ended = new Promise((resolve) => {
      const look = () => {
        const ended = { nowMs: performance.now(), ...threadTimes() };
        const wallMs = ended.nowMs - started.nowMs;
        this.#note({
          wallMs,
          ownMs: wallMs - (ended.waitedMs - started.waitedMs),
          computedMs: Math.min(wallMs, ended.computedMs - started.computedMs),
        });
        started = ended;
        if (this.#isOver) resolve();
        else setImmediate(look);
      };
      setImmediate(look);
    });
  }

  /** @returns the longest of each kind; they need not be of one turn */
  async end() {
    this.#isOver = true;
    await this.#ended;
    return this.#longest;
  }

  #note(times) {
    for (const kind of Object.keys(times)) this.#longest[kind] = Math.max(this.#longest[kind], times[kind]);
  }
}
