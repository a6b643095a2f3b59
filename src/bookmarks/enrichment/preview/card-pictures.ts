import { Inject, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { CLOCK, type Clock } from '../../../clock/index.js';
import {
  DerivedImages,
  UnifiedImageService,
  type Freshness,
  type ImageAnswer,
  type RequestContext,
  type RequestTiming,
} from '../../../images/index.js';
import type { ObjectKey } from '../../../object-storage/index.js';
import type { Bookmark } from '../../model/bookmark.js';
import { cardSvg } from './card-svg.js';
import type { PictureParameters } from './pictures.js';

/** How long a drawing counts as fresh inside, ms; what is told to clients is the caller's matter. */
const FRESH_MS = 7 * 86_400_000;

/**
 * The cards that stand in for missing pictures: drawn from our own template, rasterised like every image, under a
 * reservation, with the same parameters. The drawing itself is made again each time and never stored.
 */
@Injectable()
export class CardPictures {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly derived: DerivedImages,
    private readonly images: UnifiedImageService,
  ) {}

  /** @throws MemoryPressureError, PlimsollError `server-busy`, `too-many-requests`; AbortedError */
  async get(
    bookmark: Pick<Bookmark, 'host' | 'title'>,
    parameters: PictureParameters,
    context: RequestContext,
    timing: RequestTiming,
    freshness: Freshness,
  ): Promise<ImageAnswer> {
    const drawing = Buffer.from(cardSvg(bookmark));
    const key: ObjectKey = `originals/${createHash('sha256').update('card:').update(drawing).digest('hex')}`;
    const now = this.clock.now();
    const known = this.derived.peek(key);
    const record =
      known !== undefined && now < known.freshUntil
        ? known
        : await this.derived.adopt(key, drawing, {
            freshUntil: now + FRESH_MS,
            staleUntil: now + 2 * FRESH_MS,
          });
    const answer = await this.images.get(
      { source: { kind: 'derived', key }, parameters, delivery: 'bytes' },
      context,
      timing,
      { record, bytes: drawing, stale: false },
    );
    return { ...answer, ...freshness, variantKey: undefined };
  }
}
