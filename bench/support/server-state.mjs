import { ask, keepAliveAgent } from './load-client.mjs';
import { ADMIN_TOKEN } from './start-plimsoll.mjs';

/** The first value under one of these names, wherever in the document it stands. */
export function findValue(document, names) {
  if (document === null || typeof document !== 'object') return undefined;
  for (const name of names) {
    if (name in document && typeof document[name] !== 'object') return document[name];
  }
  for (const part of Object.values(document)) {
    const found = findValue(part, names);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function json(port, path) {
  const agent = keepAliveAgent();
  const answer = await ask({ port, path, agent, keepBody: true, timeoutMs: 5_000 });
  agent.destroy();
  if (answer.status === 0 || answer.status === 404) return null;
  try {
    return JSON.parse(answer.body.toString());
  } catch {
    return null;
  }
}

/**
 * What the server says about itself. A figure that it does not (yet) publish is `undefined`.
 *
 * @returns {Promise<{ level?: string, lineBytes?: number, reservedBytes?: number, leases?: number, waiting?: number, operations?: number }>}
 */
export async function readState(port) {
  const health = await json(port, '/api/health');
  const metrics = await json(port, '/api/health/metrics');
  const both = { metrics, health };
  return {
    level: findValue(both, ['level']),
    lineBytes: findValue(both, ['lineBytes']),
    reservedBytes: findValue(metrics, ['reservedBytes']),
    leases: findValue(metrics, ['leases', 'leaseCount']),
    waiting: findValue(metrics, ['waiting', 'queued', 'queueItems']),
    operations: findValue(metrics, ['running', 'runningCount']),
  };
}

/**
 * Flushes all caches and collects garbage through the admin surface.
 *
 * @returns {Promise<string | null>} why it could not, or `null`
 */
export async function flush(port) {
  const agent = keepAliveAgent();
  const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` };
  try {
    for (const [method, path] of [
      ['DELETE', '/api/admin/caches/all'],
      ['POST', '/api/admin/gc'],
    ]) {
      const { status } = await ask({ port, path, agent, method, headers, timeoutMs: 30_000 });
      if (status === 404 || status === 405) return `${method} ${path} does not exist in this build`;
      if (status < 200 || status > 299) return `${method} ${path} was answered ${status}`;
    }
    return null;
  } finally {
    agent.destroy();
  }
}
