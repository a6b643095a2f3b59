import { Inject, Injectable, Optional } from '@nestjs/common';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { ENRICHMENT_RANDOM, type Random } from '../random.js';
import type { OutcomeTerms } from './page-outcome.js';

/** Time, chance and settings, as the rules of outcomes want them. */
@Injectable()
export class EnrichmentTerms {
  private readonly random: Random;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Optional() @Inject(ENRICHMENT_RANDOM) random?: Random,
  ) {
    this.random = random ?? Math.random;
  }

  /** As they are now; each call rolls the dice anew. */
  current(): OutcomeTerms {
    const { ENRICHMENT_MAX_ATTEMPTS, REFRESH_AFTER_MS } = this.settings.values;
    return {
      now: this.clock.now(),
      maxAttempts: ENRICHMENT_MAX_ATTEMPTS,
      refreshAfterMs: REFRESH_AFTER_MS,
      random: this.random(),
    };
  }
}
