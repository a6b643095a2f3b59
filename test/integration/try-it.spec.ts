import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { compileSources, type CompiledSources } from '../support/compiled-sources.js';

const PROJECT = resolve(import.meta.dirname, '../..');
const TITLE = 'The mark on the hull';

/** The first commands below a heading of a document. */
async function commandsOf(document: string, heading: string): Promise<string> {
  const text = await readFile(join(PROJECT, document), 'utf8');
  const section = text.split(`\n## ${heading}\n`)[1] ?? '';
  return /```sh\n([\s\S]*?)```/.exec(section)?.[1] ?? '';
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** The answers in what was printed, in order: each is a line. */
const answersIn = (output: string): readonly Record<string, unknown>[] =>
  output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((text) => JSON.parse(text) as Record<string, unknown>);

const isServing = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );

describe('what the documents tell a new user to try', () => {
  let clone: CompiledSources;
  let folder: string;
  let shell: ChildProcess | undefined;

  beforeEach(async () => {
    clone = await compileSources(['src']);
    folder = dirname(dirname(clone.file('src/main.ts')));
    await symlink(join(folder, 'src'), join(folder, 'dist'));
    await mkdir(join(folder, 'tmp'));
    for (const part of ['bin', 'examples'])
      await cp(join(PROJECT, part), join(folder, part), { recursive: true });
    // what is built here is built already; all else as it is
    const { scripts, ...manifest } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ ...manifest, scripts: { start: scripts['start'] } }),
    );
  });

  afterEach(async () => {
    if (shell?.pid !== undefined && shell.exitCode === null) process.kill(-shell.pid, 'SIGKILL');
    await clone.remove();
  });

  /** Runs the commands as a person does who pastes them into a shell; `set -m` gives jobs to it as a terminal does. */
  async function run(commands: string): Promise<{ readonly code: number | null; readonly output: string }> {
    shell = spawn('bash', ['-c', `set -m\n${commands}\nwait`], {
      cwd: folder,
      detached: true,
      env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: join(folder, 'tmp') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    shell.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    shell.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(shell, 'close')) as [number | null];
    return { code, output };
  }

  it('is the same in both, and no longer than twenty lines', async () => {
    const commands = await commandsOf('docs/bookmarks.md', 'Try it');

    expect(commands.split('\n').filter((line) => line !== '').length).toBeLessThanOrEqual(20);
    expect(await commandsOf('README.md', 'Bookmarks')).toBe(commands);
  });

  it('works: a page is kept, described, pictured, found with a typo, exported, deleted, imported, found', async () => {
    const [pages = 0, server = 0] = await freePorts(2);
    const commands = (await commandsOf('docs/bookmarks.md', 'Try it'))
      .replace('node examples/serve.mjs', `node examples/serve.mjs ${pages}`)
      .replaceAll('4777', String(pages))
      .replaceAll('4778', String(server))
      .replaceAll('sleep 1', 'sleep 0.1');

    const { output } = await run(commands);

    const [kept, described, found, imported, foundAgain] = answersIn(output);
    expect(kept).toMatchObject({ title: null, tags: ['sea'], alreadyExists: false });
    expect(described).toMatchObject({
      id: kept?.['id'],
      title: TITLE,
      description: expect.stringContaining('cargo ship carries a circle'),
      tags: ['sea'],
      image: { source: 'page' },
      metadata: { author: { value: 'Ada Keel', source: 'page' } },
      enrichment: { state: 'done' },
    });
    expect(await sharp(await readFile(join(folder, 'preview.webp'))).metadata()).toMatchObject({
      format: 'webp',
      width: 600,
      height: 400,
    });
    expect(found).toMatchObject({ bookmarks: [{ id: kept?.['id'], title: TITLE }] });
    expect(await readFile(join(folder, 'bookmarks.jsonl'), 'utf8')).toContain(TITLE);
    expect(imported).toMatchObject({ format: 'jsonl' });
    expect(foundAgain).toMatchObject({ bookmarks: [{ title: TITLE, tags: ['sea'] }] });
    expect(answersIn(output)).toHaveLength(5);
    expect(await Promise.all([isServing(pages), isServing(server)])).toEqual([false, false]);
  }, 90_000);
});
