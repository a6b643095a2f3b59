import { Logger } from '@nestjs/common';
import {
  locateCgroup,
  readOwnV1Limit,
  readUsedBytes,
  readV1Limit,
  readV2Limit,
  type CgroupLocation,
} from './cgroup-files.js';
import type { ContainerReading } from './memory-readers.js';

/** First wait before an unknown limit is looked for again, and the longest (chosen: a start-up race lasts seconds). */
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;

/** How long the found place holds before it is looked up again, ms (chosen: a process is seldom moved to another group). */
const LOCATION_MS = 30_000;

const NO_CONTAINER: ContainerReading = Object.freeze({ state: 'none', usedBytes: null, limitBytes: null });
const UNKNOWN: ContainerReading = Object.freeze({ state: 'unknown', usedBytes: null, limitBytes: null });

export interface ContainerMemoryOptions {
  /** Memory of the machine, bytes: a limit at or above it is none. */
  readonly totalMemoryBytes: number;
  /** Monotonic milliseconds. */
  readonly monotonicMs: () => number;
  /** The `/proc` folder of the process to look at; its own by default. */
  readonly procDir?: string;
}

interface Binding {
  readonly limitBytes: number;
  readonly directory: string;
}

/**
 * The container's limit and usage, cgroup v2 and v1.
 *
 * Of nested limits the smallest binds, and its group's usage is what counts against it (its other members
 * included). File cache is subtracted whole, `active_file` too: the kernel gives it back before it kills. A limit
 * counts when `0 < limit < machine memory`; cgroup v1 says "none" with 2^63. It is read anew each time, because an
 * operator may change it on a running container.
 */
export class ContainerMemory {
  private readonly logger = new Logger(ContainerMemory.name);
  private readonly procDir: string;
  private retryDelayMs = FIRST_RETRY_MS;
  private retryAtMs = -Infinity;
  private loggedUnknown = false;
  private location: CgroupLocation | undefined;
  private locatedMs = -Infinity;

  constructor(private readonly options: ContainerMemoryOptions) {
    this.procDir = options.procDir ?? '/proc/self';
  }

  /** `1`, `2`, or `undefined` before the first reading and where there are no cgroups. */
  get version(): 1 | 2 | undefined {
    return this.location?.version;
  }

  /**
   * Reads limit and usage; about 0.1 ms of small files. While the limit is unknown, the files are looked for with
   * back-off only.
   *
   * @throws when the usage below a known limit cannot be read.
   */
  read(): ContainerReading {
    const nowMs = this.options.monotonicMs();
    if (nowMs < this.retryAtMs) return UNKNOWN;
    if (nowMs - this.locatedMs >= LOCATION_MS) {
      this.location = locateCgroup(this.procDir);
      this.locatedMs = nowMs;
    }
    if (this.location === undefined) return NO_CONTAINER;
    const binding = this.findBinding(this.location);
    if (binding === 'missing') return this.postpone(nowMs);
    this.found();
    if (binding === 'none') return NO_CONTAINER;
    try {
      const usedBytes = readUsedBytes(binding.directory, this.location.version);
      return { state: 'limited', usedBytes, limitBytes: binding.limitBytes };
    } catch (error) {
      this.locatedMs = -Infinity;
      throw error;
    }
  }

  private findBinding(location: CgroupLocation): Binding | 'none' | 'missing' {
    return location.version === 2 ? this.findV2(location.directories) : this.findV1(location.directories);
  }

  private findV2(directories: readonly string[]): Binding | 'none' | 'missing' {
    const stated = directories.map((directory) => ({ directory, limit: readV2Limit(directory) }));
    let smallest: Binding | undefined;
    for (const { directory, limit } of stated) {
      if (!this.accepts(limit) || (smallest !== undefined && limit >= smallest.limitBytes)) continue;
      smallest = { limitBytes: limit, directory };
    }
    if (smallest !== undefined) return smallest;
    return stated[0]?.limit === 'missing' ? 'missing' : 'none';
  }

  /** v1 states the smallest limit of the whole path itself; the group that set it may stand outside what we see. */
  private findV1(directories: readonly string[]): Binding | 'none' | 'missing' {
    const own = directories[0];
    if (own === undefined) return 'missing';
    const limit = readV1Limit(own);
    if (limit === 'missing') return 'missing';
    if (!this.accepts(limit)) return 'none';
    const directory = directories.find((candidate) => readOwnV1Limit(candidate) === limit) ?? own;
    return { limitBytes: limit, directory };
  }

  private accepts(limit: number | 'none' | 'missing'): limit is number {
    return typeof limit === 'number' && limit > 0 && limit < this.options.totalMemoryBytes;
  }

  private postpone(nowMs: number): ContainerReading {
    this.locatedMs = -Infinity;
    this.retryAtMs = nowMs + this.retryDelayMs;
    this.retryDelayMs = Math.min(LAST_RETRY_MS, this.retryDelayMs * 2);
    if (!this.loggedUnknown) {
      this.logger.warn(
        'The memory limit of the container is unknown: its file is missing. It is looked for again.',
      );
      this.loggedUnknown = true;
    }
    return UNKNOWN;
  }

  private found(): void {
    this.retryDelayMs = FIRST_RETRY_MS;
    this.retryAtMs = -Infinity;
    if (this.loggedUnknown) this.logger.log('The memory limit of the container is known again.');
    this.loggedUnknown = false;
  }
}
