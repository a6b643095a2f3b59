// One image operation in a process of its own: what the cost model says of it, and what it took. One argument, JSON:
// { path, tinyPath, act: 'transform' | 'placeholder' | 'decode-check', query, cheaper }. Prints one line of JSON.
import { setTimeout as sleep } from 'node:timers/promises';
import { loadSettings } from '../../dist/config/index.js';
import { estimateOperationBytes } from '../../dist/image-memory/cost-model.js';
import { parseImageQuery } from '../../dist/images/parameters/parse-image-query.js';
import { probeHeader, probeLimits } from '../../dist/images/probe/probe-header.js';
import { decodeCheck, decodeCheckOperation } from '../../dist/images/transform/decode-check.js';
import { makePlaceholder, placeholderOperation } from '../../dist/images/transform/placeholder.js';
import { planTransform } from '../../dist/images/transform/plan-transform.js';
import { transformImage } from '../../dist/images/transform/transform-image.js';
import { readMachineMemory } from '../../dist/process-memory/index.js';
import { memoryOf, resetHighWater } from './process-figures.mjs';

const { path, tinyPath, act, query, cheaper } = JSON.parse(process.argv[2]);
const settings = loadSettings({ NODE_ENV: 'production', IMAGE_SVG: 'on' }, readMachineMemory());
const SETTLE_MS = 50;

/** @returns what is reserved for, and what runs then, as in the server */
async function prepare(input, text) {
  const header = await probeHeader(input, probeLimits(settings));
  if (act === 'placeholder')
    return { header, operation: placeholderOperation(header), run: () => makePlaceholder(input, header) };
  if (act === 'decode-check')
    return { header, operation: decodeCheckOperation(header), run: () => decodeCheck(input, header) };
  const { parameters } = parseImageQuery([...new URLSearchParams(text)], settings);
  const plan = planTransform(header, parameters, parameters.format, settings, { cheaper });
  return { header, operation: plan.operation, run: () => transformImage(input, plan) };
}

/** The same request for a picture of a few pixels: codecs, threads and our own code are loaded by it. */
const tinyQuery = query?.replace(/\b([wh])=\d+/g, '$1=32');
const tiny = await prepare(tinyPath, tinyQuery);
await tiny.run();

const { header, operation, run } = await prepare(path, query);
const estimateBytes = estimateOperationBytes(header, operation);
globalThis.gc?.();
await sleep(SETTLE_MS);
if (!resetHighWater('self')) throw new Error('The high-water mark of the kernel cannot be reset here.');
const { rssBytes } = memoryOf('self');
const startedMs = performance.now();
await run();
const ms = performance.now() - startedMs;
const actualBytes = memoryOf('self').highWaterBytes - rssBytes;
process.stdout.write(`${JSON.stringify({ estimateBytes, actualBytes, ms })}\n`);
