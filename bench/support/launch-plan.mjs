import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { plainEnvironment } from './start-server.mjs';

const launcher = fileURLToPath(new URL('../../bin/plimsoll', import.meta.url));

/** What the launcher hands on to the process besides flags. */
const HANDED_ON = [
  'UV_THREADPOOL_SIZE',
  'LD_PRELOAD',
  'MALLOC_CONF',
  'MALLOC_ARENA_MAX',
  'MALLOC_MMAP_THRESHOLD_',
];

/**
 * What the launcher would start the server with, for benches that start something else in the same way.
 *
 * @param {object} [options]
 * @param {Record<string, string>} [options.env] settings; `LD_PRELOAD: ''` keeps jemalloc out
 * @param {(command: string, args: string[]) => [string, string[]]} [options.wrap] the cage whose limit it shall see
 * @returns {{ allocator: string, flags: string[], env: Record<string, string> }} flags of node, and the environment
 */
export function readLaunchPlan({ env = {}, wrap = (...words) => words } = {}) {
  const [program, words] = wrap(launcher, ['--print-launch']);
  const text = execFileSync(program, words, { env: { ...plainEnvironment(), ...env }, encoding: 'utf8' });
  const lines = text.split('\n').filter((line) => line.includes('='));
  const plan = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2)));
  return {
    allocator: plan.allocator,
    flags: plan.command.split(' ').filter((word) => word.startsWith('--')),
    env: Object.fromEntries(HANDED_ON.filter((name) => plan[name] !== '').map((name) => [name, plan[name]])),
  };
}
