import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ContainerReading, MemoryReaders, ProcessReading } from './memory-readers.js';

const bytes = z.number().nonnegative();

const injectionSchema = z.strictObject({
  rssBytes: bytes.optional(),
  /** RSS as percent of L. */
  usagePercent: z.number().nonnegative().optional(),
  heapUsedBytes: bytes.optional(),
  containerUsedBytes: bytes.optional(),
  /** Without it the real limit, if there is one. */
  containerLimitBytes: z.number().positive().optional(),
  /** The reading fails. */
  fail: z.boolean().optional(),
});

/** What the file of `MEMORY_INJECT_FILE` may hold. */
export type MemoryInjection = z.infer<typeof injectionSchema>;

/**
 * Readings from a JSON file that a test replaces atomically (`{"usagePercent":83}`); what the file leaves out is
 * read for real. No file means nothing is injected; a file that cannot be understood is a failed reading.
 */
export class InjectedMemoryReaders implements MemoryReaders {
  constructor(
    private readonly path: string,
    private readonly lineBytes: number,
    private readonly real: MemoryReaders,
  ) {}

  readProcess(): ProcessReading {
    const injected = this.readFile();
    const reading = this.real.readProcess();
    if (injected === undefined) return reading;
    const percent = injected.usagePercent;
    const rssBytes =
      injected.rssBytes ?? (percent === undefined ? undefined : Math.ceil((percent / 100) * this.lineBytes));
    return {
      ...reading,
      rssBytes: rssBytes ?? reading.rssBytes,
      heapUsedBytes: injected.heapUsedBytes ?? reading.heapUsedBytes,
      source: 'injected',
    };
  }

  readArrayBuffersBytes(): number {
    return this.real.readArrayBuffersBytes();
  }

  readContainer(): ContainerReading {
    const injected = this.readFile();
    const reading = this.real.readContainer();
    if (injected?.containerUsedBytes === undefined) return reading;
    const limitBytes = injected.containerLimitBytes ?? reading.limitBytes;
    return limitBytes === null
      ? reading
      : { state: 'limited', usedBytes: injected.containerUsedBytes, limitBytes };
  }

  readChildRssBytes(pid: number): number | null {
    return this.real.readChildRssBytes(pid);
  }

  /** @throws when the file is malformed, or orders a failure. */
  private readFile(): MemoryInjection | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const injected = injectionSchema.parse(JSON.parse(text));
    if (injected.fail === true) throw new Error('The injected reading fails on purpose.');
    return injected;
  }
}
