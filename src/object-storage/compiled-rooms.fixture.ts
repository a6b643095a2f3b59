import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { transform } from '@swc/core';

const PROJECT = resolve(import.meta.dirname, '../..');

/** What a child process of this room's specs needs to load. */
const FOLDERS = [
  'src/object-storage',
  'src/process-memory',
  'src/clock',
  'src/config',
  'src/errors',
  'test/support',
];

export interface CompiledRooms {
  /** Path of a compiled file by its source's path. */
  file(source: string): string;
  remove(): Promise<void>;
}

/** Compiles the rooms to JavaScript in a temporary folder, so that a process of its own can run them. */
export async function compileRooms(): Promise<CompiledRooms> {
  const root = await mkdtemp(join(tmpdir(), 'plimsoll-compiled-'));
  await symlink(join(PROJECT, 'node_modules'), join(root, 'node_modules'));
  await writeFile(join(root, 'package.json'), '{ "type": "module" }');
  const swcrc = JSON.parse(await readFile(join(PROJECT, '.swcrc'), 'utf8')) as object;
  for (const folder of FOLDERS) {
    for (const name of await readdir(join(PROJECT, folder))) {
      if (!name.endsWith('.ts') || name.endsWith('.spec.ts') || name.endsWith('.contract.ts')) continue;
      const source = await readFile(join(PROJECT, folder, name), 'utf8');
      const { code } = await transform(source, { ...swcrc, swcrc: false, filename: name, sourceMaps: false });
      const target = join(root, folder, name.replace(/\.ts$/, '.js'));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, code);
    }
  }
  return {
    file: (source) => join(root, source.replace(/\.ts$/, '.js')),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}
