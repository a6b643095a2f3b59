// A process of its own, so that a busy bench never misses a sample: reads /proc/PID/status every 5 ms.
// Messages in: { watch: pid }, { mark: true }. Every mark answers with the figures since the last one.
import { setPriority } from 'node:os';
import { childrenOf, memoryOf, resetHighWater } from './process-figures.mjs';

const PERIOD_MS = 5;
const CHILDREN_EVERY = 20;

let pid = 0;
let children = [];
let tick = 0;
let canReset = false;
let since;

const restart = () => {
  since = {
    samples: 0,
    peakBytes: 0,
    peakAnonymousBytes: 0,
    lastBytes: 0,
    series: [],
    startedMs: performance.now(),
  };
  canReset = resetHighWater(pid);
};

function sample() {
  const memory = memoryOf(pid);
  if (memory === null) return;
  if (tick++ % CHILDREN_EVERY === 0) children = childrenOf(pid);
  const childBytes = children.reduce((sum, child) => sum + (memoryOf(child)?.rssBytes ?? 0), 0);
  const bytes = memory.rssBytes + childBytes;
  since.samples += 1;
  since.lastBytes = bytes;
  if (bytes > since.peakBytes) since.peakBytes = bytes;
  if (memory.anonymousBytes > since.peakAnonymousBytes) since.peakAnonymousBytes = memory.anonymousBytes;
  // the kernel's own mark also sees what happens between two samples
  if (canReset && memory.highWaterBytes > since.peakBytes) since.peakBytes = memory.highWaterBytes;
  const second = Math.floor((performance.now() - since.startedMs) / 1_000);
  since.series[second] = Math.max(since.series[second] ?? 0, bytes);
}

process.on('message', (message) => {
  if (message.watch !== undefined) {
    pid = message.watch;
    children = [];
    restart();
    process.send({ ready: true });
  } else {
    process.send({ figures: { ...since, exact: canReset } });
    restart();
  }
});
process.on('disconnect', () => process.exit(0));

try {
  setPriority(-10);
} catch {
  // without the right to it samples come late under load; the high-water mark still sees the peak
}
setInterval(() => {
  if (pid !== 0) sample();
}, PERIOD_MS);
