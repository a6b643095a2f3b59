import { fileURLToPath } from 'node:url';
import { startServer } from './start-server.mjs';

const script = (name) => fileURLToPath(new URL(`./${name}`, import.meta.url));

/** The yardstick for image work: node:http, fetch and sharp, nothing else. */
export function startBareServer({ wrap } = {}) {
  return startServer({
    label: 'bare',
    command: process.execPath,
    args: (port) => [script('bare-server.mjs'), String(port)],
    env: () => ({}),
    readyPath: '/readyz',
    wrap,
  });
}

/** The yardstick for hits: node:http sends one buffer. `answerPath` is a JSON file, see bare-hits.mjs. */
export function startBareHits(answerPath) {
  return startServer({
    label: 'bare',
    command: process.execPath,
    args: (port) => [script('bare-hits.mjs'), String(port), answerPath],
    env: () => ({}),
    readyPath: '/readyz',
  });
}

/** The yardstick for streaming: node:http pipes into a file of `dataFolder` and out of it. */
export function startBareStream(dataFolder) {
  return startServer({
    label: 'bare',
    command: process.execPath,
    args: (port) => [script('bare-stream.mjs'), String(port), dataFolder],
    env: () => ({}),
    readyPath: '/readyz',
  });
}
