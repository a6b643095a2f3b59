import { Agent, request } from 'node:http';

/** Longest that one answer may take, ms; longer than any queue deadline of the benches. */
const ANSWER_TIMEOUT_MS = 200_000;

export const keepAliveAgent = () => new Agent({ keepAlive: true, maxSockets: Infinity, scheduling: 'fifo' });

/** Path of an image request, the same for the real server and the bare one. */
export const imagePath = (url, width, format) =>
  `/api/images?url=${encodeURIComponent(url)}&w=${width}&format=${format}`;

/**
 * One request. Never rejects: a connection that breaks is `status: 0` with `fault`.
 *
 * @returns {Promise<{ status: number, headers: object, rawHeaders: string[], bytes: number, body?: Buffer, ms: number, fault?: string }>}
 */
export function ask({
  port,
  path,
  agent,
  method = 'GET',
  headers = {},
  keepBody = false,
  body,
  timeoutMs = ANSWER_TIMEOUT_MS,
}) {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    let length = 0;
    const chunks = [];
    const settle = (more) => resolve({ bytes: length, ms: performance.now() - startedMs, ...more });
    const fail = (error) =>
      settle({ status: 0, headers: {}, rawHeaders: [], fault: error.code ?? error.message });
    const asked = request(
      { host: '127.0.0.1', port, path, agent, method, headers, timeout: timeoutMs },
      (response) => {
        response.on('data', (chunk) => {
          length += chunk.length;
          if (keepBody) chunks.push(chunk);
        });
        response.once('end', () =>
          settle({
            status: response.statusCode,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            body: keepBody ? Buffer.concat(chunks) : undefined,
          }),
        );
        response.once('error', fail);
      },
    );
    asked.once('timeout', () => asked.destroy(new Error('timeout')));
    asked.once('error', fail);
    asked.end(body);
  });
}

/**
 * Keeps `inFlight` requests running. The first `warmupCount` answers are not counted; the window opens with the
 * last of them and closes with the first answer after `seconds`, while the load goes on: no edge is counted.
 *
 * @param {object} load
 * @param {(n: number) => { path: string, expectBytes?: number }} load.next what to ask as the n-th
 * @param {() => number} load.cpuMs CPU time of the server so far
 * @returns {Promise<{ count: number, perSecond: number, cpuMsEach: number, latenciesMs: number[] }>}
 * @throws Error at an answer that is not 200 or not of the expected length
 */
export async function closedLoop({ port, inFlight, warmupCount, seconds, next, cpuMs }) {
  const agent = keepAliveAgent();
  const latenciesMs = [];
  let asked = 0;
  let answered = 0;
  let open = null;
  let closed = null;
  const worker = async () => {
    while (closed === null) {
      const { path, expectBytes } = next(asked++);
      const answer = await ask({ port, path, agent });
      if (answer.status !== 200 || (expectBytes !== undefined && answer.bytes !== expectBytes)) {
        closed ??= { atMs: performance.now(), cpuMs: cpuMs() };
        throw new Error(
          `${path} was answered ${answer.status} ${answer.fault ?? ''} with ${answer.bytes} bytes, expected 200 with ${expectBytes ?? 'any'}`,
        );
      }
      answered += 1;
      const nowMs = performance.now();
      if (answered === warmupCount) open = { atMs: nowMs, cpuMs: cpuMs() };
      else if (open !== null && closed === null) {
        latenciesMs.push(answer.ms);
        if (nowMs - open.atMs >= seconds * 1_000) closed = { atMs: nowMs, cpuMs: cpuMs() };
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: inFlight }, worker));
  } finally {
    agent.destroy();
  }
  const count = latenciesMs.length;
  return {
    count,
    perSecond: (count / (closed.atMs - open.atMs)) * 1_000,
    cpuMsEach: (closed.cpuMs - open.cpuMs) / count,
    latenciesMs,
  };
}
