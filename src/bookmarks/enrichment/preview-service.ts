import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { isAbort, isPlimsollError } from '../../errors/index.js';
import { RequestTiming, type ImageAnswer, type RequestContext } from '../../images/index.js';
import type { Bookmark, PreviewCandidate } from '../model/bookmark.js';
import { CardPictures } from './preview/card-pictures.js';
import { Pictures, type PictureParameters } from './preview/pictures.js';

/** A card stands in for this long, ms, while the preview is still being looked for; else for an hour. */
const PENDING_CARD_MS = 60_000;
const CARD_MS = 3_600_000;

/**
 * The picture of a bookmark: the candidate that was chosen, through the pipeline of all images; when there is none,
 * or its source fails, a card of our own making. So no preview is ever a broken image.
 */
@Injectable()
export class PreviewService {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly pictures: Pictures,
    private readonly cards: CardPictures,
  ) {}

  /**
   * The preview with these image parameters. The answer carries no `variantKey`: which picture a bookmark shows may
   * change, so its URL must not enter the table of memory hits.
   *
   * @throws MemoryPressureError, PlimsollError `server-busy`, `too-many-requests`: never a card instead of a refusal;
   *   AbortedError
   */
  async get(
    bookmark: Bookmark,
    parameters: PictureParameters,
    context: RequestContext,
    timing = new RequestTiming(),
  ): Promise<ImageAnswer> {
    const { chosen } = bookmark.preview;
    if (chosen !== null && chosen.kind !== 'card') {
      const answer = await this.tryPicture(chosen, parameters, context, timing);
      if (answer !== null) return { ...answer, variantKey: undefined };
    }
    const waiting = bookmark.enrichment.state === 'pending' || chosen !== null;
    const freshUntil = this.clock.now() + (waiting ? PENDING_CARD_MS : CARD_MS);
    return this.cards.get(bookmark, parameters, context, timing, {
      freshUntil,
      staleUntil: freshUntil + CARD_MS,
    });
  }

  /** `null` when the source has failed, in whatever way: the card stands in. */
  private async tryPicture(
    candidate: PreviewCandidate,
    parameters: PictureParameters,
    context: RequestContext,
    timing: RequestTiming,
  ): Promise<ImageAnswer | null> {
    try {
      return await this.pictures.get(candidate, parameters, context, timing);
    } catch (error) {
      if (isAbort(error) || isPlimsollError(error, ...REFUSALS)) throw error;
      if (isPlimsollError(error)) return null;
      throw error;
    }
  }
}

/** Not now: for these a card would be a lie. */
const REFUSALS = [
  'memory-pressure',
  'server-busy',
  'shutting-down',
  'too-many-requests',
  'invalid-parameter',
  'storage-unavailable',
] as const;
