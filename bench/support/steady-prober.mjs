// A patient client in a process of its own: asks at a fixed pace whatever the last answer does, so that a slow
// server cannot slow the questions. Messages in: { start: { port, paths: [..] , everyMs, headers } }, { end: true }
import { setPriority } from 'node:os';
import { ask, keepAliveAgent } from './load-client.mjs';

const agent = keepAliveAgent();
const answers = [];
const pending = new Set();
let timer;

process.on('message', async (message) => {
  if (message.start !== undefined) {
    const { port, pathPattern, everyMs } = message.start;
    let n = 0;
    timer = setInterval(() => {
      const asked = ask({ port, path: pathPattern.replace('{n}', String(n++)), agent }).then((answer) => {
        answers.push({
          status: answer.status,
          ms: answer.ms,
          cacheStatus: answer.headers['cache-status'],
          fault: answer.fault,
        });
        pending.delete(asked);
      });
      pending.add(asked);
    }, everyMs);
    process.send({ started: true });
  } else {
    clearInterval(timer);
    await Promise.all(pending);
    process.send({ answers });
    answers.length = 0;
  }
});
process.on('disconnect', () => process.exit(0));

try {
  // it stands for a client on another machine, which would not wait for our processor
  setPriority(-10);
} catch {
  // without the right to it latencies contain the wait for a processor
}
