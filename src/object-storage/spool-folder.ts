import { PlimsollError } from '../errors/index.js';
import type { Disk } from './disk.js';
import { FileSpool } from './file-spool.js';
import type { Generations } from './generations.js';
import type { ObjectPaths } from './object-paths.js';
import type { TransferGarbage } from './transfer-garbage.js';

/** Chosen: each holds a descriptor, a temporary file and up to 512 KiB; uploads and downloads have lower limits of their own. */
export const MAX_OPEN_SPOOLS = 128;

/** Owns every open spool; at shutdown it removes them. */
export class SpoolFolder {
  private readonly open = new Set<FileSpool>();
  private opening = 0;
  private closed = false;

  constructor(
    private readonly disk: Disk,
    private readonly paths: ObjectPaths,
    private readonly generations: Generations,
    private readonly garbage: TransferGarbage,
  ) {}

  get size(): number {
    return this.open.size + this.opening;
  }

  /** Whether the spool is one of these and still open. */
  owns(spool: unknown): spool is FileSpool {
    return spool instanceof FileSpool && this.open.has(spool);
  }

  /** @throws PlimsollError `server-busy` past the bound, `shutting-down` after {@link close}. */
  async create(): Promise<FileSpool> {
    if (this.closed)
      throw new PlimsollError('shutting-down', 'The object store is closing.', { retryAfterSeconds: 5 });
    if (this.size >= MAX_OPEN_SPOOLS) {
      throw new PlimsollError(
        'server-busy',
        `At most ${MAX_OPEN_SPOOLS} transfers write at once; try again later.`,
        {
          retryAfterSeconds: 2,
        },
      );
    }
    const generation = this.generations.next();
    const path = this.paths.temporaryFile(generation);
    this.opening += 1;
    let spool: FileSpool;
    try {
      const fd = await this.disk.open(path, 'wx');
      spool = new FileSpool(this.disk, path, generation, fd, this.garbage, (ended) =>
        this.open.delete(ended),
      );
      this.open.add(spool);
    } finally {
      this.opening -= 1;
    }
    if (!this.closed) return spool;
    await spool.discard();
    throw new PlimsollError('shutting-down', 'The object store is closing.', { retryAfterSeconds: 5 });
  }

  /** Removes what is open and refuses what comes. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.open].map((spool) => spool.discard()));
  }
}
