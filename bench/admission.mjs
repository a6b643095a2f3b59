// What admission costs a request: a fresh sample, the estimate, a reservation and its release, on the built rooms
// themselves, without HTTP and without sharp.
import { existsSync } from 'node:fs';
import { readArguments } from './support/arguments.mjs';
import { boundMinutes } from './support/life.mjs';
import { fixed, print, printHead, printTable, Verdict } from './support/report.mjs';
import { median, spreadPercent } from './support/statistics.mjs';

const options = readArguments('Sample, estimate, reserve and release, per request.', {
  rounds: { default: 7, about: 'measurements of each step' },
  requests: { default: 10_000, about: 'requests a measurement' },
  held: { default: 50, about: 'leases held meanwhile, as in a busy server' },
});
const MOST_MICROS = 30;
const DIST = new URL('../dist/', import.meta.url);

boundMinutes(5);
printHead('bench:admission');
if (!existsSync(DIST)) throw new Error('The server is not built: run "npm run build" first.');
await import('reflect-metadata');
const { NestFactory } = await import('@nestjs/core');
const room = (name) => import(new URL(`${name}/index.js`, DIST).href);
const [{ ConfigModule, loadSettings }, { ClockModule }, { EventsModule }, processMemory, imageMemory] =
  await Promise.all(['config', 'clock', 'events', 'process-memory', 'image-memory'].map(room));
const { MemorySampler, ProcessMemoryModule, readMachineMemory } = processMemory;
const { ImageMemoryManager, ImageMemoryModule } = imageMemory;

const settings = loadSettings({}, readMachineMemory());
class Root {}
const app = await NestFactory.createApplicationContext(
  {
    module: Root,
    imports: [
      ConfigModule.forRoot(settings),
      ClockModule,
      EventsModule,
      ProcessMemoryModule,
      ImageMemoryModule,
    ],
  },
  { logger: ['error', 'warn'] },
);
const manager = app.get(ImageMemoryManager);
const sampler = app.get(MemorySampler);

const header = {
  format: 'jpeg',
  width: 6_000,
  height: 4_000,
  pages: 1,
  channels: 3,
  bitsPerSample: 8,
  hasAlpha: false,
  progressive: true,
  chromaSubsampling: '4:2:0',
  orientation: 1,
  bytes: 7_000_000,
};
const operation = {
  outputWidth: 800,
  outputHeight: 533,
  pages: 1,
  format: 'webp',
  lossless: false,
  outputAlpha: false,
  optimiseCoding: true,
  palette: false,
  rotation: 'none',
  trim: false,
};
const ask = (bytes, job) => ({ bytes, class: 'interactive', label: 'bench', job });

/** The right answers first: a lease counts while it is held, and is gone after its release. */
async function check() {
  const before = manager.metrics();
  const bytes = manager.estimate(header, operation);
  const lease = await manager.reserve(ask(bytes, true));
  const during = manager.metrics();
  lease.release();
  const after = manager.metrics();
  if (
    before.reservedBytes !== 0 ||
    during.reservedBytes !== bytes ||
    after.reservedBytes !== 0 ||
    after.leases !== 0
  ) {
    throw new Error(
      `the ledger is wrong: ${before.reservedBytes} before, ${during.reservedBytes} of ${bytes} during, ${after.reservedBytes} after`,
    );
  }
  print(
    `checked: a 24 MP progressive JPEG → 800 WebP reserves ${bytes} bytes, and nothing after its release`,
  );
}

const STEPS = {
  sample: async () => {
    sampler.sample();
  },
  estimate: async () => {
    manager.estimate(header, operation);
  },
  'reserve and release': async () => {
    (await manager.reserve(ask(64 * 1024 ** 2, true))).release();
  },
  'all of a request': async () => {
    sampler.sample();
    if (!manager.shouldAllowImageOperations())
      throw new Error('image work is refused: the machine is short of memory');
    const lease = await manager.reserve(ask(manager.estimate(header, operation), true));
    lease.release();
  },
};

await check();
const held = [];
for (let i = 0; i < options.held; i++) held.push(await manager.reserve(ask(1, false)));
print(
  `${options.rounds} rounds of ${options.requests} each, ${options.held} leases held meanwhile; every request takes a fresh sample,`,
);
print('though the server samples again only after 50 ms');
print();
const micros = Object.fromEntries(Object.keys(STEPS).map((name) => [name, []]));
const cpuMicros = Object.fromEntries(Object.keys(STEPS).map((name) => [name, []]));
for (let round = -1; round < options.rounds; round++) {
  for (const [name, step] of Object.entries(STEPS)) {
    const startedMs = performance.now();
    const startedCpu = process.cpuUsage();
    for (let i = 0; i < options.requests; i++) await step();
    const each = ((performance.now() - startedMs) / options.requests) * 1_000;
    const cpu = process.cpuUsage(startedCpu);
    // the first round only warms up
    if (round < 0) continue;
    micros[name].push(each);
    cpuMicros[name].push((cpu.user + cpu.system) / options.requests);
  }
}
for (const lease of held) lease.release();
const left = manager.metrics();
await app.close();

printTable(
  ['what', 'µs each, median', 'spread %', 'CPU µs each'],
  Object.entries(micros).map(([name, each]) => [
    name,
    fixed(median(each)),
    fixed(spreadPercent(each), 0),
    fixed(median(cpuMicros[name])),
  ]),
);
const verdict = new Verdict();
const whole = median(micros['all of a request']);
verdict.require(whole < MOST_MICROS, `admission costs ${fixed(whole)} µs a request, under ${MOST_MICROS}`);
verdict.require(
  left.reservedBytes === 0 && left.leases === 0,
  `ledger at the end: ${left.reservedBytes} bytes, ${left.leases} leases, exactly 0`,
);
verdict.end();
