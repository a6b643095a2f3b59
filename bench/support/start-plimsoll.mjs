import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from './start-server.mjs';

const launcher = fileURLToPath(new URL('../../bin/plimsoll', import.meta.url));
const built = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The bearer token of servers that benches start; they listen on loopback only. */
export const ADMIN_TOKEN = 'bench-admin-token-0123456789';

/**
 * Starts the real server through its launcher, with the settings of a fresh installation but for these: loopback, a
 * temporary data folder, the bench's origin allowed, no limit per client.
 *
 * @param {object} options
 * @param {number[]} [options.originPorts] loopback ports that it may fetch from
 * @param {Record<string, string>} [options.env] more settings
 * @param {(command: string, args: string[]) => [string, string[]]} [options.wrap]
 * @param {string} [options.readyPath]
 */
export async function startPlimsoll({ originPorts = [], env = {}, wrap, readyPath = '/readyz' } = {}) {
  if (!existsSync(built)) throw new Error('The server is not built: run "npm run build" first.');
  return startServer({
    label: 'plimsoll',
    command: launcher,
    args: () => [],
    env: (port, folder) => ({
      HOST: '127.0.0.1',
      PORT: String(port),
      DATA_DIR: join(folder, 'data'),
      THROTTLE: 'off',
      ADMIN_TOKEN,
      ...(originPorts.length === 0
        ? {}
        : { FETCH_ALLOWED_HOSTS: originPorts.map((origin) => `127.0.0.1:${origin}`).join(',') }),
      ...env,
    }),
    readyPath,
    wrap,
  });
}
