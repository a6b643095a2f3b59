import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLaunchPlan } from './launch-plan.mjs';
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
 * @param {string} [options.entry] file that runs instead of dist/main.js, with the launcher's flags and environment
 */
export async function startPlimsoll({ originPorts = [], env = {}, wrap, readyPath = '/readyz', entry } = {}) {
  if (!existsSync(built)) throw new Error('The server is not built: run "npm run build" first.');
  const plan = entry === undefined ? undefined : readLaunchPlan({ env, wrap });
  return startServer({
    label: 'plimsoll',
    command: plan === undefined ? launcher : process.execPath,
    args: () => (plan === undefined ? [] : [...plan.flags, entry]),
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
      ...plan?.env,
    }),
    readyPath,
    wrap,
  });
}
