import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ownProcess } from './life.mjs';

const script = fileURLToPath(new URL('./rss-sampler.mjs', import.meta.url));

/**
 * Watches the resident memory of a process (and its children) every 5 ms from a process of its own.
 *
 * `mark()` resolves with what was seen since the last mark: `peakBytes`, `peakAnonymousBytes`, `lastBytes`,
 * `samples`, `series` (peak of each second) and `exact` (the kernel's high-water mark took part).
 */
export async function sampleRss(pid) {
  const child = ownProcess(fork(script, { execArgv: [] }));
  const answer = async (message) => {
    const reply = once(child, 'message');
    child.send(message);
    return (await reply)[0];
  };
  await answer({ watch: pid });
  return {
    mark: async () => (await answer({ mark: true })).figures,
    stop: () => child.disconnect(),
  };
}
