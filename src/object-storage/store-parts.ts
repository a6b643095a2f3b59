import type { Logger } from '@nestjs/common';
import type { Clock } from '../clock/index.js';
import type { BackgroundWork } from './background-work.js';
import type { Disk } from './disk.js';
import type { Generations } from './generations.js';
import type { KeyLocks } from './key-locks.js';
import type { ObjectPaths } from './object-paths.js';
import type { Pins } from './pins.js';
import type { RecordFiles } from './record-files.js';
import type { StoreCatalogue } from './store-catalogue.js';
import type { StoreRoot } from './store-root.js';
import type { TransferGarbage } from './transfer-garbage.js';

/** What readers, writers and the scan of one filesystem store share. */
export interface StoreParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly paths: ObjectPaths;
  readonly root: StoreRoot;
  readonly generations: Generations;
  readonly records: RecordFiles;
  readonly catalogue: StoreCatalogue;
  readonly locks: KeyLocks;
  readonly pins: Pins;
  readonly background: BackgroundWork;
  readonly garbage: TransferGarbage;
  readonly logger: Logger;
  readonly readOnly: boolean;
}
