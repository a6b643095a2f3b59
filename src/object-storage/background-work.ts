import type { Logger } from '@nestjs/common';

/** Removals that nobody waits for, until the owner closes. A failure is logged; the next start sweeps what is left. */
export class BackgroundWork {
  private readonly running = new Set<Promise<void>>();

  constructor(private readonly logger: Logger) {}

  add(label: string, work: Promise<void>): void {
    const settled = work
      .catch((error: unknown) => {
        this.logger.warn(`${label} failed: ${error instanceof Error ? error.message : String(error)}`);
      })
      .finally(() => this.running.delete(settled));
    this.running.add(settled);
  }

  /** Resolves when all of it has settled. */
  async drain(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }
}
