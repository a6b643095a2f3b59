import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/index.js';
import { JOB_QUEUE, type JobQueue } from '../../jobs/index.js';
import { ENRICH_KIND, type EnrichPayload } from './enrichment-job.js';
import { EnrichmentService } from './enrichment.service.js';

/** One attempt: a page, a description and a few pictures, each with deadlines of its own below this, ms. */
const ATTEMPT_TIMEOUT_MS = 300_000;

/** Jobs that ended are kept for this long, ms (chosen: a day's work can be looked up, an import of 100 000 is not kept). */
const KEEP_MS = 6 * 3_600_000;

/** Tells the queue how bookmarks are enriched. From `coordinate` up none is started. */
@Injectable()
export class EnrichmentJobs implements OnModuleInit {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    private readonly enrichment: EnrichmentService,
  ) {}

  onModuleInit(): void {
    this.queue.define<EnrichPayload>({
      kind: ENRICH_KIND,
      concurrency: this.settings.values.ENRICHMENT_CONCURRENCY,
      timeoutMs: ATTEMPT_TIMEOUT_MS,
      gate: 'memory',
      keepMs: KEEP_MS,
      run: (job) => this.enrichment.enrich(job),
    });
  }
}
