import type { Provider } from '@nestjs/common';
import { ASSET_FETCHER } from '../enrichment/preview/asset-fetcher.js';
import { KarakeepClient } from './karakeep-client.js';
import { KarakeepSeen } from './karakeep-seen.js';
import { KarakeepStates } from './karakeep-state.js';
import { KarakeepSync } from './karakeep-sync.js';
import { KarakeepWriter } from './karakeep-writer.js';
import { KarakeepService } from './karakeep.service.js';

/** All of the Karakeep source, for the module of the room; its assets become pictures through ASSET_FETCHER. */
export const KARAKEEP_PROVIDERS: Provider[] = [
  KarakeepClient,
  KarakeepSeen,
  KarakeepService,
  KarakeepStates,
  KarakeepSync,
  KarakeepWriter,
  { provide: ASSET_FETCHER, useExisting: KarakeepClient },
];
