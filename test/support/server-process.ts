import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../../bin/plimsoll', import.meta.url));

/** How long a start may take before it counts as failed, ms: a loaded machine is slow, a dead process is noticed at once. */
const START_PATIENCE_MS = 30_000;

/** The real server as a process of its own, started by the launcher; needs `npm run build` before. */
export class ServerProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    private readonly exit: Promise<unknown>,
  ) {}

  static async start(environment: Readonly<Record<string, string>>): Promise<ServerProcess> {
    const child = spawn(LAUNCHER, [], {
      env: {
        PATH: process.env['PATH'] ?? '',
        PORT: '0',
        HOST: '127.0.0.1',
        LOG_FORMAT: 'json',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exit = once(child, 'exit');
    const url = await listeningUrl(child);
    return new ServerProcess(child, url, exit);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** SIGKILL: nothing is flushed, nobody is told. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    await this.exit;
    return this.child.exitCode;
  }
}

/** Reads the log until it says where the server listens; fails with the log when it ends before. */
function listeningUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = '';
    const deadline = setTimeout(() => fail('did not start in time'), START_PATIENCE_MS);
    const fail = (why: string): void => {
      clearTimeout(deadline);
      child.kill('SIGKILL');
      reject(new Error(`The server ${why}:\n${log}`));
    };
    const onExit = (code: number | null): void => fail(`ended with ${code}`);
    child.once('exit', onExit);
    child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    child.stdout?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-16_384);
      const url = /Listening on (http:\/\/[^\s"]+?)\.?"/.exec(log)?.[1];
      if (url === undefined) return;
      clearTimeout(deadline);
      child.off('exit', onExit);
      resolve(url);
    });
  });
}
