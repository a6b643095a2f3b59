// The sharp operations alone, without HTTP: the ceiling. Usage: node bare-loop.mjs TASK, a JSON file:
//   { jobs, seconds, warmupCount, list: [{ path, width, format }], inMemory }
// With `seconds` the list is repeated for that long and the rate is printed; without, it runs once.
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { transform } from './sharp-operation.mjs';

const { jobs, seconds, warmupCount = 0, list, inMemory } = JSON.parse(readFileSync(process.argv[2], 'utf8'));

// no result may be reused; one thread an image, as in the servers
sharp.cache(false);
sharp.concurrency(1);

const sources = new Map();
const sourceOf = (path) => {
  if (!inMemory) return path;
  if (!sources.has(path)) sources.set(path, readFileSync(path));
  return sources.get(path);
};

let next = 0;
let done = 0;
let windowStartMs = performance.now();
let windowEndMs = 0;
let counted = 0;
let cpu = process.cpuUsage();

async function worker() {
  for (;;) {
    if (seconds === undefined ? next >= list.length : windowEndMs !== 0) return;
    const { path, width, format } = list[next++ % list.length];
    await transform(sourceOf(path), { width, format });
    done += 1;
    const nowMs = performance.now();
    if (done <= warmupCount) {
      windowStartMs = nowMs;
      cpu = process.cpuUsage();
    } else if (windowEndMs === 0) {
      counted += 1;
      if (seconds !== undefined && nowMs - windowStartMs >= seconds * 1_000) windowEndMs = nowMs;
    }
  }
}

await Promise.all(Array.from({ length: jobs }, worker));
const used = process.cpuUsage(cpu);
const wallMs = (windowEndMs === 0 ? performance.now() : windowEndMs) - windowStartMs;
process.stdout.write(
  JSON.stringify({
    count: counted,
    wallMs,
    perSecond: (counted / wallMs) * 1_000,
    cpuMs: (used.user + used.system) / 1_000,
  }),
);
