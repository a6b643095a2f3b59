import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ContainerMemory } from './container-memory.js';
import { readMachineMemory } from './machine-memory.js';

const MIB = 1024 ** 2;
const LIMIT_BYTES = 256 * MIB;
const MEMORY_MOUNT = '/sys/fs/cgroup/memory';

/** Waits for its orders, then holds 64 MiB and has written a file of 96 MiB and read it twice, by small pieces. */
const CHILD = `
  const { closeSync, openSync, readSync, writeSync } = require('node:fs');
  process.stdin.on('data', (order) => {
    const piece = Buffer.alloc(1024 ** 2, 2);
    const file = openSync(order.toString().trim(), 'w+');
    for (let mib = 0; mib < 96; mib += 1) writeSync(file, piece);
    for (let at = 0; at < 192; at += 1) readSync(file, piece, 0, piece.length, (at % 96) * piece.length);
    closeSync(file);
    globalThis.held = Buffer.alloc(64 * 1024 ** 2, 1);
    console.log('ready');
  });
`;

function makeGroup(): { path: string } | { reason: string } {
  const path = join(MEMORY_MOUNT, `plimsoll-spec-${process.pid}`, 'inner');
  try {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, '..', 'memory.limit_in_bytes'), String(LIMIT_BYTES));
    return { path };
  } catch (error) {
    return { reason: `no writable cgroup v1 hierarchy of memory here (${String(error)})` };
  }
}

/** A group is busy for a moment after its last process has ended. */
async function removeGroup(path: string, attempts = 50): Promise<void> {
  try {
    rmdirSync(path);
  } catch (error) {
    if (attempts === 0) throw error;
    await new Promise((resolve) => setTimeout(resolve, 20));
    await removeGroup(path, attempts - 1);
  }
}

const group = makeGroup();
if ('reason' in group) process.stderr.write(`Skipped: reading a real cgroup: ${group.reason}.\n`);
const describeReal = 'reason' in group ? describe.skip : describe;

describeReal('a child process in a real cgroup v1 whose parent group is limited to 256 MiB', () => {
  const path = 'path' in group ? group.path : '';
  let folder: string;
  let child: ChildProcessWithoutNullStreams;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'plimsoll-real-cgroup-'));
    child = spawn(process.execPath, ['-e', CHILD], { env: {} });
    writeFileSync(join(path, 'cgroup.procs'), String(child.pid));
    child.stdin.write(`${join(folder, 'file')}\n`);
    const [said] = (await Promise.race([
      once(createInterface(child.stdout), 'line'),
      once(child, 'exit'),
    ])) as unknown[];
    if (said !== 'ready') throw new Error(`The child ended early: ${String(said)}.`);
  });

  afterAll(async () => {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
    await removeGroup(path);
    await removeGroup(join(path, '..'));
  });

  it('shows its limit, and a usage without the file it has read', () => {
    const container = new ContainerMemory({
      totalMemoryBytes: totalmem(),
      monotonicMs: () => 0,
      procDir: `/proc/${child.pid}`,
    });

    const { state, usedBytes, limitBytes } = container.read();

    expect({ state, limitBytes }).toEqual({ state: 'limited', limitBytes: LIMIT_BYTES });
    expect(usedBytes).toBeGreaterThan(64 * MIB);
    // 64 MiB held and what node itself needs; the file would add 96 MiB.
    expect(usedBytes).toBeLessThan(128 * MIB);
  });

  it('gives the machine memory that the plan is made of', () => {
    const machine = readMachineMemory(`/proc/${child.pid}`);

    expect(machine.containerLimitBytes).toBe(LIMIT_BYTES);
    expect(machine.totalMemoryBytes).toBe(totalmem());
    expect(machine.heapLimitBytes).toBeGreaterThan(0);
  });
});
