import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const SRC = resolve(import.meta.dirname, '../../src');

/** The one room that may look; everybody else is told. */
const READER = 'process-memory/';

/** Every way to ask Node or the system how much memory is in use or there is. */
const READINGS: Readonly<Record<string, RegExp>> = {
  'process.memoryUsage': /\bmemoryUsage\b(?!\s*[:?]\s*\{)/,
  'process.resourceUsage': /\bresourceUsage\b/,
  'process.constrainedMemory': /\b(?:constrainedMemory|availableMemory)\b/,
  'os.freemem or os.totalmem': /\b(?:freemem|totalmem)\b/,
  'V8 heap statistics': /\bgetHeap(?:Statistics|SpaceStatistics|CodeStatistics)\b/,
  'heap snapshots': /\b(?:writeHeapSnapshot|getHeapSnapshot)\b/,
  'files of /proc':
    /\/proc\/(?:self|\d+|\$\{[^}]*\})\/(?:status|statm|stat|smaps(?:_rollup)?)\b|\/proc\/meminfo/,
  'files of the cgroup':
    /\bmemory\.(?:current|max|high|stat|events|usage_in_bytes|limit_in_bytes|max_usage_in_bytes|oom_control|pressure)\b|\/sys\/fs\/cgroup/,
};

/** Comments may speak of all of it. */
const withoutComments = (source: string): string =>
  source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');

function readingsIn(source: string): readonly string[] {
  const code = withoutComments(source);
  return Object.keys(READINGS).filter((name) => READINGS[name]?.test(code));
}

function offences(files: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(files)
    .filter(([file]) => !file.startsWith(READER))
    .flatMap(([file, source]) => readingsIn(source).map((reading) => `src/${file} reads memory: ${reading}`));
}

const sources = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(SRC, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !/\.(?:spec|fixture|contract)\.ts$/.test(file))
      .map((file) => [file, readFileSync(join(SRC, file), 'utf8')]),
  );

describe('reading memory', () => {
  it('happens in process-memory alone', () => {
    expect(offences(sources())).toEqual([]);
  });

  it('does happen in process-memory, so that this check looks at the right tree', () => {
    const found = Object.entries(sources())
      .filter(([file]) => file.startsWith(READER))
      .flatMap(([, source]) => readingsIn(source));

    expect(found).toEqual(
      expect.arrayContaining(['process.memoryUsage', 'V8 heap statistics', 'files of the cgroup']),
    );
  });

  it.each([
    ['process.memoryUsage', 'const rss = process.memoryUsage.rss();'],
    ['process.memoryUsage', `import { memoryUsage } from 'node:process';`],
    ['process.resourceUsage', 'process.resourceUsage().maxRSS'],
    ['process.constrainedMemory', 'process.constrainedMemory()'],
    ['os.freemem or os.totalmem', `import { freemem } from 'node:os';`],
    ['V8 heap statistics', 'v8.getHeapStatistics().used_heap_size'],
    ['heap snapshots', `import { writeHeapSnapshot } from 'node:v8';`],
    ['files of /proc', `readFileSync('/proc/self/statm', 'utf8')`],
    ['files of /proc', 'readFileSync(`/proc/${pid}/status`)'],
    ['files of the cgroup', `readFileSync('/sys/fs/cgroup/memory.current')`],
    ['files of the cgroup', `join(folder, 'memory.limit_in_bytes')`],
  ])('is found as %s in a planted case', (reading, planted) => {
    const found = offences({ 'images/planted.ts': `// looks up\n${planted}\n` });

    expect(found).toContain(`src/images/planted.ts reads memory: ${reading}`);
  });

  it('is not what a comment does, nor what the reader does', () => {
    const talk = '/** Never process.memoryUsage() here. */\nexport const a = 1; // nor os.freemem()\n';

    expect(
      offences({ 'images/talk.ts': talk, 'process-memory/reads.ts': 'process.memoryUsage.rss()' }),
    ).toEqual([]);
  });
});
