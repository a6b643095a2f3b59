import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ownProcess } from './life.mjs';

const script = fileURLToPath(new URL('./origin-server.mjs', import.meta.url));

/**
 * Starts the origin in a process of its own.
 *
 * @param {Record<string, { path: string, type: string }>} files by the name in the URL
 * @returns `urlOf(name, n)` is another URL for every `n`; `counts()` what was asked since the last `reset()`
 */
export async function startOrigin(files) {
  const child = ownProcess(fork(script, { execArgv: [] }));
  const [{ port }] = await once(child, 'message');
  const ask = async (message) => {
    const reply = once(child, 'message');
    child.send(message);
    return (await reply)[0];
  };
  await ask({ serve: files });
  return {
    port,
    urlOf: (name, n) => `http://127.0.0.1:${port}/${name}?n=${n}`,
    counts: () => ask({ counts: true }),
    reset: () => ask({ reset: true }),
    setDelayMs: (delayMs) => ask({ delayMs }),
    stop: () => child.disconnect(),
  };
}
