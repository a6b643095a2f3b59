import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { compileSources, type CompiledSources } from '../../test/support/compiled-sources.js';
import { bytesOf, filesBelow, openStore, temporaryFolder } from './store.fixture.js';

const KILLS = 24;
const LARGE_BYTES = 45 * 1024 ** 2;
const MAX_RISE_BYTES = 16 * 1024 ** 2;

interface Child {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly lines: Interface;
}

describe('FilesystemStore in a process of its own', () => {
  let rooms: CompiledSources;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let child: Child | null;

  beforeAll(async () => {
    rooms = await compileSources(['src', 'test/support']);
  }, 60_000);

  afterAll(() => rooms.remove());

  beforeEach(async () => {
    folder = await temporaryFolder();
    child = null;
  });

  afterEach(async () => {
    if (child !== null && child.process.exitCode === null && child.process.signalCode === null) {
      const exited = once(child.process, 'exit');
      child.process.kill('SIGKILL');
      await exited;
    }
    await folder.remove();
  });

  function start(mode: string, argument: string): Child {
    const process_ = spawn(
      process.execPath,
      [rooms.file('src/object-storage/store-process.fixture.ts'), mode, folder.path, argument],
      { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } },
    );
    return { process: process_, lines: createInterface({ input: process_.stdout }) };
  }

  it(`loses nothing that was acknowledged, and serves nothing half, over ${KILLS} kills`, async () => {
    const acknowledged = new Map<string, number>();
    const begun = new Map<string, Map<number, number>>();
    let seed = 20_260_101;
    for (let round = 0; round < KILLS; round++) {
      const writing = start('write-until-killed', String(round));
      child = writing;
      const closed = once(writing.lines, 'close');
      await new Promise<void>((resolve) => {
        writing.lines.on('line', (line) => {
          const [what, key = '', version, size] = line.split(' ');
          if (what === 'ready') resolve();
          if (what === 'begin') {
            const versions = begun.get(key) ?? new Map<number, number>();
            begun.set(key, versions.set(round * 1e6 + Number(version), Number(size)));
          }
          if (what === 'done') acknowledged.set(key, round * 1e6 + Number(version));
        });
      });
      // The moment is the point here: anywhere in the first writes, or well into them.
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      await wait((seed >> 8) % 160);
      writing.process.kill('SIGKILL');
      await closed;

      const store = await openStore({ dataDir: folder.path, maxBytes: 4 * 1024 ** 2 });
      const wrong: string[] = [];
      for (const [key, versions] of begun) {
        const found = await store.read(key as `uploads/${string}`);
        const atLeast = acknowledged.get(key);
        if (found === null) {
          if (atLeast !== undefined) wrong.push(`${key} is lost`);
          continue;
        }
        const version = Number(found.info.attributes['version']);
        const candidates = [...versions].filter(([id]) => id % 1e6 === version && id >= (atLeast ?? 0));
        const whole = candidates.some(([, size]) => found.bytes.equals(bytesOf(key, version, size)));
        if (!whole) wrong.push(`${key} is not the version ${version} that was written`);
      }
      for await (const { key, attributes } of store.list('variants/')) {
        const found = await store.read(key);
        const version = Number(attributes['version']);
        const source = [...begun].find(([, versions]) =>
          [...versions.keys()].some((id) => id % 1e6 === version),
        );
        if (found === null || source === undefined) wrong.push(`${key} is listed and not there`);
      }
      const { corruptDropped, objects } = store.snapshot();
      await store.onApplicationShutdown();
      expect({ round, wrong, corruptDropped }).toEqual({ round, wrong: [], corruptDropped: 0 });
      const files = await filesBelow(folder.path);
      const count = objects.uploads.count + objects.originals.count + objects.variants.count;
      expect({ round, files: files.length }).toEqual({ round, files: 2 * count });
    }
    expect(acknowledged.size).toBeGreaterThan(KILLS);
  }, 240_000);

  it(`raises resident memory by less than ${MAX_RISE_BYTES} bytes to take, and to give, ${LARGE_BYTES} bytes`, async () => {
    if (!existsSync('/proc/self/clear_refs')) {
      process.stdout.write('skipped the streaming memory: this system has no /proc/<pid>/clear_refs\n');
      return;
    }
    const rises: Record<string, number> = {};
    for (const mode of ['upload', 'read-back']) {
      const transfer = start(mode, String(LARGE_BYTES));
      child = transfer;
      const said = transfer.lines[Symbol.asyncIterator]();
      expect((await said.next()).value).toBe('ready');
      const { pid } = transfer.process;
      const residentBytes = async (field: 'VmRSS' | 'VmHWM'): Promise<number> => {
        const status = await readFile(`/proc/${pid}/status`, 'utf8');
        return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
      };
      // Forgets the peak so far; what follows is exact, not sampled.
      await writeFile(`/proc/${pid}/clear_refs`, '5');
      const before = await residentBytes('VmRSS');
      transfer.process.stdin.write('go\n');
      expect((await said.next()).value).toBe('done');
      rises[mode] = (await residentBytes('VmHWM')) - before;
      const exited = once(transfer.process, 'exit');
      transfer.process.stdin.write('end\n');
      await exited;
    }

    const text = Object.entries(rises).map(
      ([mode, bytes]) => `${mode} +${(bytes / 1024 ** 2).toFixed(1)} MiB`,
    );
    process.stdout.write(`streaming 45 MiB: ${text.join(', ')}\n`);
    expect(rises['upload']).toBeLessThan(MAX_RISE_BYTES);
    expect(rises['read-back']).toBeLessThan(MAX_RISE_BYTES);
  }, 120_000);
});
