import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownFolder, ownProcess, removeFolder } from './life.mjs';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 8_000;
const POLL_MS = 3;

/** A port that was free a moment ago. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Status of one GET, or `null` when nobody listens (yet). */
function statusOf(port, path) {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path, agent: false, timeout: 2_000 }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
    });
    asked.once('error', () => resolve(null));
    asked.once('timeout', () => asked.destroy(new Error('timeout')));
    asked.end();
  });
}

/** What a child gets of our environment: nothing that changes how it runs. */
export function plainEnvironment() {
  const { PATH, HOME, LANG, TMPDIR } = process.env;
  return Object.fromEntries(
    Object.entries({ PATH, HOME, LANG, TMPDIR }).filter(([, value]) => value !== undefined),
  );
}

/** Thrown when a server ended before it was ready; `log` is what it said. */
export class StartFailure extends Error {
  constructor(label, code, signal, log) {
    super(
      `${label} ended before it was ready (${signal ?? `exit code ${code}`}):\n${log.trim().slice(-2_000)}`,
    );
    this.exitCode = code;
    this.signal = signal;
    this.log = log;
  }
}

/**
 * Starts a server process in an own temporary folder and waits until `readyPath` answers 200.
 *
 * @param {object} start
 * @param {string} start.label for messages
 * @param {string} start.command
 * @param {(port: number, folder: string) => string[]} start.args
 * @param {(port: number, folder: string) => Record<string, string>} start.env
 * @param {string} start.readyPath
 * @param {(command: string, args: string[]) => [string, string[]]} [start.wrap] puts it into a cage
 * @throws {StartFailure} with the end of its log
 */
export async function startServer({ label, command, args, env, readyPath, wrap = (...words) => words }) {
  const folder = ownFolder(mkdtempSync(join(tmpdir(), 'plimsoll-bench-')));
  const logPath = join(folder, 'server.log');
  const port = await freePort();
  const log = openSync(logPath, 'w');
  const [program, words] = wrap(command, args(port, folder));
  const startedMs = performance.now();
  const child = ownProcess(
    spawn(program, words, {
      cwd: folder,
      env: { ...plainEnvironment(), ...env(port, folder) },
      stdio: ['ignore', log, log],
    }),
  );
  closeSync(log);
  const readLog = () => readFileSync(logPath, 'utf8');
  let ended = null;
  const gone = new Promise((resolve) => {
    child.once('error', (error) => resolve((ended = { code: null, signal: error.message })));
    child.once('exit', (code, signal) => resolve((ended = { code, signal })));
  });

  const stop = async () => {
    if (ended === null) {
      child.kill('SIGTERM');
      const waiting = new AbortController();
      const late = sleep(STOP_TIMEOUT_MS, 'late', { signal: waiting.signal }).catch(() => 'stopped');
      if ((await Promise.race([gone, late])) === 'late') child.kill('SIGKILL');
      waiting.abort();
      await gone;
    }
    removeFolder(folder);
    return ended;
  };

  while ((await statusOf(port, readyPath)) !== 200) {
    if (ended !== null || performance.now() - startedMs > START_TIMEOUT_MS) {
      const text = readLog();
      const { code, signal } = ended ?? { code: null, signal: `not ready within ${START_TIMEOUT_MS} ms` };
      await stop();
      throw new StartFailure(label, code, signal, text);
    }
    await sleep(POLL_MS);
  }
  return {
    label,
    port,
    pid: child.pid,
    folder,
    readyMs: performance.now() - startedMs,
    readLog,
    /** How it ended, `null` while it runs. */
    ended: () => ended,
    stop,
  };
}
