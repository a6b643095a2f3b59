import { execFile, execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { ownProcess } from './life.mjs';

/** `wrk` where it is installed (Debian package wrk), else a client of our own. */
export const loadTool = (() => {
  try {
    execFileSync('wrk', ['--version'], { stdio: 'ignore' });
    return 'wrk';
  } catch (error) {
    // it prints its usage and exits 1
    return error.code === 'ENOENT' ? 'own client' : 'wrk';
  }
})();

/**
 * Asks for one URL with `connections` kept alive, each with one request at a time.
 *
 * @param {{ port: number, path: string, headers: Record<string, string>, connections: number, seconds: number, tool?: string }} load
 * @returns {Promise<{ perSecond: number, p99Ms: number | null }>}
 * @throws Error when an answer is an error or a connection breaks
 */
export function hammer(load) {
  return (load.tool ?? loadTool) === 'wrk' ? hammerWithWrk(load) : hammerWithSockets(load);
}

async function hammerWithWrk({ port, path, headers, connections, seconds }) {
  const words = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const output = await new Promise((resolve, reject) => {
    ownProcess(
      execFile(
        'wrk',
        [
          '-t1',
          `-c${connections}`,
          `-d${seconds}s`,
          '--latency',
          ...words,
          `http://127.0.0.1:${port}${path}`,
        ],
        (error, stdout) => (error === null ? resolve(stdout) : reject(error)),
      ),
    );
  });
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`answers were wrong:\n${output}`);
  const p99 = /99%\s+([\d.]+)(us|ms|s)/.exec(output);
  const toMs = { us: 0.001, ms: 1, s: 1_000 };
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)[1]),
    p99Ms: p99 === null ? null : Number(p99[1]) * toMs[p99[2]],
  };
}

/** Plain sockets: node:http as a client would be slower than what it measures. Every answer's head is read. */
async function hammerWithSockets({ port, path, headers, connections, seconds }) {
  const question = Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
  );
  let answered = 0;
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1_000;

  const run = () =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      let head = '';
      let left = -1;
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.once('connect', () => socket.write(question));
      socket.on('data', (chunk) => {
        let length = chunk.length;
        if (left < 0) {
          head += chunk.latin1Slice(0, Math.min(chunk.length, 4_096));
          const end = head.indexOf('\r\n\r\n');
          if (end < 0) return;
          const status = head.slice(9, 12);
          if (status !== '200' && status !== '304') {
            socket.destroy(new Error(`answered ${head.slice(0, 200)}`));
            return;
          }
          const total = status === '304' ? 0 : Number(/content-length: (\d+)/i.exec(head)[1]);
          // earlier chunks held less than a head
          length -= end + 4 - (head.length - Math.min(chunk.length, 4_096));
          left = total;
        }
        left -= length;
        if (left > 0) return;
        left = -1;
        head = '';
        answered += 1;
        if (performance.now() < endMs) socket.write(question);
        else {
          socket.destroy();
          resolve();
        }
      });
    });
  await Promise.all(Array.from({ length: connections }, run));
  return { perSecond: (answered / (performance.now() - startedMs)) * 1_000, p99Ms: null };
}
