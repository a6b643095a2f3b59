import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { SETTINGS, type Settings } from '../../config/index.js';
import { MemorySampler } from '../../process-memory/index.js';

/** Linux shows a thread as a folder here, and gives each its own nice value (`man 2 setpriority`, notes). */
const THREADS = '/proc/self/task';

/** How libvips names the threads that decode and encode (`vips__thread_execute`). */
const WORKER_NAME = 'libvips worker';

/** Samples come up to 20 times a second under load; threads live for seconds. */
const SHORTEST_PAUSE_MS = 100;

/**
 * Gives the event loop the processor before the decoders. Every image in work keeps one thread of libvips busy; with
 * as many as there are processors the loop would wait for its share behind them, and with it every memory hit. Their
 * threads get the nice value `IMAGE_NICE`, so that the loop runs as soon as it has something to do.
 *
 * Threads are found at memory samples, which are taken all the while image work holds a lease. Nothing happens where
 * the system has no such folder (other than Linux), or with `IMAGE_NICE=0`.
 */
@Injectable()
export class DecoderPriority implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger(DecoderPriority.name);
  /** Thread ids that were looked at and still live. */
  private known: ReadonlySet<string> = new Set();
  private lookedMs = Number.NEGATIVE_INFINITY;
  private complained = false;
  private stopListening: (() => void) | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly sampler: MemorySampler,
  ) {}

  onModuleInit(): void {
    if (this.settings.values.IMAGE_NICE === 0 || process.platform !== 'linux') return;
    this.stopListening = this.sampler.onSample(() => this.look());
  }

  beforeApplicationShutdown(): void {
    this.stopListening?.();
  }

  /** Lowers the priority of decoder threads that appeared since the last look. Never throws. */
  private look(): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.lookedMs < SHORTEST_PAUSE_MS) return;
    this.lookedMs = nowMs;
    try {
      const threads = new Set(readdirSync(THREADS));
      for (const id of threads) if (!this.known.has(id)) this.lower(id);
      this.known = threads;
    } catch (error) {
      this.complainOnce(error);
    }
  }

  private lower(id: string): void {
    try {
      if (readFileSync(`${THREADS}/${id}/comm`, 'latin1').trimEnd() !== WORKER_NAME) return;
      setPriority(Number(id), this.settings.values.IMAGE_NICE);
    } catch (error) {
      // A thread that ended meanwhile is no fault.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.complainOnce(error);
    }
  }

  private complainOnce(error: unknown): void {
    if (this.complained) return;
    this.complained = true;
    this.logger.warn(`The priority of decoder threads cannot be set: ${String(error)}`);
  }
}
