import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ContainerMemory } from './container-memory.js';

const MIB = 1024 ** 2;
const MACHINE_BYTES = 16_384 * MIB;
const V1_UNLIMITED = '9223372036854771712';

describe('ContainerMemory', () => {
  let root: string;
  let nowMs: number;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'plimsoll-cgroup-'));
    nowMs = 1_000;
    jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    jest.spyOn(Logger.prototype, 'log').mockReturnValue(undefined);
  });

  afterEach(() => {
    jest.restoreAllMocks();
    rmSync(root, { recursive: true, force: true });
  });

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const remove = (path: string): void => rmSync(join(root, path), { recursive: true });

  /** A process in `group`, with `mountRoot` of the hierarchy mounted. */
  const place = (version: 1 | 2, group: string, mountRoot = '/'): void => {
    write(
      'proc/cgroup',
      version === 2 ? `0::${group}\n` : `5:cpu,cpuacct:/elsewhere\n4:memory:${group}\n0::/\n`,
    );
    const v2 = `41 31 0:38 ${version === 2 ? mountRoot : '/'} ${root}/unified rw,relatime - cgroup2 cgroup2 rw\n`;
    const v1 = `32 31 0:29 / ${root}/cpu rw - cgroup cgroup rw,cpu\n35 31 0:32 ${mountRoot} ${root}/memory rw shared:9 - cgroup cgroup rw,memory\n`;
    write('proc/mountinfo', version === 2 ? v2 : v1 + v2);
  };
  const v2Group = (
    path: string,
    maxBytes: number | 'max',
    currentBytes: number,
    fileBytes = [0, 0],
  ): void => {
    write(`unified/${path}/memory.max`, `${maxBytes}\n`);
    write(`unified/${path}/memory.current`, `${currentBytes}\n`);
    write(
      `unified/${path}/memory.stat`,
      `anon 5\nfile 7\ninactive_anon 9\ninactive_file ${fileBytes[0]}\nactive_file ${fileBytes[1]}\n`,
    );
  };
  const v1Group = (
    path: string,
    limit: number | string,
    usage: number,
    file = [0, 0],
    hierarchical = limit,
  ): void => {
    write(`memory/${path}/memory.limit_in_bytes`, `${limit}\n`);
    write(`memory/${path}/memory.usage_in_bytes`, `${usage}\n`);
    write(
      `memory/${path}/memory.stat`,
      `inactive_file 3\nactive_file 4\nhierarchical_memory_limit ${hierarchical}\ntotal_inactive_file ${file[0]}\ntotal_active_file ${file[1]}\n`,
    );
  };
  const create = (totalMemoryBytes = MACHINE_BYTES): ContainerMemory =>
    new ContainerMemory({ totalMemoryBytes, monotonicMs: () => nowMs, procDir: join(root, 'proc') });

  describe('with cgroup v2', () => {
    it('subtracts the whole file cache from the usage', () => {
      place(2, '/');
      v2Group('', 512 * MIB, 400 * MIB, [100 * MIB, 250 * MIB]);

      const reading = create().read();

      expect(reading).toEqual({ state: 'limited', usedBytes: 50 * MIB, limitBytes: 512 * MIB });
    });

    it('lets the smallest limit along the path bind, with the usage of its group', () => {
      place(2, '/outer/middle/own');
      v2Group('outer', 900 * MIB, 300 * MIB);
      v2Group('outer/middle', 256 * MIB, 200 * MIB, [20 * MIB, 30 * MIB]);
      v2Group('outer/middle/own', 'max', 10 * MIB);

      const reading = create().read();

      expect(reading).toEqual({ state: 'limited', usedBytes: 150 * MIB, limitBytes: 256 * MIB });
    });

    it('falls back to the mount when the path does not exist inside the container', () => {
      place(2, '/../../system.slice/docker-abc.scope');
      v2Group('', 128 * MIB, 64 * MIB);

      expect(create().read()).toEqual({ state: 'limited', usedBytes: 64 * MIB, limitBytes: 128 * MIB });
    });

    it('reads a path relative to the mounted part of the hierarchy', () => {
      place(2, '/docker/abc/worker', '/docker/abc');
      v2Group('', 'max', 64 * MIB);
      v2Group('worker', 96 * MIB, 32 * MIB);

      expect(create().read().limitBytes).toBe(96 * MIB);
    });

    it('has no limit in the root group, where the file does not exist by design', () => {
      place(2, '/');
      write('unified/cgroup.controllers', 'cpu memory\n');

      expect(create().read()).toEqual({ state: 'none', usedBytes: null, limitBytes: null });
      expect(Logger.prototype.warn).not.toHaveBeenCalled();
    });

    it('has no limit where the memory controller is not enabled', () => {
      place(2, '/user');
      write('unified/user/cgroup.type', 'domain\n');
      write('unified/user/cgroup.controllers', 'cpu pids\n');

      expect(create().read().state).toBe('none');
    });
  });

  describe('with cgroup v1', () => {
    it('subtracts the file cache of the group and the groups in it', () => {
      place(1, '/own');
      v1Group('', V1_UNLIMITED, 9_000 * MIB);
      v1Group('own', 512 * MIB, 491 * MIB, [140 * MIB, 283 * MIB]);

      expect(create().read()).toEqual({ state: 'limited', usedBytes: 68 * MIB, limitBytes: 512 * MIB });
    });

    it('obeys the limit of a group above, with the usage of that group', () => {
      place(1, '/pod/own');
      v1Group('', V1_UNLIMITED, 9_000 * MIB);
      v1Group('pod', 256 * MIB, 200 * MIB);
      v1Group('pod/own', V1_UNLIMITED, 50 * MIB, [0, 0], 256 * MIB);

      expect(create().read()).toEqual({ state: 'limited', usedBytes: 200 * MIB, limitBytes: 256 * MIB });
    });

    it('obeys a limit that was set outside of what is visible', () => {
      place(1, '/docker/abc', '/docker/abc');
      v1Group('', V1_UNLIMITED, 50 * MIB, [0, 0], 256 * MIB);

      expect(create().read()).toEqual({ state: 'limited', usedBytes: 50 * MIB, limitBytes: 256 * MIB });
    });

    it('falls back to the mount when the path does not exist inside the container', () => {
      place(1, '/docker/abc');
      v1Group('', 128 * MIB, 64 * MIB);

      expect(create().read()).toEqual({ state: 'limited', usedBytes: 64 * MIB, limitBytes: 128 * MIB });
    });

    it('takes 2^63 for no limit', () => {
      place(1, '/');
      v1Group('', V1_UNLIMITED, 64 * MIB);

      expect(create().read()).toEqual({ state: 'none', usedBytes: null, limitBytes: null });
    });
  });

  it.each([
    [0, 'none'],
    [1, 'limited'],
    [MACHINE_BYTES - 1, 'limited'],
    [MACHINE_BYTES, 'none'],
    [2 ** 64, 'none'],
  ])('takes a limit of %d bytes on a machine of 16 GiB for "%s"', (limitBytes, state) => {
    place(2, '/');
    v2Group('', limitBytes, 0);

    expect(create().read().state).toBe(state);
  });

  it('sees a limit that is changed while it runs', () => {
    place(2, '/');
    v2Group('', 512 * MIB, 0);
    const container = create();
    container.read();

    v2Group('', 256 * MIB, 0);

    expect(container.read().limitBytes).toBe(256 * MIB);
  });

  it('is without opinion where there are no cgroups', () => {
    expect(create().read()).toEqual({ state: 'none', usedBytes: null, limitBytes: null });
  });

  it('throws when the usage below a known limit cannot be read', () => {
    place(2, '/');
    v2Group('', 512 * MIB, 0);
    remove('unified/memory.current');

    expect(() => create().read()).toThrow('memory.current');
  });

  describe('when the file of the limit is missing', () => {
    const limitless = (): void => {
      place(2, '/own');
      v2Group('own', 256 * MIB, 10 * MIB);
      remove('unified/own/memory.max');
      write('unified/own/cgroup.type', 'domain\n');
    };

    it('is without opinion and logs it once', () => {
      limitless();
      const container = create();

      const first = container.read();
      nowMs += 3_600_000;
      container.read();

      expect(first).toEqual({ state: 'unknown', usedBytes: null, limitBytes: null });
      expect(Logger.prototype.warn).toHaveBeenCalledTimes(1);
    });

    it('looks again after 1 s, then after 2 s, and says when it is back', () => {
      limitless();
      const container = create();
      container.read();
      nowMs += 1_000;
      container.read();
      v2Group('own', 256 * MIB, 10 * MIB);

      nowMs += 1_999;
      const early = container.read();
      nowMs += 1;
      const due = container.read();

      expect(early.state).toBe('unknown');
      expect(due).toEqual({ state: 'limited', usedBytes: 10 * MIB, limitBytes: 256 * MIB });
      expect(Logger.prototype.log).toHaveBeenCalledTimes(1);
    });
  });
});
