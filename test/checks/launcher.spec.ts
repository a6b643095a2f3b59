import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from '@jest/globals';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parseBytes } from '../../src/config/units.js';

const ROOT = resolve(import.meta.dirname, '../..');
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the stand-in for the server prints about the process that it finds itself in. */
interface Started {
  readonly execArgv: readonly string[];
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A machine of 8 GiB without a container; tests stand files of their own beside it. */
const MACHINE = {
  'proc/meminfo': 'MemTotal:        8388608 kB\nMemFree: 1 kB\n',
  'proc/self/cgroup': '0::/\n',
};

describe('bin/plimsoll', () => {
  let folder: string;
  let app: string;
  let cwd: string;
  let machine: string;

  const place = (base: string, files: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(base, name)), { recursive: true });
      writeFileSync(join(base, name), text);
    }
  };

  interface RunOptions {
    readonly env?: Readonly<Record<string, string>>;
    readonly command?: string;
    readonly path?: string;
  }

  function run(
    args: readonly string[],
    { env = {}, command = join(app, 'bin/plimsoll'), path }: RunOptions = {},
  ): Promise<Run> {
    const base = {
      PATH: path ?? `${dirname(process.execPath)}${delimiter}${process.env['PATH']}`,
      PLIMSOLL_SYS_ROOT: machine,
    };
    return new Promise((done) => {
      execFile(command, args, { cwd, env: { ...base, ...env } }, (error, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  async function launch(options?: RunOptions): Promise<Readonly<Record<string, string>>> {
    const { stdout, stderr, code } = await run(['--print-launch'], options);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    return Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  async function start(options?: RunOptions): Promise<Started> {
    const { stdout, stderr, code } = await run([], options);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    return JSON.parse(stdout) as Started;
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'plimsoll launcher ')); // with a blank, on purpose
    app = join(folder, 'app');
    place(app, {
      'dist/main.js':
        'console.log(JSON.stringify({ execArgv: process.execArgv, argv: process.argv.slice(2), cwd: process.cwd(), env: process.env }));\n',
      'package.json': '{ "name": "plimsoll", "version": "7.8.9", "type": "module" }\n'.replaceAll(
        ', ',
        ',\n',
      ),
    });
    mkdirSync(join(app, 'bin'));
    copyFileSync(join(ROOT, 'bin/plimsoll'), join(app, 'bin/plimsoll'));
    chmodSync(join(app, 'bin/plimsoll'), 0o755);
  });

  beforeEach(() => {
    cwd = mkdtempSync(join(folder, 'cwd-'));
    machine = mkdtempSync(join(folder, 'machine-'));
    place(machine, MACHINE);
  });

  afterEach(() => {
    rmSync(cwd, { recursive: true, force: true });
    rmSync(machine, { recursive: true, force: true });
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is a script that a POSIX shell reads', () => {
    expect(() => execFileSync('sh', ['-n', join(ROOT, 'bin/plimsoll')], { stdio: 'pipe' })).not.toThrow();
  });

  describe('starting the server', () => {
    it('replaces itself by node with a heap limit of a quarter of L, and passes the arguments on', async () => {
      const { stdout } = await run(['--print-config', 'a b']);
      const started = JSON.parse(stdout) as Started;

      expect(started.execArgv).toEqual(['--max-old-space-size=512', '--max-semi-space-size=4']);
      expect(started.argv).toEqual(['--print-config', 'a b']);
    });

    it('works through a chain of symbolic links, absolute and relative, and keeps the folder it was called in', async () => {
      mkdirSync(join(folder, 'links'), { recursive: true });
      symlinkSync(join(app, 'bin/plimsoll'), join(folder, 'links/absolute'));
      symlinkSync('../links/absolute', join(folder, 'links/plimsoll'));

      const started = await start({ command: join(folder, 'links/plimsoll') });

      expect(started.cwd).toBe(cwd);
    });

    it('works by a relative path and through PATH', async () => {
      symlinkSync(join(app, 'bin'), join(cwd, 'here'));

      const byPath = `${join(app, 'bin')}${delimiter}${dirname(process.execPath)}${delimiter}${process.env['PATH']}`;

      expect((await run(['--version'], { command: './here/plimsoll' })).stdout).toBe('plimsoll 7.8.9\n');
      expect((await run(['--version'], { command: 'plimsoll', path: byPath })).stdout).toBe(
        'plimsoll 7.8.9\n',
      );
    });

    it('keeps a heap limit that the operator put into NODE_OPTIONS', async () => {
      const started = await start({ env: { NODE_OPTIONS: '--max_old_space_size=300' } });

      expect(started.execArgv).toEqual(['--max-semi-space-size=4']);
    });

    it('prints help without needing node', async () => {
      const { code, stdout } = await run(['--help'], { path: '/usr/bin:/bin' });

      expect({ code, firstLine: stdout.split('\n')[0] }).toEqual({
        code: 0,
        firstLine: 'Usage: plimsoll [option]',
      });
    });
  });

  describe('when it cannot start', () => {
    const fakeNode = (script: string): string => {
      place(cwd, { 'fake/node': `#!/bin/sh\n${script}\n` });
      chmodSync(join(cwd, 'fake/node'), 0o755);
      return `${join(cwd, 'fake')}${delimiter}/usr/bin${delimiter}/bin`;
    };

    it.each(['v18.20.4', 'v20.18.1', 'v16.0.0', 'v20.9.0'])(
      'names the version that it needs and the one it found (%s)',
      async (version) => {
        const outcome = await run([], { path: fakeNode(`echo ${version}`) });

        expect(outcome).toEqual({
          code: 78,
          stdout: '',
          stderr: `plimsoll: Node.js 20.19 or newer is needed, got ${version}.\n`,
        });
      },
    );

    it.each(['v20.19.0', 'v20.20.2', 'v22.1.0', 'v24.3.0', 'v31.0.0'])('takes %s', async (version) => {
      const outcome = await run([], {
        path: fakeNode(`if [ "$1" = --version ]; then echo ${version}; else echo started; fi`),
      });

      expect(outcome).toEqual({ code: 0, stdout: 'started\n', stderr: '' });
    });

    it('says how to build when the server is not built', async () => {
      const bare = join(cwd, 'bare/bin');
      mkdirSync(bare, { recursive: true });
      copyFileSync(join(ROOT, 'bin/plimsoll'), join(bare, 'plimsoll'));

      const outcome = await run([], { command: join(bare, 'plimsoll') });

      expect(outcome).toEqual({
        code: 78,
        stdout: '',
        stderr: expect.stringContaining('run "npm run build" first'),
      });
    });
  });

  describe('the line', () => {
    it('is the default budget on a machine with room', async () => {
      expect(await launch()).toMatchObject({
        memory_total_bytes: String(8 * GIB),
        container_limit_bytes: 'none',
        line_bytes: '2147483648',
        line_source: 'setting',
        heap_mib: '512',
      });
    });

    it.each([
      '1073741824',
      '512MB',
      '512mb',
      '1GiB',
      '1.5GiB',
      '0.75 g',
      ' 700M ',
      '900000KB',
      '800000 KiB',
      '640mib',
    ])('reads the budget "%s" as the server does', async (text) => {
      const { line_bytes: line } = await launch({ env: { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: text } });

      expect(Number(line)).toBe(parseBytes(text));
    });

    it.each(['', 'lots', '-5', '0', '5 parsecs', '1e9', '1.', 'NaN', '\\n5', '1GiB\n2GiB'])(
      'leaves the judgement of the budget "%s" to the server and counts with the default',
      async (text) => {
        const { line_bytes: line } = await launch({ env: { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: text } });

        expect(Number(line)).toBe(2 * GIB);
      },
    );

    it('is 0.9 of a small machine', async () => {
      place(machine, { 'proc/meminfo': 'MemTotal: 1048576 kB\n' });

      expect(await launch()).toMatchObject({
        line_bytes: String(Math.floor(0.9 * GIB)),
        line_source: 'machine',
        heap_mib: '230',
      });
    });

    it('never leaves less than 48 MiB to the heap', async () => {
      expect(await launch({ env: { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '160MiB' } })).toMatchObject({
        heap_mib: '48',
      });
    });

    it('counts with the setting alone where the machine says nothing', async () => {
      rmSync(join(machine, 'proc'), { recursive: true });

      expect(await launch()).toMatchObject({
        memory_total_bytes: '0',
        container_limit_bytes: 'none',
        line_bytes: String(2 * GIB),
      });
    });

    const half = String(512 * MIB);

    it.each<readonly [string, Readonly<Record<string, string>>, number | null]>([
      [
        'v2, a limit at the root of the namespace',
        { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': `${half}\n` },
        512 * MIB,
      ],
      [
        'v2, a limit on the own group',
        { 'proc/self/cgroup': '0::/a.slice/b.scope\n', 'sys/fs/cgroup/a.slice/b.scope/memory.max': half },
        512 * MIB,
      ],
      [
        'v2, a tighter limit on a parent',
        {
          'proc/self/cgroup': '0::/a.slice/b.scope\n',
          'sys/fs/cgroup/a.slice/b.scope/memory.max': 'max\n',
          'sys/fs/cgroup/a.slice/memory.max': '268435456\n',
          'sys/fs/cgroup/memory.max': half,
        },
        256 * MIB,
      ],
      ['v2, no limit', { 'proc/self/cgroup': '0::/a\n', 'sys/fs/cgroup/a/memory.max': 'max\n' }, null],
      [
        'v2, the path of the host, which is not mounted here',
        { 'proc/self/cgroup': '0::/docker/0123\n', 'sys/fs/cgroup/memory.max': half },
        512 * MIB,
      ],
      [
        'v2, a group outside of the namespace',
        { 'proc/self/cgroup': '0::/../../other\n', 'sys/fs/cgroup/memory.max': half },
        512 * MIB,
      ],
      [
        'v2 beside v1',
        { 'proc/self/cgroup': '3:cpuset:/\n0::/x\n', 'sys/fs/cgroup/unified/x/memory.max': half },
        512 * MIB,
      ],
      [
        'v1, a limit on the own group',
        {
          'proc/self/cgroup': '4:memory:/a/b\n0::/\n',
          'sys/fs/cgroup/memory/a/b/memory.limit_in_bytes': half,
        },
        512 * MIB,
      ],
      [
        'v1, a limit on the parent',
        { 'proc/self/cgroup': '4:memory:/a/b\n', 'sys/fs/cgroup/memory/a/memory.limit_in_bytes': half },
        512 * MIB,
      ],
      [
        'v1, a limit on a parent that is not visible',
        {
          'proc/self/cgroup': '4:memory:/a\n',
          'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
          'sys/fs/cgroup/memory/memory.stat': `cache 1\nhierarchical_memory_limit ${half}\ntotal_rss 1\n`,
        },
        512 * MIB,
      ],
      [
        'v1, controllers mounted together',
        { 'proc/self/cgroup': '4:cpu,memory:/a\n', 'sys/fs/cgroup/memory/a/memory.limit_in_bytes': half },
        512 * MIB,
      ],
      [
        'v1, the number that means no limit',
        {
          'proc/self/cgroup': '4:memory:/\n',
          'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
        },
        null,
      ],
      [
        'a path with a colon',
        { 'proc/self/cgroup': '0::/a:b\n', 'sys/fs/cgroup/a:b/memory.max': half },
        512 * MIB,
      ],
      ['a limit of zero', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': '0\n' }, null],
      [
        'zero beside a limit',
        {
          'proc/self/cgroup': '0::/a\n',
          'sys/fs/cgroup/a/memory.max': half,
          'sys/fs/cgroup/memory.max': '0\n',
        },
        512 * MIB,
      ],
      [
        'a limit above the memory of the machine',
        { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': String(9 * GIB) },
        null,
      ],
      ['2^64', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': '18446744073709551615\n' }, null],
      [
        'something that is no number',
        { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': 'plenty\n' },
        null,
      ],
      ['an empty file', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': '' }, null],
    ])('respects the container: %s', async (_, files, limitBytes) => {
      place(machine, files);

      expect(await launch()).toMatchObject(
        limitBytes === null
          ? { container_limit_bytes: 'none', line_source: 'setting' }
          : {
              container_limit_bytes: String(limitBytes),
              line_bytes: String(Math.floor(0.9 * limitBytes)),
              line_source: 'container',
              heap_mib: String(Math.floor((0.25 * 0.9 * limitBytes) / MIB)),
            },
      );
    });
  });

  describe('the .env file of the current folder', () => {
    it('reaches the server and decides the line', async () => {
      place(cwd, { '.env': '# a comment\nTOTAL_PROCESS_MEMORY_BUDGET_BYTES="512MiB" # small\nPORT=3111\n' });

      const started = await start();

      expect(started.execArgv).toEqual([
        '--max-old-space-size=128',
        '--max-semi-space-size=4',
        '--env-file=.env',
      ]);
      expect(started.env).toMatchObject({ PORT: '3111', TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '512MiB' });
    });

    it('yields to the environment, even to an empty variable', async () => {
      place(cwd, { '.env': 'TOTAL_PROCESS_MEMORY_BUDGET_BYTES=512MiB\nIMAGE_JOBS=9\n' });

      const launched = await launch({ env: { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1GiB', IMAGE_JOBS: '3' } });
      const emptied = await launch({ env: { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '' } });

      expect(launched).toMatchObject({ line_bytes: String(GIB), UV_THREADPOOL_SIZE: '7' });
      expect(emptied).toMatchObject({ line_bytes: String(2 * GIB), UV_THREADPOOL_SIZE: '13' });
    });

    it('sets what must be known before the process exists', async () => {
      place(cwd, { '.env': 'UV_THREADPOOL_SIZE=21\nLD_PRELOAD=\nMALLOC_ARENA_MAX=5\n' });

      expect((await start()).env).toMatchObject({
        UV_THREADPOOL_SIZE: '21',
        MALLOC_ARENA_MAX: '5',
        MALLOC_MMAP_THRESHOLD_: '65536',
      });
    });

    it('is never executed', async () => {
      place(cwd, {
        '.env':
          'IMAGE_JOBS=$(touch ran)\nMALLOC_ARENA_MAX=`touch ran`\nMALLOC_CONF=";touch ran;"\ntouch ran\n',
      });

      await launch();
      const listing = execFileSync('ls', ['-A'], { cwd, encoding: 'utf8' });

      expect(listing).toBe('.env\n');
    });

    it.each([
      'IMAGE_JOBS=3',
      'export IMAGE_JOBS=3',
      '  IMAGE_JOBS = 3  ',
      `IMAGE_JOBS='3'`,
      'IMAGE_JOBS=`3`',
      'IMAGE_JOBS=3 # three',
      'IMAGE_JOBS=3\r',
      'IMAGE_JOBS=9\nIMAGE_JOBS=3',
      'IMAGE_JOBS=3\n#IMAGE_JOBS=9',
      'IMAGE_JOBS=3\nIMAGE_JOBS_MORE=9',
      'IMAGE_JOBS=3\nOTHER="first\nIMAGE_JOBS=9\nlast"\n',
    ])('is read as node reads it: %j', async (text) => {
      place(cwd, { '.env': text });

      const byNode = execFileSync(process.execPath, ['--env-file=.env', '-p', 'process.env.IMAGE_JOBS'], {
        cwd,
        encoding: 'utf8',
        env: {},
      });

      expect(byNode).toBe('3\n');
      expect(await launch()).toMatchObject({ UV_THREADPOOL_SIZE: '7' });
    });
  });

  describe('the threadpool', () => {
    it('has a thread for each image job and four beside', async () => {
      expect(await launch({ env: { IMAGE_JOBS: '12' } })).toMatchObject({ UV_THREADPOOL_SIZE: '16' });
    });

    it.each(['auto', '', '08', '-1', 'many', '99999999999999999999'])(
      'counts cores + 1 jobs when IMAGE_JOBS is "%s"',
      async (jobs) => {
        place(cwd, { 'fake/nproc': '#!/bin/sh\necho 6\n' });
        chmodSync(join(cwd, 'fake/nproc'), 0o755);

        const launched = await launch({
          env: { IMAGE_JOBS: jobs },
          path: `${join(cwd, 'fake')}${delimiter}${process.env['PATH']}`,
        });

        expect(launched).toMatchObject({ UV_THREADPOOL_SIZE: '11' });
      },
    );

    it('keeps the size that the operator set', async () => {
      expect((await start({ env: { UV_THREADPOOL_SIZE: '3' } })).env).toMatchObject({
        UV_THREADPOOL_SIZE: '3',
      });
    });
  });

  describe('the allocator', () => {
    /** Any library that loads will do: the launcher asks the linker, not the library. */
    const plantJemalloc = (): string => {
      const harmless = /=> (\S+libm\.so\S*)/.exec(
        execFileSync('ldd', [process.execPath], { encoding: 'utf8' }),
      )?.[1];
      const planted = join(machine, 'usr/lib/libjemalloc.so.2');
      mkdirSync(dirname(planted), { recursive: true });
      // a library path with a blank would be two libraries to the linker
      const bare = mkdtempSync(join(tmpdir(), 'plimsoll-lib-'));
      symlinkSync(harmless!, planted);
      symlinkSync(machine, join(bare, 'root'));
      return join(bare, 'root');
    };

    it('is glibc with two arenas and a low mmap threshold when there is no jemalloc', async () => {
      const { env } = await start();

      expect(env).toMatchObject({ MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '65536' });
      expect(env).not.toHaveProperty('LD_PRELOAD');
      expect(await launch()).toMatchObject({ allocator: 'glibc-tuned' });
    });

    it('is jemalloc with short decay when it is there', async () => {
      const root = plantJemalloc();

      const { env } = await start({ env: { PLIMSOLL_SYS_ROOT: root } });

      expect(env).toMatchObject({
        LD_PRELOAD: `${root}/usr/lib/libjemalloc.so.2`,
        MALLOC_CONF: `narenas:${availableParallelism()},dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true`,
      });
      expect(env).not.toHaveProperty('MALLOC_ARENA_MAX');
      rmSync(dirname(root), { recursive: true });
    });

    it('is glibc when the jemalloc that is there does not load', async () => {
      place(machine, { 'usr/lib/libjemalloc.so.2': 'not a library' });

      expect(await launch()).toMatchObject({ allocator: 'glibc-tuned', LD_PRELOAD: '' });
    });

    it('stays as the operator chose it', async () => {
      const root = plantJemalloc();

      const own = await launch({ env: { PLIMSOLL_SYS_ROOT: root, MALLOC_CONF: 'narenas:1' } });
      const none = await launch({ env: { PLIMSOLL_SYS_ROOT: root, LD_PRELOAD: '', MALLOC_ARENA_MAX: '4' } });

      expect(own).toMatchObject({ allocator: 'jemalloc', MALLOC_CONF: 'narenas:1' });
      expect(none).toMatchObject({
        allocator: 'glibc-tuned',
        LD_PRELOAD: '',
        MALLOC_ARENA_MAX: '4',
        MALLOC_MMAP_THRESHOLD_: '65536',
      });
      rmSync(dirname(root), { recursive: true });
    });

    it('is left alone where the C library is not glibc', async () => {
      plantJemalloc();
      place(cwd, { 'fake/getconf': '#!/bin/sh\nexit 1\n' });
      chmodSync(join(cwd, 'fake/getconf'), 0o755);

      const launched = await launch({ path: `${join(cwd, 'fake')}${delimiter}${process.env['PATH']}` });

      expect(launched).toMatchObject({
        allocator: 'untouched',
        LD_PRELOAD: '',
        MALLOC_ARENA_MAX: '',
        MALLOC_CONF: '',
      });
    });
  });
});
