import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { BackgroundTasks, Intervals } from '../../async-ops/index.js';
import { CLOCK, type Clock } from '../../clock/index.js';
import { SETTINGS, type Settings } from '../../config/index.js';
import { PlimsollError } from '../../errors/index.js';
import { JOB_QUEUE, type JobQueue, type JobView } from '../../jobs/index.js';
import { KarakeepClient } from './karakeep-client.js';
import { KarakeepStates, type KarakeepState } from './karakeep-state.js';
import { KARAKEEP_KIND, type KarakeepPayload } from './karakeep-sync.js';

const SWEEP_EVERY_MS = 86_400_000;

/** Asks for pulls by schedule and by hand, and says how it goes. */
@Injectable()
export class KarakeepService implements OnApplicationBootstrap {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(JOB_QUEUE) private readonly jobs: JobQueue,
    private readonly client: KarakeepClient,
    private readonly states: KarakeepStates,
    private readonly intervals: Intervals,
    private readonly background: BackgroundTasks,
  ) {}

  onApplicationBootstrap(): void {
    const { KARAKEEP_SYNC_EVERY_MS, READ_ONLY } = this.settings.values;
    if (!this.client.configured || READ_ONLY) return;
    this.intervals.every('karakeep.sync', KARAKEEP_SYNC_EVERY_MS, () => this.tick());
    this.background.detach(this.tick(), 'karakeep.first-sync');
  }

  /**
   * Queues a run; one that waits or runs already is answered instead.
   *
   * @throws PlimsollError `karakeep-not-configured`, `read-only`
   */
  async request(mode: KarakeepPayload['mode']): Promise<JobView> {
    if (!this.client.configured)
      throw new PlimsollError('karakeep-not-configured', 'KARAKEEP_URL and KARAKEEP_API_KEY must be set.');
    if (this.settings.values.READ_ONLY)
      throw new PlimsollError('read-only', 'This server runs read-only: nothing is brought over.');
    return this.jobs.enqueue({ kind: KARAKEEP_KIND, payload: { mode }, dedupeKey: KARAKEEP_KIND });
  }

  /** @throws PlimsollError `database-unavailable` */
  async status(): Promise<KarakeepState & { readonly configured: boolean }> {
    return { configured: this.client.configured, ...(await this.states.read()) };
  }

  private async tick(): Promise<void> {
    const { sweptAt } = await this.states.read();
    await this.request(this.clock.now() - sweptAt >= SWEEP_EVERY_MS ? 'sweep' : 'pull');
  }
}
