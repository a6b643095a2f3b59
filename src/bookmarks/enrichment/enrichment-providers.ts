import type { Provider } from '@nestjs/common';
import { EnrichmentJobs } from './enrichment-jobs.js';
import { EnrichmentService } from './enrichment.service.js';
import { OembedReader } from './oembed/oembed-reader.js';
import { OembedStep } from './oembed/oembed-step.js';
import { PAGE_READER } from './page-reader.js';
import { EnrichmentTerms } from './page/enrichment-terms.js';
import { PageStep } from './page/page-step.js';
import { RemotePageReader } from './page/remote-page-reader.js';
import { HostLines } from './politeness/host-lines.js';
import { PreviewService } from './preview-service.js';
import { AssetPictures } from './preview/asset-pictures.js';
import { CardPictures } from './preview/card-pictures.js';
import { PictureCheck } from './preview/picture-check.js';
import { Pictures } from './preview/pictures.js';
import { PreviewStep } from './preview/preview-step.js';
import { RefreshRequests } from './refresh/refresh-requests.js';
import { RefreshScheduler } from './refresh/refresh-scheduler.js';

/**
 * All of enrichment, for the module of the room. Beside the global rooms it needs BOOKMARK_STORE, JOB_QUEUE and the
 * images module; ASSET_FETCHER and ENRICHMENT_RANDOM are optional.
 */
export const ENRICHMENT_PROVIDERS: Provider[] = [
  AssetPictures,
  CardPictures,
  EnrichmentJobs,
  EnrichmentService,
  EnrichmentTerms,
  HostLines,
  OembedReader,
  OembedStep,
  PageStep,
  PictureCheck,
  Pictures,
  PreviewService,
  PreviewStep,
  RefreshRequests,
  RefreshScheduler,
  { provide: PAGE_READER, useClass: RemotePageReader },
];
