import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { transform } from '@swc/core';

const PROJECT = resolve(import.meta.dirname, '../..');

export interface CompiledSources {
  /** Path of a compiled file by its source's path in the project. */
  file(source: string): string;
  remove(): Promise<void>;
}

/** Compiles folders of the project, with all below, to JavaScript in a temporary folder: for processes that a spec starts. */
export async function compileSources(folders: readonly string[]): Promise<CompiledSources> {
  const root = await mkdtemp(join(tmpdir(), 'plimsoll-compiled-'));
  await symlink(join(PROJECT, 'node_modules'), join(root, 'node_modules'));
  await writeFile(join(root, 'package.json'), '{ "type": "module" }');
  const options = JSON.parse(await readFile(join(PROJECT, '.swcrc'), 'utf8')) as object;
  for (const folder of folders) {
    for (const name of await readdir(join(PROJECT, folder), { recursive: true })) {
      if (!name.endsWith('.ts') || /\.(?:spec|contract)\.ts$/.test(name)) continue;
      const source = await readFile(join(PROJECT, folder, name), 'utf8');
      const { code } = await transform(source, {
        ...options,
        swcrc: false,
        filename: name,
        sourceMaps: false,
      });
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
