import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Which cgroup holds this process and where its memory files stand, deepest group first. */
export interface CgroupLocation {
  readonly version: 1 | 2;
  /** The process's own group, then its visible ancestors up to the mount. */
  readonly directories: readonly string[];
}

/** A limit as its file states it: bytes, `none` (unlimited, or not counted there) or `missing` (no such file). */
export type StatedLimit = number | 'none' | 'missing';

interface Mount {
  readonly version: 1 | 2;
  /** The part of the hierarchy that is mounted here; not `/` in a container without a cgroup namespace. */
  readonly root: string;
  readonly point: string;
}

/**
 * Finds the memory cgroup of the process whose `/proc` folder is given. With the hybrid layout (v1 controllers
 * beside an empty v2 tree) the hierarchy that has the memory controller wins. `undefined`: no cgroups here.
 */
export function locateCgroup(procDir: string): CgroupLocation | undefined {
  const groups = readText(join(procDir, 'cgroup'));
  const mountinfo = readText(join(procDir, 'mountinfo'));
  if (groups === undefined || mountinfo === undefined) return undefined;
  const lines = groups.split('\n').map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  const memoryLine = lines.find((match) => match?.[1]?.split(',').includes('memory'));
  const version = memoryLine ? 1 : 2;
  const group = (memoryLine ?? lines.find((match) => match?.[1] === ''))?.[2];
  const mount = parseMounts(mountinfo).find((candidate) => candidate.version === version);
  if (group === undefined || mount === undefined) return undefined;
  return { version, directories: directoriesOf(group, mount) };
}

/** `memory.max` of one v2 group. */
export function readV2Limit(directory: string): StatedLimit {
  const text = readText(join(directory, 'memory.max'));
  if (text !== undefined) return text.trim() === 'max' ? 'none' : parseCount(text);
  const controllers = readText(join(directory, 'cgroup.controllers'));
  const isRoot = controllers !== undefined && !existsSync(join(directory, 'cgroup.type'));
  const counts = controllers?.trim().split(/\s+/).includes('memory') ?? true;
  return isRoot || !counts ? 'none' : 'missing';
}

/** Usage of one group without its file cache, bytes. @throws when a file is missing or unreadable. */
export function readUsedBytes(directory: string, version: 1 | 2): number {
  const total = parseCount(
    readFileSync(join(directory, version === 2 ? 'memory.current' : 'memory.usage_in_bytes'), 'latin1'),
  );
  const stat = readFileSync(join(directory, 'memory.stat'), 'latin1');
  const prefix = version === 2 ? '' : 'total_';
  const fileBytes =
    (statValue(stat, `${prefix}inactive_file`) ?? 0) + (statValue(stat, `${prefix}active_file`) ?? 0);
  return Math.max(0, total - fileBytes);
}

/** The limit that binds a v1 group, its ancestors' included, even those that are not visible from here. */
export function readV1Limit(directory: string): StatedLimit {
  const stat = readText(join(directory, 'memory.stat'));
  const hierarchical = stat === undefined ? undefined : statValue(stat, 'hierarchical_memory_limit');
  const own = readOwnV1Limit(directory);
  if (hierarchical === undefined) return own;
  return typeof own === 'number' ? Math.min(own, hierarchical) : hierarchical;
}

/** `memory.limit_in_bytes` of one v1 group alone. */
export function readOwnV1Limit(directory: string): StatedLimit {
  const text = readText(join(directory, 'memory.limit_in_bytes'));
  return text === undefined ? 'missing' : parseCount(text);
}

function directoriesOf(group: string, mount: Mount): string[] {
  const own = resolve(mount.point, `.${pathInside(group, mount.root)}`);
  const directories: string[] = [];
  let directory = isWithin(own, mount.point) && existsSync(own) ? own : mount.point;
  while (directory !== mount.point) {
    directories.push(directory);
    directory = dirname(directory);
  }
  return [...directories, mount.point];
}

/** The path of a group below the mounted root; `/` when it lies outside. */
function pathInside(group: string, root: string): string {
  if (root === '/') return group;
  return group.startsWith(`${root}/`) ? group.slice(root.length) : '/';
}

const isWithin = (directory: string, point: string): boolean =>
  directory === point || directory.startsWith(`${point}/`);

/** Lines of mountinfo: `id parent major:minor root point options … - type source superOptions` (proc(5)). */
function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line): Mount[] => {
    const [left, right] = line.split(' - ');
    const [, , , root, point] = left?.split(' ') ?? [];
    const [type, , superOptions] = right?.split(' ') ?? [];
    if (root === undefined || point === undefined) return [];
    const plain = { root: unescape(root), point: resolve(unescape(point)) };
    if (type === 'cgroup2') return [{ version: 2, ...plain }];
    return type === 'cgroup' && superOptions?.split(',').includes('memory') ? [{ version: 1, ...plain }] : [];
  });
}

/** mountinfo writes blanks and backslashes as octal. */
const unescape = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

function statValue(stat: string, name: string): number | undefined {
  const match = new RegExp(`^${name} (\\d+)$`, 'm').exec(stat);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** @throws when the text is no count. */
function parseCount(text: string): number {
  const trimmed = text.trim();
  if (!/^\d+$/.test(trimmed)) throw new Error('A memory file of the container does not hold a number.');
  return Number(trimmed);
}

/** `undefined` when the file is not there (or not for us). */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
