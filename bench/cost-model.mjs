// Compares what the cost model reserves with what operations take: each in a process of its own, by the kernel's
// high-water mark of RSS. See docs/cost-model.md.
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readArguments } from './support/arguments.mjs';
import { corpusOrigin } from './support/corpus.mjs';
import { costOperations } from './support/cost-operations.mjs';
import { costSource } from './support/cost-sources.mjs';
import { readLaunchPlan } from './support/launch-plan.mjs';
import { boundMinutes, ownProcess } from './support/life.mjs';
import { mib, print, printHead, printTable, Verdict } from './support/report.mjs';
import { plainEnvironment } from './support/start-server.mjs';
import { median, quantile } from './support/statistics.mjs';

const options = readArguments(
  'Does the cost model hold? Estimate against the measured peak, operation by operation',
  {
    operations: { default: 200, about: 'how many; the gate needs 150' },
    seed: { default: 4, about: 'seed of the sizes' },
    jobs: { default: availableParallelism(), about: 'processes at once' },
    glibc: { default: false, about: 'tuned glibc, also where the launcher would choose jemalloc' },
    all: { default: false, about: 'print every operation' },
  },
);

const LEAST_OPERATIONS = 150;
const LEAST_RATIO = 0.85;
const MOST_MEDIAN_RATIO = 1.5;
/** Estimates are rounded up to it; such an operation says nothing of the constants. */
const FLOOR_BYTES = 16 * 1024 ** 2;
const OPERATION_TIMEOUT_MS = 120_000;
const LOWEST_SHOWN = 10;

const script = fileURLToPath(new URL('./support/measure-operation.mjs', import.meta.url));
const run = promisify(execFile);

boundMinutes(20);
printHead('bench:cost-model');
const launch = readLaunchPlan(options.glibc ? { env: { LD_PRELOAD: '' } } : {});
print(`allocator: ${launch.allocator}; pictures: ${corpusOrigin}, and drawings`);
print();

const operations = costOperations(options.operations, options.seed);
const paths = {};
for (const { source } of operations) paths[source] ??= await costSource(source);

async function measure(operation) {
  const task = JSON.stringify({ ...operation, ...paths[operation.source] });
  const child = run(process.execPath, [...launch.flags, '--expose-gc', script, task], {
    env: { ...plainEnvironment(), ...launch.env },
    timeout: OPERATION_TIMEOUT_MS,
  });
  ownProcess(child.child);
  try {
    const { estimateBytes, actualBytes, ms } = JSON.parse((await child).stdout);
    return { ...operation, estimateBytes, actualBytes, ms, ratio: estimateBytes / actualBytes };
  } catch (error) {
    return {
      ...operation,
      fault: String(error.stderr || error.message)
        .trim()
        .slice(0, 300),
    };
  }
}

const outcomes = [];
let next = 0;
async function work() {
  while (next < operations.length) {
    const at = next++;
    outcomes[at] = await measure(operations[at]);
  }
}
await Promise.all(Array.from({ length: options.jobs }, work));

const nameOf = ({ source, act, query, cheaper }) =>
  `${source} → ${act === 'transform' ? query : act}${cheaper ? ' (cheaper)' : ''}`;
const measured = outcomes.filter(({ fault }) => fault === undefined).toSorted((a, b) => a.ratio - b.ratio);
const failed = outcomes.filter(({ fault }) => fault !== undefined);
const ratios = (list) => list.map(({ ratio }) => ratio);
const summary = (name, list) => [
  name,
  list.length,
  ...[0, 0.05, 0.5, 0.95, 1].map((share) => quantile(ratios(list), share).toFixed(2)),
];
const HEAD = ['estimate / actual', 'n', 'lowest', 'p5', 'median', 'p95', 'highest'];
const shown = (list) =>
  list.map((one) => [
    nameOf(one),
    one.group,
    mib(one.estimateBytes),
    mib(one.actualBytes),
    one.ratio.toFixed(2),
  ]);
const SHOWN_HEAD = ['operation', 'group', 'estimate MiB', 'actual MiB', 'ratio'];

const groups = [...new Set(operations.map(({ group }) => group))];
printTable(HEAD, [
  ...groups.map((group) =>
    summary(
      group,
      measured.filter((one) => one.group === group),
    ),
  ),
  summary(
    'all above the floor of 16 MiB',
    measured.filter((one) => one.estimateBytes > FLOOR_BYTES),
  ),
  summary('**all**', measured),
]);
print(options.all ? 'All operations, lowest first:' : `The ${LOWEST_SHOWN} lowest:`);
print();
printTable(SHOWN_HEAD, shown(options.all ? measured : measured.slice(0, LOWEST_SHOWN)));
for (const one of failed) print(`FAILED  ${nameOf(one)}: ${one.fault}`);

const verdict = new Verdict();
if (operations.length < LEAST_OPERATIONS)
  verdict.skip(`${operations.length} operations, at least ${LEAST_OPERATIONS} for the gate`);
else
  verdict.require(
    measured.length >= LEAST_OPERATIONS,
    `${measured.length} operations measured, at least ${LEAST_OPERATIONS}`,
  );
verdict.require(failed.length === 0, `${failed.length} operations failed, exactly 0`);
verdict.require(
  measured.length > 0 && measured[0].ratio >= LEAST_RATIO,
  `lowest estimate ${measured[0]?.ratio.toFixed(2)} of the actual peak, at least ${LEAST_RATIO}`,
);
verdict.require(
  median(ratios(measured)) <= MOST_MEDIAN_RATIO,
  `median ${median(ratios(measured)).toFixed(2)} of the actual peak, at most ${MOST_MEDIAN_RATIO}`,
);
verdict.end();
