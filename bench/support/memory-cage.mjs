import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { ownCloser } from './life.mjs';

const V1_ROOT = '/sys/fs/cgroup/memory';
const V2_ROOT = '/sys/fs/cgroup';
let count = 0;

/** Runs a command inside the group from its very first instruction: a shell moves itself in and becomes it. */
const intoGroup = (folder) => (command, args) => [
  '/bin/sh',
  ['-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', folder, command, ...args],
];

const read = (file) => readFileSync(file, 'latin1');
const field = (file, name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(read(file))?.[1] ?? 0);

function openGroup(root, limitFile, limitBytes) {
  const folder = `${root}/plimsoll-bench-${process.pid}-${count++}`;
  mkdirSync(folder);
  const close = ownCloser(() => {
    try {
      rmdirSync(folder);
    } catch {
      // the kernel refuses while a process is left in it; none of ours is, after it was killed and reaped
    }
  });
  try {
    writeFileSync(`${folder}/${limitFile}`, String(limitBytes));
  } catch (error) {
    close();
    throw error;
  }
  return { folder, close };
}

function openV1(limitBytes) {
  const { folder, close } = openGroup(V1_ROOT, 'memory.limit_in_bytes', limitBytes);
  return {
    kind: 'memory cgroup v1',
    limitBytes,
    seenByServer: true,
    wrap: intoGroup(folder),
    oomKills: () => field(`${folder}/memory.oom_control`, 'oom_kill'),
    reclaims: () => Number(read(`${folder}/memory.failcnt`)),
    close,
  };
}

function openV2(limitBytes) {
  const { folder, close } = openGroup(V2_ROOT, 'memory.max', limitBytes);
  if (existsSync(`${folder}/memory.swap.max`)) writeFileSync(`${folder}/memory.swap.max`, '0');
  return {
    kind: 'memory cgroup v2',
    limitBytes,
    seenByServer: true,
    wrap: intoGroup(folder),
    oomKills: () => field(`${folder}/memory.events`, 'oom_kill'),
    reclaims: () => field(`${folder}/memory.events`, 'max'),
    close,
  };
}

function openDataLimit(limitBytes) {
  execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
  return {
    kind: 'RLIMIT_DATA (prlimit): allocations fail instead of an out-of-memory kill; the limit counts data, not RSS',
    limitBytes,
    seenByServer: false,
    wrap: (command, args) => ['prlimit', [`--data=${limitBytes}`, command, ...args]],
    oomKills: () => null,
    reclaims: () => null,
    close: () => {},
  };
}

/**
 * The strictest memory limit that this machine lets us put around a child of our own.
 *
 * @returns `kind` says which it is; `seenByServer` whether the server can read the limit itself; `wrap` puts a
 *   command inside; `oomKills()` is `null` where nobody counts; `close()` removes it
 */
export function openCage(limitBytes) {
  const reasons = [];
  for (const [open, isThere] of [
    [openV2, existsSync(`${V2_ROOT}/cgroup.controllers`)],
    [openV1, existsSync(`${V1_ROOT}/memory.limit_in_bytes`)],
    [openDataLimit, true],
  ]) {
    if (!isThere) continue;
    try {
      return open(limitBytes);
    } catch (error) {
      reasons.push(error.message);
    }
  }
  return {
    kind: `none (${reasons.join('; ')}): only the setting binds`,
    limitBytes,
    seenByServer: false,
    wrap: (command, args) => [command, args],
    oomKills: () => null,
    reclaims: () => null,
    close: () => {},
  };
}
