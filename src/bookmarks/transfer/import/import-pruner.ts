import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { BackgroundTasks, Intervals } from '../../../async-ops/index.js';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { ImportFiles } from './import-files.js';

const HOUR_MS = 3_600_000;
/** Reports, and files that nobody came back for. */
const KEEP_MS = 7 * 24 * HOUR_MS;

/** Removes what imports have left: broken-off uploads at the start, all else a week after it was last written. */
@Injectable()
export class ImportPruner implements OnApplicationBootstrap {
  private readonly logger = new Logger(ImportPruner.name);

  constructor(
    private readonly files: ImportFiles,
    private readonly intervals: Intervals,
    private readonly background: BackgroundTasks,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.values.READ_ONLY) return;
    this.intervals.every('bookmarks.prune-imports', HOUR_MS, () => this.prune());
    this.background.detach(this.removeBrokenOff(), 'bookmarks.broken-uploads');
  }

  async prune(): Promise<void> {
    const removed = await this.files.prune(this.clock.now() - KEEP_MS);
    if (removed > 0) this.logger.log(`Removed ${removed} files of imports older than a week.`);
  }

  private async removeBrokenOff(): Promise<void> {
    const removed = await this.files.removeBrokenOff();
    if (removed > 0) this.logger.log(`Removed ${removed} uploads that an earlier process did not end.`);
  }
}
