import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ownProcess } from './life.mjs';

const script = fileURLToPath(new URL('./steady-prober.mjs', import.meta.url));

/**
 * Asks one path every `everyMs` from a process of its own; `{n}` in it counts up.
 *
 * @returns `end()` stops, waits for what is under way and resolves with `{ status, ms, cacheStatus }` of each answer
 */
export async function probeSteadily({ port, pathPattern, everyMs }) {
  const child = ownProcess(fork(script, { execArgv: [] }));
  const reply = async (message) => {
    const answer = once(child, 'message');
    child.send(message);
    return (await answer)[0];
  };
  await reply({ start: { port, pathPattern, everyMs } });
  return {
    end: async () => {
      const { answers } = await reply({ end: true });
      child.disconnect();
      return answers;
    },
  };
}
